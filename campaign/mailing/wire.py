"""A connection that nobody waits for: what can be written is written, what has come is read as replies."""

import select
import smtplib
import socket
import ssl

from campaign.mailing.smtp import Answer

LONGEST = 8192
"""Bytes of one reply; RFC 5321, section 4.5.3.1.5, has 512 for a line."""

NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Wire:
    """Over a connected socket, with or without TLS; replies as RFC 5321, section 4.2, has them.

    Raises OSError, and SMTPServerDisconnected where it was closed.
    """

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.socket.setblocking(False)
        self._out = b""
        self._in = bytearray()

    @property
    def number(self) -> int:
        """The number of its file, for poll()."""
        return self.socket.fileno()

    @property
    def awaits(self) -> int:
        """What it waits for, as poll() wants it."""
        return select.POLLIN | (select.POLLOUT if self._out else 0)

    def write(self, data: bytes) -> None:
        """Write as much as goes, and keep the rest."""
        self._out += data
        self._write_on()

    def go_on(self) -> None:
        """Write and read what can be."""
        self._write_on()
        try:
            self._read()
            while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                self._read()  # poll() sees nothing of what TLS has read ahead
        except NOT_NOW:
            return

    def next_answer(self) -> Answer | None:
        """The next reply, of one line or several, if all of it is here."""
        end, said = 0, []
        while (stop := self._in.find(b"\n", end)) >= 0:
            line, end = bytes(self._in[end:stop]).rstrip(b"\r"), stop + 1
            said.append(line[4:].strip())
            if line[3:4] != b"-":
                del self._in[:end]
                return _code(line), b"\n".join(said)
        if len(self._in) > LONGEST:
            raise smtplib.SMTPServerDisconnected("a reply without an end")
        return None

    def _read(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise smtplib.SMTPServerDisconnected("the relay closed the connection")
        self._in += data

    def _write_on(self) -> None:
        try:
            while self._out:
                self._out = self._out[self.socket.send(self._out) :]
        except NOT_NOW:
            return


def _code(line: bytes) -> int:
    """A reply's code; raises SMTPServerDisconnected for what is no reply."""
    if not (line[:3].isdigit() and len(line[:3]) == 3):
        raise smtplib.SMTPServerDisconnected("what the relay says is no SMTP")
    return int(line[:3])
