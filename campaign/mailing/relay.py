"""The connection to the mail relay: Flask-Mail's, with timeouts, verified TLS and prebuilt letters."""

import smtplib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from flask_mail import Connection, Mail, Message

from campaign.config import Config

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class PreparedMessage(Message):
    """A message whose bytes are there already: Flask-Mail carries them, and builds nothing."""

    def __init__(self, sender: str, recipient: str, content: bytes) -> None:
        # Message.__init__ would look up this machine's name for a Message-ID, for each message.
        self.sender = sender
        self.recipients = [recipient]
        self.cc = []
        self.bcc = []
        self.subject = ""
        self.reply_to = None
        self.date = 0
        self.extra_headers = None
        self.mail_options = []
        self.rcpt_options = []
        self._content = content

    def as_bytes(self) -> bytes:
        """The letter as it goes over the wire."""
        return self._content


class _PlainSMTP(smtplib.SMTP):
    """Knows whether the relay still owes the reply to a message's data: if it is lost then, nobody can tell."""

    is_reply_owed = False

    def data(self, msg: "Buffer | str") -> tuple[int, bytes]:
        """Send the data of a message."""
        self.is_reply_owed = True
        reply = super().data(msg)
        self.is_reply_owed = False
        return reply


class _WrappedSMTP(_PlainSMTP, smtplib.SMTP_SSL):
    """The same inside TLS from the first byte (RFC 8314)."""


@dataclass(frozen=True)
class Relay:
    """Where letters go out."""

    scheme: str
    host: str
    port: int
    username: str | None
    password: str | None
    timeout: float
    own_name: str

    @classmethod
    def read(cls, config: Config) -> "Relay":
        """Read the relay's address from the settings."""
        url = urlsplit(config.smtp_url)
        return cls(
            scheme=url.scheme,
            host=url.hostname or "localhost",
            port=url.port or PORTS[url.scheme],
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            timeout=config.smtp_timeout,
            own_name=urlsplit(config.public_url).hostname or "localhost",
        )


class RelayConnection(Connection):
    """One connection to the relay. Raises smtplib.SMTPException and OSError."""

    host: _PlainSMTP | _WrappedSMTP | None

    def __init__(self, mail: Mail, relay: Relay) -> None:
        super().__init__(mail)
        self.relay = relay

    def configure_host(self) -> _PlainSMTP | _WrappedSMTP:
        """Connect, secured as the relay's scheme says: an unknown certificate is refused."""
        relay = self.relay
        trusted = ssl.create_default_context()
        host: _PlainSMTP | _WrappedSMTP
        if relay.scheme == "smtps":
            host = _WrappedSMTP(relay.host, relay.port, relay.own_name, timeout=relay.timeout, context=trusted)
        else:
            host = _PlainSMTP(relay.host, relay.port, relay.own_name, timeout=relay.timeout)
        try:
            if relay.scheme == "smtp+starttls":
                host.starttls(context=trusted)
            if relay.username and relay.password:
                host.login(relay.username, relay.password)
        except (OSError, smtplib.SMTPException):
            host.close()
            raise
        return host

    @property
    def is_reply_owed(self) -> bool:
        """Whether a message went out whose fate is unknown."""
        return self.host is not None and self.host.is_reply_owed

    def hang_up(self) -> None:
        """Close, whatever state the connection is in."""
        if self.host is not None:
            self.host.close()
            self.host = None
