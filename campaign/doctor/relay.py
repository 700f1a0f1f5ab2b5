"""The mail relay: reached, trusted, signed in to, and, if wished, given a letter to the operator."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from urllib.parse import urlsplit

from flask_mail import Mail

from campaign import clock
from campaign.config import Config
from campaign.doctor.findings import Finding, Part
from campaign.mailing.relay import Relay, RelayConnection

SECONDS = 10.0
CERTIFICATE_LASTS = timedelta(days=14)
TAKEN = range(200, 300)

relay = Part("relay")

LETTER = """\
`campaign doctor` wrote this letter, because somebody who runs {host} asked it to.

It went the way that the letters to signers go. To see whether it was signed and trusted, look for
Authentication-Results in its headers: spf, dkim and dmarc should say pass.
"""


def check_relay(config: Config, mail: Mail, letter_to: str | None) -> Iterator[Finding]:
    """Connect as the worker does, offer it our sender, and send a letter if there is an address."""
    way = replace(Relay.read(config), timeout=min(config.smtp_timeout, SECONDS))
    try:
        host = RelayConnection(mail, way).configure_host()
    except (OSError, smtplib.SMTPException) as error:
        yield _not_reached(way, error)
        return
    try:
        yield relay.good(f"{way.host} answers on port {way.port}{_secured(host)}.")
        yield from _certificate(host)
        yield from _sending(host, config, letter_to)
    except (OSError, smtplib.SMTPException) as error:
        yield relay.wrong(f"The connection broke: {type(error).__name__}.", "Look at the relay's log.")
    finally:
        host.close()


def _not_reached(way: Relay, error: Exception) -> Finding:
    """What kept us from a connection, and what to do about it."""
    where = f"{way.host} port {way.port}"
    match error:
        case ssl.SSLCertVerificationError():
            return relay.wrong(
                f"The certificate of {where} is not trusted: {error.verify_message}.",
                "Give it one for this name that the system trusts, or call it as its certificate does.",
            )
        case ssl.SSLError():
            return relay.wrong(
                f"{where} does not speak TLS as expected.", "smtps:// is for port 465, smtp+starttls:// for 587."
            )
        case socket.gaierror():
            return relay.wrong(f"The name {way.host} is not known.", "Look at the spelling in CAMPAIGN_SMTP_URL.")
        case TimeoutError():
            return relay.wrong(f"{where} does not answer in time.", "Look at the firewall, and at the port.")
        case ConnectionRefusedError():
            return relay.wrong(f"Nobody listens at {where}.", "Start the relay, or mend the port in CAMPAIGN_SMTP_URL.")
        case smtplib.SMTPAuthenticationError():
            return relay.wrong(
                f"{where} refuses name and password ({error.smtp_code}).",
                "Mend them in CAMPAIGN_SMTP_URL; special characters are percent-encoded.",
            )
        case smtplib.SMTPNotSupportedError():
            return relay.wrong(
                f"{where} offers no STARTTLS, or no signing in.", "Use the port and scheme that its provider names."
            )
        case smtplib.SMTPServerDisconnected():
            return relay.wrong(f"{where} hangs up, or falls silent.", "Look at the relay's log, and at the port.")
        case smtplib.SMTPResponseException():
            return relay.wrong(f"{where} turns us away ({error.smtp_code}).", "Ask whoever runs the relay.")
    return relay.wrong(f"{where} cannot be reached: {type(error).__name__}.", "Look at CAMPAIGN_SMTP_URL.")


def _secured(host: smtplib.SMTP) -> str:
    return ", its certificate is trusted" if isinstance(host.sock, ssl.SSLSocket) else ", without TLS"


def _certificate(host: smtplib.SMTP) -> Iterator[Finding]:
    if not isinstance(host.sock, ssl.SSLSocket):
        return
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str((host.sock.getpeercert() or {})["notAfter"])), UTC)
    if ends < clock.now() + CERTIFICATE_LASTS:
        yield relay.note(f"Its certificate ends on {ends:%d %B %Y}.", "See that it is renewed before.")


def _sending(host: smtplib.SMTP, config: Config, letter_to: str | None) -> Iterator[Finding]:
    """Offer the sender, and with an address the letter; what the relay answers is shown."""
    sender = config.bounce_address or parseaddr(config.mail_from)[1]
    host.ehlo_or_helo_if_needed()
    code, said = host.mail(sender)
    if code not in TAKEN:
        yield relay.wrong(f"It refuses {sender} as a sender: {_shown(code, said)}", "Let it send for this address.")
    elif letter_to is None:
        host.rset()
        yield relay.good(f"It takes letters from {sender}.")
    else:
        yield _letter(host, config, letter_to)


def _letter(host: smtplib.SMTP, config: Config, letter_to: str) -> Finding:
    code, said = host.rcpt(letter_to)
    if code in TAKEN:
        code, said = host.data(_written(config, letter_to))
    if code in TAKEN:
        return relay.good(f"It took the letter: {_shown(code, said)}")
    return relay.wrong(f"It did not take the letter: {_shown(code, said)}", "What it says names the reason.")


def _written(config: Config, letter_to: str) -> bytes:
    host = urlsplit(config.public_url).hostname or "localhost"
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = config.mail_from, letter_to
    message["Subject"] = "A letter to see that letters arrive"
    message["Date"], message["Message-ID"] = format_datetime(clock.now()), make_msgid(domain=host)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(LETTER.format(host=host), cte="quoted-printable")
    return message.as_bytes()


def _shown(code: int, said: bytes) -> str:
    """What the relay answered, as a line of readable characters."""
    text = " ".join(said.decode("ascii", "replace").split())
    return f"{code} {''.join(char for char in text if char.isprintable())[:200]}"
