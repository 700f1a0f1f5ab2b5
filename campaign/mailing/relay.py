"""The connection to the mail relay: Flask-Mail's, with timeouts, verified TLS and prebuilt letters."""

import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from urllib.parse import unquote, urlsplit

from flask_mail import Connection, Mail, Message

from campaign.config import Config
from campaign.mailing.smtp import Dialogue, Speaker
from campaign.mailing.wire import Wire

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
    """One connection to the relay: Flask-Mail's, but that a letter is a dialogue which waits for nobody.

    Connecting waits, and raises smtplib.SMTPException and OSError.
    """

    host: smtplib.SMTP | None

    def __init__(self, mail: Mail, relay: Relay) -> None:
        super().__init__(mail)
        self.relay = relay
        self.wire: Wire | None = None
        self.speaker = Speaker(frozenset())

    def configure_host(self) -> smtplib.SMTP:
        """Connect, secured as the relay's scheme says: an unknown certificate is refused."""
        relay = self.relay
        host: smtplib.SMTP
        if relay.scheme == "smtps":
            trusted = ssl.create_default_context()
            host = smtplib.SMTP_SSL(relay.host, relay.port, relay.own_name, timeout=relay.timeout, context=trusted)
        else:
            host = smtplib.SMTP(relay.host, relay.port, relay.own_name, timeout=relay.timeout)
        try:
            if host.sock is not None:
                host.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is written is whole
            if relay.scheme == "smtp+starttls":
                host.starttls(context=ssl.create_default_context())
            if relay.username and relay.password:
                host.login(relay.username, relay.password)
            host.ehlo_or_helo_if_needed()
        except (OSError, smtplib.SMTPException):
            host.close()
            raise
        return host

    def connect(self) -> None:
        """Connect and make ready for letters; waits for the relay."""
        self.__enter__()
        if self.host is None or self.host.sock is None:
            raise smtplib.SMTPServerDisconnected
        self.speaker = Speaker(frozenset(self.host.esmtp_features))
        self.wire = Wire(self.host.sock)

    @property
    def letters(self) -> int:
        """How many letters it has carried, that under way among them."""
        return self.num_emails

    def carry(self, message: PreparedMessage, until: float) -> Dialogue:
        """The dialogue that carries a letter over the open connection, not later than `until` (monotonic seconds)."""
        self.num_emails += 1
        [recipient] = message.recipients
        return self.speaker.letter(str(message.sender), str(recipient), message.as_bytes(), until)

    @property
    def is_used_up(self) -> bool:
        """Whether as many letters went over it as may."""
        return self.letters >= self.relay.letters_per_connection

    def take_leave(self) -> None:
        """Close the connection as the protocol asks for; a thread waits until the relay has heard it."""
        if self.host is not None and self.host.sock is not None:
            self.host.sock.settimeout(self.relay.timeout)
            Thread(target=_quit, args=(self.host,), name="goodbye", daemon=True).start()
        self.host = self.wire = None

    def hang_up(self) -> None:
        """Close, whatever state the connection is in."""
        if self.host is not None:
            self.host.close()
        self.host = self.wire = None


def _quit(host: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException):
        host.quit()
    host.close()
