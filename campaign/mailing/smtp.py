"""Speaking SMTP (RFC 5321): smtplib's client, which says what can be said together at once (RFC 2920)."""

import smtplib
import time
from contextlib import suppress

OK, GO_ON, CLOSING = 250, 354, 421
TAKEN = (250, 251)
"""A recipient is taken, or will be forwarded to (RFC 5321, section 3.4)."""

END = b".\r\n"


class TooLate(Exception):
    """The time of a letter was over before its data went out."""


class PlainSMTP(smtplib.SMTP):
    """Knows whether the relay still owes the reply to a message's data: if it is lost then, nobody can tell."""

    is_reply_owed = False
    until = float("inf")
    """No data goes out later than this (monotonic seconds): a process that was stopped for long must not go on."""

    def deliver(self, sender: str, recipient: str, content: bytes) -> None:
        """Send a letter, whose lines end with CRLF, to one recipient.

        Raises TooLate, OSError, and of smtplib SMTPSenderRefused, SMTPRecipientsRefused, SMTPDataError and
        SMTPServerDisconnected. After a reply of 421 the connection is closed; after another refusal it is ready for
        the next letter.
        """
        self.is_reply_owed = False
        self.ehlo_or_helo_if_needed()
        self._see_that_it_is_time()
        envelope = self._envelope(sender, recipient, len(content))
        refusal, is_open = self._offer_at_once(envelope) if self.has_extn("pipelining") else self._offer(envelope)
        if refusal is not None:
            self._take_back(is_open=is_open)
            raise _error(*refusal, sender, recipient)
        self._see_that_it_is_time()
        self.is_reply_owed = True
        self.send(_transparent(content) + END)
        code, said = self.getreply()
        self.is_reply_owed = False
        if code != OK:
            self._begin_anew(code)
            raise smtplib.SMTPDataError(code, said)

    def _see_that_it_is_time(self) -> None:
        if time.monotonic() > self.until:
            raise TooLate

    def _envelope(self, sender: str, recipient: str, size: int) -> list[bytes]:
        """The commands before the data; raises ValueError where an address would end its line."""
        sized = f" SIZE={size}" if self.has_extn("size") else ""
        lines = [f"MAIL FROM:<{sender}>{sized}", f"RCPT TO:<{recipient}>", "DATA"]
        if any(not line.isprintable() for line in lines):
            raise ValueError("an address with a control character")
        return [f"{line}\r\n".encode("ascii") for line in lines]

    def _offer(self, envelope: list[bytes]) -> tuple["_Refusal | None", bool]:
        """One command after the other, until one is refused; which one, and whether data is waited for."""
        for number, command in enumerate(envelope):
            self.send(command)
            code, said = self.getreply()
            if code not in _WANTED[number]:
                return (number, code, said), False
        return None, True

    def _offer_at_once(self, envelope: list[bytes]) -> tuple["_Refusal | None", bool]:
        """All in one go, and then the replies; the first that refuses counts. 421 is the last that comes."""
        self.send(b"".join(envelope))
        refusal: _Refusal | None = None
        for number in range(len(envelope)):
            try:
                code, said = self.getreply()
            except (OSError, smtplib.SMTPServerDisconnected):
                if refusal is None:
                    raise
                return refusal, False  # what was refused stays refused
            if code not in _WANTED[number] and refusal is None:
                refusal = number, code, said
            if code == CLOSING:
                self.close()
                return refusal, False
        return refusal, code == GO_ON

    def _take_back(self, *, is_open: bool) -> None:
        """Make the connection ready after a refusal.

        Where the relay asks for the data all the same, a single dot ends it, and nobody gets it (RFC 2920, 3.1).
        """
        with suppress(OSError, smtplib.SMTPServerDisconnected):
            if is_open:
                self.send(END)
                self._begin_anew(self.getreply()[0])
            elif self.sock is not None:
                self._begin_anew(OK)

    def _begin_anew(self, code: int) -> None:
        """End what was begun, after a reply with this code; smtplib closes by itself what is broken."""
        if code == CLOSING:
            self.close()
            return
        with suppress(OSError, smtplib.SMTPServerDisconnected):
            self.rset()


class WrappedSMTP(PlainSMTP, smtplib.SMTP_SSL):
    """The same inside TLS from the first byte (RFC 8314)."""


_Refusal = tuple[int, int, bytes]
"""Which command of the envelope was refused, with which code and words."""

_WANTED = ((OK,), TAKEN, (GO_ON,))
"""The replies with which the letter goes on, to each command of the envelope."""


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
