"""An IMAP server of a few words (RFC 3501), inside TLS with a certificate that nobody trusts unless told."""

import re
import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from tests.servers import LOOPBACK, tls_context

QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Imap:
    """One mailbox; `mails` by their number, as long as they are there. Serves one client at a time."""

    def __init__(self, user: str, password: str, *mails: bytes) -> None:
        self.user, self.password = user, password
        self.mails = dict(enumerate(mails, 101))
        self.flags: dict[int, str] = dict.fromkeys(self.mails, "")
        self.commands: list[str] = []
        self.folder = Path(tempfile.mkdtemp(prefix="imap-"))
        self.certificate = self.folder / "certificate.pem"
        self._context = tls_context(self.folder)
        self._listener = socket.create_server((LOOPBACK, 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Its address, as CAMPAIGN_BOUNCE_IMAP_URL wants it."""
        port = self._listener.getsockname()[1]
        return f"imaps://{quote(self.user)}:{quote(self.password)}@{LOOPBACK}:{port}/INBOX"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        shutil.rmtree(self.folder)

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            with suppress(OSError), connection, self._secured(connection) as stream:
                self._talk(stream)

    def _secured(self, connection: socket.socket):  # type: ignore[no-untyped-def]
        with self._context.wrap_socket(connection, server_side=True) as secured:
            return secured.makefile("rwb")  # which keeps the connection open

    def _talk(self, stream) -> None:  # type: ignore[no-untyped-def]
        stream.write(b"* OK ready\r\n")
        stream.flush()
        for line in stream:
            tag, _, command = line.decode().strip().partition(" ")
            self.commands.append(command)
            said, status = self._obey(command)
            stream.write(said + f"{tag} {status} done\r\n".encode())
            stream.flush()
            if command == "LOGOUT":
                return

    def _obey(self, command: str) -> tuple[bytes, str]:
        """(what is said, how it ended)."""
        words = command.split()
        match words[0], words[1:]:
            case "CAPABILITY", _:
                return b"* CAPABILITY IMAP4rev1\r\n", "OK"
            case "LOGIN", _:
                given = [re.sub(r"\\(.)", r"\1", text) for text in QUOTED.findall(command)]
                return b"", "OK" if given == [self.user, self.password] else "NO"
            case "SELECT", ['"INBOX"']:
                return f"* {len(self.mails)} EXISTS\r\n".encode(), "OK [READ-WRITE]"
            case "UID", ["SEARCH", "UNSEEN", "UNDELETED"]:
                found = [str(number) for number in self.mails if not self.flags[number]]
                return f"* SEARCH {' '.join(found)}\r\n".encode(), "OK"
            case "UID", ["FETCH", number, what]:
                return self._fetched(int(number), what), "OK"
            case "UID", ["STORE", number, "+FLAGS.SILENT", *flags]:
                self.flags[int(number)] += " ".join(flags)
                return b"", "OK"
            case "EXPUNGE", _:
                self.mails = {
                    number: mail for number, mail in self.mails.items() if "Deleted" not in self.flags[number]
                }
                return b"", "OK"
            case "LOGOUT", _:
                return b"* BYE\r\n", "OK"
        return b"", "BAD"

    def _fetched(self, number: int, what: str) -> bytes:
        most = re.fullmatch(r"\(BODY\.PEEK\[\]<0\.(\d+)>\)", what)
        assert most is not None, what
        content = self.mails[number][: int(most[1])]
        head = f"* {list(self.mails).index(number) + 1} FETCH (UID {number} BODY[]<0> {{{len(content)}}}\r\n"
        return head.encode() + content + b")\r\n"
