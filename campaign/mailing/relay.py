"""The connection to the mail relay: Flask-Mail's, with timeouts, verified TLS and prebuilt letters."""

import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from flask_mail import Connection, Mail, Message

from campaign.config import Config
from campaign.mailing.smtp import PlainSMTP, WrappedSMTP

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
    letters_per_connection: int

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
            letters_per_connection=config.relay_letters,
        )


class RelayConnection(Connection):
    """One connection to the relay. Raises smtplib.SMTPException and OSError."""

    host: PlainSMTP | WrappedSMTP | None

    def __init__(self, mail: Mail, relay: Relay) -> None:
        super().__init__(mail)
        self.relay = relay
        self.until = float("inf")

    def configure_host(self) -> PlainSMTP | WrappedSMTP:
        """Connect, secured as the relay's scheme says: an unknown certificate is refused."""
        relay = self.relay
        host: PlainSMTP | WrappedSMTP
        if relay.scheme == "smtps":
            trusted = ssl.create_default_context()
            host = WrappedSMTP(relay.host, relay.port, relay.own_name, timeout=relay.timeout, context=trusted)
        else:
            host = PlainSMTP(relay.host, relay.port, relay.own_name, timeout=relay.timeout)
        try:
            if host.sock is not None:
                host.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is written is whole
            if relay.scheme == "smtp+starttls":
                host.starttls(context=ssl.create_default_context())
            if relay.username and relay.password:
                host.login(relay.username, relay.password)
        except (OSError, smtplib.SMTPException):
            host.close()
            raise
        return host

    def connect(self) -> None:
        """Connect, unless it is open (smtplib closes it by itself at a 421)."""
        if self.host is None or self.host.sock is None:
            self.__enter__()

    def carry(self, message: "PreparedMessage", until: float) -> None:
        """Send, not later than `until` (monotonic seconds); close after as many as may go over one connection."""
        self.until = until
        self.send(message)
        self.num_emails += 1
        if self.num_emails >= self.relay.letters_per_connection:
            self.say_goodbye()

    def send(self, message: Message, envelope_from: str | tuple[str, str] | None = None) -> None:
        """Send over the open connection, without Flask-Mail's checks: they take half its time, and it is prepared."""
        if self.host is None:
            raise smtplib.SMTPServerDisconnected
        self.host.until = self.until
        [recipient] = message.recipients
        self.host.deliver(str(envelope_from or message.sender), str(recipient), message.as_bytes())

    @property
    def is_reply_owed(self) -> bool:
        """Whether a message went out whose fate is unknown."""
        return self.host is not None and self.host.is_reply_owed

    def say_goodbye(self) -> None:
        """Close an open connection as the protocol asks for, if the relay still listens."""
        if self.host is not None:
            with suppress(OSError, smtplib.SMTPException):
                self.host.quit()
            self.hang_up()

    def hang_up(self) -> None:
        """Close, whatever state the connection is in."""
        if self.host is not None:
            self.host.close()
            self.host = None
