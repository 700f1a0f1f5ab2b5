"""Carriers: threads that each hold one connection to the relay and do nothing but carry one letter at a time.

They know neither the database nor the keys. Whoever hands a letter out gets a reply for it, and a carrier gets its
next letter only then: so the letter before it is settled first.
"""

import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from queue import Empty, SimpleQueue
from threading import Thread

from campaign.mailing.relay import PreparedMessage, RelayConnection
from campaign.mailing.smtp import TooLate

IDLE_SECONDS = 5.0
"""A connection that carries nothing for so long is closed."""


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


class Carriers:
    """A number of carriers, started when there is something to carry."""

    def __init__(self, connect: Callable[[], RelayConnection], size: int) -> None:
        self.size = size
        self.busy = 0
        self._connect = connect
        self._idle: list[_Carrier] = []
        self._replies: SimpleQueue[tuple[_Carrier, Parcel, Reply]] = SimpleQueue()

    @property
    def free(self) -> int:
        """How many letters can be handed out now."""
        return self.size - self.busy

    def hand_out(self, parcel: Parcel) -> None:
        """Let a free carrier carry it."""
        carrier = self._idle.pop() if self._idle else _Carrier(self._connect(), self._replies)
        self.busy += 1
        carrier.parcels.put(parcel)

    def collect(self) -> list[tuple[Parcel, Reply]]:
        """The replies that have come; waits for one if none has. Each frees its carrier."""
        found = [self._replies.get()]
        while not self._replies.empty():
            found.append(self._replies.get())
        self.busy -= len(found)
        self._idle += [carrier for carrier, _parcel, _reply in found]
        return [(parcel, reply) for _carrier, parcel, reply in found]


class _Carrier(Thread):
    """One connection, and the thread that talks over it; it ends with the process."""

    def __init__(self, connection: RelayConnection, replies: "SimpleQueue[tuple[_Carrier, Parcel, Reply]]") -> None:
        super().__init__(name="carrier", daemon=True)
        self.connection = connection
        self.parcels: SimpleQueue[Parcel] = SimpleQueue()
        self.replies = replies
        self.start()

    def run(self) -> None:
        while True:
            parcel = self._next()
            self.replies.put((self, parcel, self._carry(parcel)))

    def _next(self) -> Parcel:
        try:
            return self.parcels.get(timeout=IDLE_SECONDS)
        except Empty:
            self.connection.say_goodbye()
            return self.parcels.get()

    def _carry(self, parcel: Parcel) -> Reply:
        is_reused = self.connection.host is not None
        reply = self._try(parcel)
        if reply.fate is Fate.BROKEN_OFF and is_reused:
            return self._try(parcel)  # the relay had closed a connection that waited
        return reply

    def _try(self, parcel: Parcel) -> Reply:
        try:
            self.connection.connect()
        except smtplib.SMTPResponseException as error:
            return _reply(Fate.UNREACHED, error.smtp_code, error.smtp_error)
        except Exception as error:  # whatever it is, a letter's fate is to be known
            return Reply(Fate.UNREACHED, text=type(error).__name__)
        return self._talk(parcel)

    def _talk(self, parcel: Parcel) -> Reply:
        """Carry a letter over the open connection."""
        try:
            self.connection.carry(PreparedMessage(parcel.sender, parcel.recipient, parcel.content), parcel.until)
        except smtplib.SMTPRecipientsRefused as error:
            return _reply(Fate.RECIPIENT_REFUSED, *next(iter(error.recipients.values())))
        except smtplib.SMTPSenderRefused as error:
            return _reply(Fate.SENDER_REFUSED, error.smtp_code, error.smtp_error)
        except smtplib.SMTPDataError as error:
            return _reply(Fate.LETTER_REFUSED, error.smtp_code, error.smtp_error)
        except TooLate:
            self.connection.hang_up()
            return Reply(Fate.TOO_LATE)
        except Exception as error:  # as above
            fate = Fate.UNKNOWN if self.connection.is_reply_owed else Fate.BROKEN_OFF
            self.connection.hang_up()
            return Reply(fate, text=type(error).__name__)
        return Reply(Fate.ACCEPTED, 250)


def _reply(fate: Fate, code: int, text: bytes | str) -> Reply:
    return Reply(fate, code, text.decode("ascii", "replace") if isinstance(text, bytes) else text)
