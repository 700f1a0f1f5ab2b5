"""A letter's talk with the relay: what is to be said is said, what has come is heard, until its fate is known."""

import smtplib
import time
from dataclasses import dataclass
from enum import Enum, auto

from campaign.mailing.relay import PreparedMessage, RelayConnection
from campaign.mailing.smtp import TooLate
from campaign.mailing.wire import Wire


class Fate(Enum):
    """What became of a letter."""

    ACCEPTED = auto()
    RECIPIENT_REFUSED = auto()
    SENDER_REFUSED = auto()
    LETTER_REFUSED = auto()
    UNREACHED = auto()
    """The relay cannot be reached, or does not want to talk."""
    BROKEN_OFF = auto()
    """The connection broke before the letter was out."""
    UNKNOWN = auto()
    """The letter was out and the reply was lost: nobody can tell whether it was taken."""
    TOO_LATE = auto()
    """Its time was over before it went out."""


@dataclass(frozen=True, repr=False, eq=False)
class Parcel:
    """A letter to carry; `until` (monotonic seconds): it must not go out later, for another may hold it then."""

    sender: str
    recipient: str
    content: bytes
    until: float


@dataclass(frozen=True)
class Reply:
    """What the relay said; `text` may hold an address and is never logged."""

    fate: Fate
    code: int | None = None
    text: str = ""


class Talk:
    """The dialogue of one letter over an open connection; `reply` is there when its fate is known."""

    def __init__(self, parcel: Parcel, connection: RelayConnection, wire: Wire) -> None:
        self.parcel = parcel
        self.wire = wire
        self.reply: Reply | None = None
        self._speaker = connection.speaker
        self._patience = connection.relay.timeout
        self._deadline = time.monotonic() + self._patience
        message = PreparedMessage(parcel.sender, parcel.recipient, parcel.content)
        self._dialogue = connection.carry(message, parcel.until)
        self._wanted: bytes | None = None
        """What the dialogue wants written; None: it waits for a reply."""
        self._converse(is_first=True)

    @property
    def seconds_left(self) -> float:
        """For how long it waits for the relay."""
        return max(0.0, self._deadline - time.monotonic())

    def go_on(self) -> None:
        """The relay has said something, or takes more."""
        try:
            self.wire.go_on()
        except OSError as error:
            self._converse(error)  # what came before it broke is heard first
        else:
            self._deadline = time.monotonic() + self._patience
            self._converse()

    def look_at_the_time(self) -> None:
        """Break off where the relay takes too long."""
        if not self.seconds_left:
            self._converse(TimeoutError())

    def _converse(self, broken: Exception | None = None, *, is_first: bool = False) -> None:
        """Carry the dialogue on until it waits, or the letter's fate is known."""
        try:
            if is_first:
                self._wanted = next(self._dialogue)
            while self._step(broken):
                pass
        except StopIteration:
            self.reply = Reply(Fate.ACCEPTED, 250)
        except smtplib.SMTPRecipientsRefused as error:
            self.reply = reply(Fate.RECIPIENT_REFUSED, *next(iter(error.recipients.values())))
        except smtplib.SMTPSenderRefused as error:
            self.reply = reply(Fate.SENDER_REFUSED, error.smtp_code, error.smtp_error)
        except smtplib.SMTPDataError as error:
            self.reply = reply(Fate.LETTER_REFUSED, error.smtp_code, error.smtp_error)
        except TooLate:
            self._break_off(Fate.TOO_LATE)
        except Exception as error:  # whatever it is, a letter's fate is to be known
            fate = Fate.UNKNOWN if self._speaker.is_reply_owed else Fate.BROKEN_OFF
            self._break_off(fate, type(error).__name__)

    def _break_off(self, fate: Fate, text: str = "") -> None:
        self._speaker.is_over = True
        self.reply = Reply(fate, text=text)

    def _step(self, broken: Exception | None) -> bool:
        """Write what is wanted, or hear a reply; says whether there was either."""
        wanted, answer = self._wanted, None
        try:
            if wanted is not None:
                self.wire.write(wanted)
            else:
                answer = self.wire.next_answer()
        except OSError as error:
            wanted, broken = None, error
        if wanted is not None:
            self._wanted = next(self._dialogue)
        elif answer is not None:
            self._wanted = self._dialogue.send(answer)
        elif broken is not None:
            self._wanted = self._dialogue.throw(broken)
        else:
            return False
        return True


def reply(fate: Fate, code: int, text: bytes | str) -> Reply:
    """What the relay said, as smtplib has it."""
    return Reply(fate, code, text.decode("ascii", "replace") if isinstance(text, bytes) else text)
