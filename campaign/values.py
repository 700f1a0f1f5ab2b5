"""What a setting may say: each function parses one, and its docstring says how to give it. They raise ValueError."""

import re
from base64 import b32decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from email.utils import parseaddr
from enum import StrEnum
from hashlib import sha3_256
from urllib.parse import urlsplit

from limits import parse_many

LONGEST_LOCAL_PART = 64
"""Characters before the @ of an address (RFC 5321, section 4.5.3.1.1)."""

LONGEST_SLUG, TOKEN = 63, 33
"""Characters of a campaign's place in addresses, and of a letter's number in its return path."""

_HOST = re.compile(r"(?=.{1,190}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")

_INNER = frozenset(("ac", "co", "com", "edu", "go", "gob", "gov", "ltd", "mil", "ne", "net", "nom", "or", "org", "sch"))
"""Under a country's domain names are registered below these, as in example.co.uk."""

_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")

_LOCAL_PART = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")


class Resend(StrEnum):
    """Which letters go again when the relay's reply was lost, and nobody can tell whether it took them."""

    ASKED = "asked"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True)
class WarmUp:
    """The first days of a relay that nobody knows yet: so many letters of mailings on the first, then twice as many."""

    first_day: date
    first_letters: int

    def letters(self, day: date) -> int:
        """How many letters of mailings may go on a day."""
        return self.first_letters << min(40, max(0, (day - self.first_day).days))


def web_address(text: str) -> str:
    """Give the address at which people reach the site, such as CAMPAIGN_PUBLIC_URL=https://campaign.example.org"""
    url = urlsplit(text)
    if (
        url.scheme not in ("http", "https")
        or not url.hostname
        or url.path not in ("", "/")
        or url.query
        or url.port == 0
    ):
        raise ValueError(text)
    return text.rstrip("/")


def onion_address(text: str) -> str:
    """Give the site's onion address as tor wrote it into the file hostname: CAMPAIGN_ONION_URL=http://….onion, with \
56 letters and digits (version 3). Copy it, do not type it: an address with one wrong letter is refused."""
    found = re.fullmatch(r"http://([a-z2-7]{56})\.onion/?", text)
    if text and not (found and _is_onion(found[1])):
        raise ValueError(text)
    return text.rstrip("/")


def _is_onion(name: str) -> bool:
    """Whether the checksum in it is right (Tor's rend-spec-v3, section 6): key, checksum, version."""
    raw = b32decode(name.upper())
    key, checksum, version = raw[:32], raw[32:34], raw[34:]
    return version == b"\x03" and sha3_256(b".onion checksum" + key + version).digest()[:2] == checksum


def database(text: str) -> str:
    """Give sqlite:////absolute/path.sqlite or postgresql://user:password@host/database"""
    scheme = urlsplit(text).scheme
    if scheme == "postgresql":
        return text.replace("postgresql://", "postgresql+psycopg://", 1)
    if scheme not in ("sqlite", "postgresql+psycopg"):
        raise ValueError(text)
    return text


def one_of_schemes(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError(text)
        return text

    parse.__doc__ = "Give an address that begins with one of: " + ", ".join(f"{scheme}://" for scheme in schemes)
    return parse


def relay(text: str) -> str:
    """Give the mail relay, such as smtp+starttls://user:password@relay.example.org (or smtp://, smtps://)"""
    url = urlsplit(text)
    if url.scheme not in ("smtp", "smtps", "smtp+starttls") or not url.hostname or url.port == 0:
        raise ValueError(text)
    return text


def mail_address(text: str) -> str:
    """Give the sender of the letters, such as CAMPAIGN_MAIL_FROM=Campaign <news@campaign.example.org>"""
    address = parseaddr(text)[1]
    if "@" not in address or not address.isascii() or "\n" in text or "\r" in text:
        raise ValueError(text)
    return text


def bounce_address(text: str) -> str:
    """Give the address to which letters come back, such as CAMPAIGN_BOUNCE_ADDRESS=bounces@letters.example.org: \
before the @ letters, digits, dots and hyphens, 31 at most; not unsubscribe, which stands beside it."""
    local, _at, domain = text.lower().partition("@")
    fits = re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", local) and ".." not in local
    if text and not (
        fits and len(local) + TOKEN <= LONGEST_LOCAL_PART and local != "unsubscribe" and _HOST.fullmatch(domain)
    ):
        raise ValueError(text)
    return text.lower()


def mailbox(text: str) -> str:
    """Give the mailbox of what comes back, such as imaps://user:password@imap.example.org/INBOX"""
    url = urlsplit(text)
    if text and (url.scheme != "imaps" or not (url.hostname and url.username and url.password) or url.port == 0):
        raise ValueError(text)
    return text


def token(text: str) -> str:
    """Give at least 20 letters and digits that nobody can guess, such as `openssl rand -hex 20` makes."""
    if text and not re.fullmatch(r"[\w.~+/=-]{20,}", text, re.ASCII):
        raise ValueError(text)
    return text


def pattern_of_addresses(text: str) -> str:
    """Give each campaign's sender, such as CAMPAIGN_MAIL_FROM_CAMPAIGN={slug}@letters.example.org"""
    if not text:
        return text
    local, _at, domain = text.partition("@")
    longest = local.replace("{slug}", "s" * LONGEST_SLUG)
    fits = local.count("{slug}") == 1 and len(longest) <= LONGEST_LOCAL_PART and _DOMAIN.fullmatch(domain)
    if not fits or not _LOCAL_PART.fullmatch(longest):
        raise ValueError(text)
    return text


def selector(text: str) -> str:
    """Give the name under which the relay's DKIM key stands in DNS, such as 2026 for 2026._domainkey.example.org"""
    if text and not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", text, re.IGNORECASE):
        raise ValueError(text)
    return text


def organisational(domain: str) -> str:
    """The part of a domain that its owner registered: the last two labels, three where countries have inner ones."""
    labels = domain.lower().rstrip(".").split(".")
    is_inner = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _INNER
    return ".".join(labels[-3:] if is_inner else labels[-2:])


def rate(text: str) -> str:
    """Give a rate such as "240 per hour" or "20 per minute; 200 per day"."""
    parse_many(text)
    return text


def yes_or_no(text: str) -> bool:
    """Give yes or no."""
    answers = {"yes": True, "1": True, "true": True, "no": False, "0": False, "false": False}
    if text.lower() not in answers:
        raise ValueError(text)
    return answers[text.lower()]


def whole_number(text: str) -> int:
    """Give a whole number, 0 or more."""
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def positive_number(text: str) -> int:
    """Give a whole number, 1 or more."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def warm_up(text: str) -> WarmUp | None:
    """Give the first day and its number of letters, such as 2027-01-31 500, or no."""
    if text.lower() == "no":
        return None
    day, letters = text.split()
    return WarmUp(date.fromisoformat(day), positive_number(letters))


def letters_a_second(text: str) -> float:
    """Give a number of letters a second; 0 for no limit."""
    return seconds(text)


def resend(text: str) -> Resend:
    """Give asked (letters that somebody asked for), all or none."""
    return Resend(text)


def seconds(text: str) -> float:
    """Give a number of seconds, 0 or more."""
    if not 0 <= float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


def some_seconds(text: str) -> float:
    """Give a number of seconds, more than 0."""
    if seconds(text) == 0:
        raise ValueError(text)
    return float(text)
