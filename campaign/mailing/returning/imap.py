"""What comes back, from a mailbox at a provider: polled by IMAP (RFC 3501), inside TLS."""

import ssl
from collections import Counter
from contextlib import suppress
from imaplib import IMAP4, IMAP4_SSL
from urllib.parse import unquote, urlsplit

from campaign.config import Config
from campaign.errors import Misconfigured
from campaign.mailing.returning.reading import LARGEST
from campaign.mailing.returning.tasks import Returns, Taken

PORT = 993


class Unreachable(Exception):
    """The mailbox cannot be read now; says only by which kind of error."""


def take_imap(config: Config, returns: Returns) -> Counter[Taken]:
    """Take in what is unread. What was understood is deleted, as it holds addresses; the rest is marked as read.

    Each mail stays unread until what it says is committed. Raises Misconfigured, Unreachable and Later.
    """
    if not config.bounce_imap_url:
        raise Misconfigured("CAMPAIGN_BOUNCE_IMAP_URL is not set. Give imaps://user:password@imap.example.org/INBOX")
    try:
        mailbox = _open(config)
        try:
            return _take(mailbox, returns)
        finally:
            with suppress(IMAP4.error, OSError):
                mailbox.logout()
    except (IMAP4.error, OSError) as error:
        raise Unreachable(type(error).__name__) from error


def _open(config: Config) -> IMAP4_SSL:
    url = urlsplit(config.bounce_imap_url)
    trusted = ssl.create_default_context()
    mailbox = IMAP4_SSL(url.hostname or "", url.port or PORT, ssl_context=trusted, timeout=config.smtp_timeout)
    try:
        mailbox.login(_quoted(unquote(url.username or "")), unquote(url.password or ""))  # it quotes only the password
        status, _data = mailbox.select(_quoted(unquote(url.path.lstrip("/")) or "INBOX"))
        if status != "OK":
            raise IMAP4.error("no such mailbox")
    except (IMAP4.error, OSError):
        mailbox.shutdown()
        raise
    return mailbox


def _quoted(text: str) -> str:
    """A quoted string (RFC 3501, section 4.3)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _take(mailbox: IMAP4_SSL, returns: Returns) -> Counter[Taken]:
    counts: Counter[Taken] = Counter()
    _status, found = mailbox.uid("SEARCH", "UNSEEN", "UNDELETED")
    for number in (found[0] or b"").decode().split():
        _status, answer = mailbox.uid("FETCH", number, f"(BODY.PEEK[]<0.{LARGEST}>)")
        content = next((part[1] for part in answer if isinstance(part, tuple)), None)
        if content is None:
            continue  # another reader of the mailbox was faster
        taken = returns.take(content)
        counts[taken] += 1
        mailbox.uid("STORE", number, "+FLAGS.SILENT", r"(\Seen \Deleted)" if taken.is_done else r"(\Seen)")
    mailbox.expunge()
    return counts
