"""Speaking SMTP (RFC 5321): what is said for one letter, as a dialogue that leaves reading and writing to others.

smtplib connects, secures and logs in; what can be said together is said at once (RFC 2920).
"""

import smtplib
import time
from collections.abc import Generator

OK, GO_ON, CLOSING = 250, 354, 421
TAKEN = (250, 251)
"""A recipient is taken, or will be forwarded to (RFC 5321, section 3.4)."""

END = b".\r\n"
RESET = b"RSET\r\n"

Answer = tuple[int, bytes]
"""A reply's code and words."""

Dialogue = Generator[bytes | None, Answer, None]
"""Yields bytes to be written, or None for the next reply, which is sent in; an OSError is thrown in if it breaks."""


class TooLate(Exception):
    """The time of a letter was over before its data went out."""


class Speaker:
    """What is said over one connection.

    `offers`: the relay's extensions. `is_reply_owed`: whether it owes the reply to a message's data; if that is lost,
    nobody can tell. `is_over`: the relay closes the connection (421), or nobody knows where the dialogue stands.
    """

    def __init__(self, offers: frozenset[str]) -> None:
        self.offers = offers
        self.is_reply_owed = False
        self.is_over = False

    def letter(self, sender: str, recipient: str, content: bytes, until: float) -> Dialogue:
        """Send a letter to one recipient; no data goes out later than `until` (monotonic seconds).

        Raises TooLate, ValueError, what is thrown in, and of smtplib SMTPSenderRefused, SMTPRecipientsRefused and
        SMTPDataError. Unless it is over, the connection is ready for the next letter after a refusal.
        """
        self.is_reply_owed = False
        _see_that_it_is_time(until)
        envelope = self._envelope(sender, recipient, len(content))
        offer = self._offer_at_once if "pipelining" in self.offers else self._offer
        refusal, is_open = yield from offer(envelope)
        if refusal is not None:
            yield from self._take_back(is_open=is_open)
            raise _error(*refusal, sender, recipient)
        _see_that_it_is_time(until)
        self.is_reply_owed = True
        yield _transparent(content) + END
        code, said = yield None
        self.is_reply_owed = False
        if code != OK:
            yield from self._begin_anew(code)
            raise smtplib.SMTPDataError(code, said)

    def _envelope(self, sender: str, recipient: str, size: int) -> list[bytes]:
        """The commands before the data; raises ValueError where an address would end its line."""
        sized = f" SIZE={size}" if "size" in self.offers else ""
        lines = [f"MAIL FROM:<{sender}>{sized}", f"RCPT TO:<{recipient}>", "DATA"]
        if any(not line.isprintable() for line in lines):
            raise ValueError("an address with a control character")
        return [f"{line}\r\n".encode("ascii") for line in lines]

    def _offer(self, envelope: list[bytes]) -> "_Offer":
        """One command after the other, until one is refused; which one, and whether data is waited for."""
        for number, command in enumerate(envelope):
            yield command
            code, said = yield None
            if code not in _WANTED[number]:
                self.is_over = code == CLOSING
                return (number, code, said), False
        return None, True

    def _offer_at_once(self, envelope: list[bytes]) -> "_Offer":
        """All in one go, and then the replies; the first that refuses counts. 421 is the last that comes."""
        yield b"".join(envelope)
        refusal: _Refusal | None = None
        for number in range(len(envelope)):
            try:
                code, said = yield None
            except OSError:
                if refusal is None:
                    raise
                self.is_over = True
                return refusal, False  # what was refused stays refused
            if code not in _WANTED[number] and refusal is None:
                refusal = number, code, said
            if code == CLOSING:
                self.is_over = True
                return refusal, False
        return refusal, code == GO_ON

    def _take_back(self, *, is_open: bool) -> Dialogue:
        """Make the connection ready after a refusal.

        Where the relay asks for the data all the same, a single dot ends it, and nobody gets it (RFC 2920, 3.1).
        """
        code = OK
        if is_open:
            try:
                yield END
                code, _said = yield None
            except OSError:
                code = CLOSING
        if not self.is_over:
            yield from self._begin_anew(code)

    def _begin_anew(self, code: int) -> Dialogue:
        """End what was begun, after a reply with this code."""
        self.is_over = code == CLOSING
        if self.is_over:
            return
        try:
            yield RESET
            yield None
        except OSError:
            self.is_over = True


_Refusal = tuple[int, int, bytes]
"""Which command of the envelope was refused, with which code and words."""

_Offer = Generator[bytes | None, Answer, tuple[_Refusal | None, bool]]

_WANTED = ((OK,), TAKEN, (GO_ON,))
"""The replies with which the letter goes on, to each command of the envelope."""


def _see_that_it_is_time(until: float) -> None:
    """A process that was stopped for long must not go on."""
    if time.monotonic() > until:
        raise TooLate


def _error(number: int, code: int, said: bytes, sender: str, recipient: str) -> smtplib.SMTPException:
    """Smtplib's exception for a refused command."""
    match number:
        case 0:
            return smtplib.SMTPSenderRefused(code, said, sender)
        case 1:
            return smtplib.SMTPRecipientsRefused({recipient: (code, said)})
    return smtplib.SMTPDataError(code, said)


def _transparent(content: bytes) -> bytes:
    """Lines that begin with a dot get another (RFC 5321, section 4.5.2); the last line is ended."""
    dotted = content.replace(b"\r\n.", b"\r\n..")
    dotted = b"." + dotted if dotted.startswith(b".") else dotted
    return dotted if dotted.endswith(b"\r\n") or not dotted else dotted + b"\r\n"
