"""The settings: a frozen dataclass read from the environment. No secret has a default.

Every setting has the prefix CAMPAIGN_. What the environment does not say is looked up in
`settings.env` in the instance folder; docs/operator.md describes each of them.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from limits import parse_many

from campaign.errors import Misconfigured

SETTINGS_FILE = "settings.env"
NOTHING = ""
"""The default of a setting that may be left out."""
MOST_LOCAL, TOKEN = 64, 33
"""Characters of a local part (RFC 5321, section 4.5.3.1.1), and those of them that a letter's number takes."""

LINK_DAYS = 3
"""So long the link works that confirms."""

LONGEST_SLUG, LONGEST_LOCAL_PART = 63, 64
"""Of a campaign's place in addresses; of what stands before the @ (RFC 5321, section 4.5.3.1.1)."""

T = TypeVar("T")


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


@dataclass(frozen=True)
class Config:
    """What an installation decides. Read with `Config.read()`; times in seconds."""

    instance: Path
    public_url: str
    database_url: str = field(repr=False)
    tasks_url: str = field(repr=False)
    limits_url: str = field(repr=False)
    smtp_url: str = field(repr=False)
    mail_from: str
    bounce_address: str
    bounce_imap_url: str = field(repr=False)
    mail_from_campaign: str
    is_demo: bool
    proxies: int
    limit_per_client: str
    limit_per_campaign: str
    page_seconds: float
    smtp_timeout: float
    relay_connections: int
    relay_letters: int
    resend_uncertain: Resend
    relay_rate: float
    domain_rate: float
    warm_up: WarmUp | None
    lease_seconds: float
    remind_after_days: int
    forget_after_days: int
    metrics_token: str = field(repr=False)
    dkim_selector: str

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Config":
        """Read the settings; raises Misconfigured with the setting's name and the remedy."""
        environ = os.environ if environ is None else environ
        instance = cls.folder(environ)
        read = _Reader({**_settings_file(instance / SETTINGS_FILE), **environ})
        return cls(
            instance=instance,
            public_url=read("PUBLIC_URL", _web_address, None),
            database_url=read("DATABASE_URL", _database, f"sqlite:///{instance}/campaign.sqlite"),
            tasks_url=read(
                "TASKS_URL", _one_of_schemes("sqlite", "redis", "rediss"), f"sqlite:///{instance}/tasks.sqlite"
            ),
            limits_url=read("LIMITS_URL", _one_of_schemes("memory", "redis", "rediss"), "memory://"),
            smtp_url=read("SMTP_URL", _relay, None),
            mail_from=read("MAIL_FROM", _mail_address, None),
            bounce_address=read("BOUNCE_ADDRESS", _bounce_address, NOTHING),
            bounce_imap_url=read("BOUNCE_IMAP_URL", _mailbox, NOTHING),
            mail_from_campaign=read("MAIL_FROM_CAMPAIGN", _pattern_of_addresses, NOTHING),
            is_demo=read("DEMO", _yes_or_no, "no"),
            proxies=read("PROXIES", _whole_number, "0"),
            limit_per_client=read("LIMIT_PER_CLIENT", _rate, "240 per hour"),
            limit_per_campaign=read("LIMIT_PER_CAMPAIGN", _rate, "1200 per minute"),
            page_seconds=read("PAGE_SECONDS", _seconds, "5"),
            smtp_timeout=read("SMTP_TIMEOUT", _some_seconds, "30"),
            relay_connections=read("RELAY_CONNECTIONS", _positive_number, "4"),
            relay_letters=read("RELAY_LETTERS", _positive_number, "200"),
            relay_rate=read("RELAY_RATE", _letters_a_second, "0"),
            domain_rate=read("DOMAIN_RATE", _letters_a_second, "0"),
            warm_up=read("WARM_UP", _warm_up, "no"),
            resend_uncertain=read("RESEND_UNCERTAIN", _resend, "asked"),
            lease_seconds=read("LEASE_SECONDS", _some_seconds, "120"),
            remind_after_days=read("REMIND_AFTER_DAYS", _whole_number, "2"),
            forget_after_days=read("FORGET_AFTER_DAYS", _whole_number, "7"),
            metrics_token=read("METRICS_TOKEN", _token, NOTHING),
            dkim_selector=read("DKIM_SELECTOR", _selector, NOTHING),
        )

    def __post_init__(self) -> None:
        """Refuse settings that do not fit together."""
        _check_days(self.remind_after_days, self.forget_after_days)
        _check_domains(self.mail_from, self.mail_from_campaign)

    @staticmethod
    def folder(environ: Mapping[str, str] = os.environ) -> Path:
        """The instance folder, which is needed before any other setting."""
        return Path(environ.get("CAMPAIGN_INSTANCE") or "instance").resolve()

    @property
    def keys(self) -> Path:
        """The folder of the keys."""
        return self.instance / "keys"

    @property
    def inbox(self) -> Path:
        """The Maildir of the local inbox."""
        return self.instance / "inbox"

    def secret(self, name: str) -> bytes:
        """A key's bytes, from `keys/<name>`; raises Misconfigured when it is not there."""
        try:
            return (self.keys / name).read_bytes()
        except FileNotFoundError:
            raise Misconfigured(
                f"The key {name!r} is not in {self.keys} (CAMPAIGN_INSTANCE decides the folder). "
                "Make the keys once with `campaign keys`, or copy the ones this installation has."
            ) from None


class _Reader:
    """Reads one setting after the other and says which one is wrong."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def __call__(self, name: str, parse: Callable[[str], T], default: str | None) -> T:
        setting = f"CAMPAIGN_{name}"
        text = self.values.get(setting) or default
        if text is None:
            raise Misconfigured(f"{setting} is not set. {parse.__doc__}")
        try:
            return parse(text)
        except ValueError:
            hidden = {"URL": "an address", "TOKEN": "a secret"}  # an address may hold a password
            shown = hidden.get(name.rpartition("_")[2], repr(text))
            raise Misconfigured(f"{setting} is {shown}, which does not fit. {parse.__doc__}") from None


def _settings_file(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _web_address(text: str) -> str:
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


def _database(text: str) -> str:
    """Give sqlite:////absolute/path.sqlite or postgresql://user:password@host/database"""
    scheme = urlsplit(text).scheme
    if scheme == "postgresql":
        return text.replace("postgresql://", "postgresql+psycopg://", 1)
    if scheme not in ("sqlite", "postgresql+psycopg"):
        raise ValueError(text)
    return text


def _one_of_schemes(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError(text)
        return text

    parse.__doc__ = "Give an address that begins with one of: " + ", ".join(f"{scheme}://" for scheme in schemes)
    return parse


def _relay(text: str) -> str:
    """Give the mail relay, such as smtp+starttls://user:password@relay.example.org (or smtp://, smtps://)"""
    url = urlsplit(text)
    if url.scheme not in ("smtp", "smtps", "smtp+starttls") or not url.hostname or url.port == 0:
        raise ValueError(text)
    return text


def _mail_address(text: str) -> str:
    """Give the sender of the letters, such as CAMPAIGN_MAIL_FROM=Campaign <news@campaign.example.org>"""
    address = parseaddr(text)[1]
    if "@" not in address or not address.isascii() or "\n" in text or "\r" in text:
        raise ValueError(text)
    return text


def _token(text: str) -> str:
    """Give at least 20 letters and digits that nobody can guess, such as `openssl rand -hex 20` makes."""
    if text and not re.fullmatch(r"[\w.~+/=-]{20,}", text, re.ASCII):
        raise ValueError(text)
    return text


def _bounce_address(text: str) -> str:
    """Give the address to which letters come back, such as CAMPAIGN_BOUNCE_ADDRESS=bounces@letters.example.org: \
before the @ letters, digits, dots and hyphens, 31 at most; not unsubscribe, which stands beside it."""
    local, _at, domain = text.lower().partition("@")
    fits = re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", local) and ".." not in local
    if text and not (fits and len(local) + TOKEN <= MOST_LOCAL and local != "unsubscribe" and _HOST.fullmatch(domain)):
        raise ValueError(text)
    return text.lower()


_HOST = re.compile(r"(?=.{1,190}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def _mailbox(text: str) -> str:
    """Give the mailbox of what comes back, such as imaps://user:password@imap.example.org/INBOX"""
    url = urlsplit(text)
    if text and (url.scheme != "imaps" or not (url.hostname and url.username and url.password) or url.port == 0):
        raise ValueError(text)
    return text


def _selector(text: str) -> str:
    """Give the name under which the relay's DKIM key stands in DNS, such as 2026 for 2026._domainkey.example.org"""
    if text and not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", text, re.IGNORECASE):
        raise ValueError(text)
    return text


def _pattern_of_addresses(text: str) -> str:
    """Give each campaign's sender, such as CAMPAIGN_MAIL_FROM_CAMPAIGN={slug}@letters.example.org"""
    if not text:
        return text
    local, _at, domain = text.partition("@")
    longest = local.replace("{slug}", "s" * LONGEST_SLUG)
    fits = local.count("{slug}") == 1 and len(longest) <= LONGEST_LOCAL_PART and _DOMAIN.fullmatch(domain)
    if not fits or not _LOCAL_PART.fullmatch(longest):
        raise ValueError(text)
    return text


def _check_days(remind_after: int, forget_after: int) -> None:
    if forget_after < LINK_DAYS or forget_after <= remind_after:
        raise Misconfigured(
            f"CAMPAIGN_FORGET_AFTER_DAYS is {forget_after}, which does not fit. Give at least {LINK_DAYS}, the days "
            f"that a link works, and more than CAMPAIGN_REMIND_AFTER_DAYS, which is {remind_after}."
        )


def _check_domains(sender: str, pattern: str) -> None:
    """The domain that letters come from and that of bounces are to be of one organisation (RFC 7489, section 3.1)."""
    domains = [parseaddr(address)[1].rpartition("@")[2] for address in (sender, pattern)]
    if pattern and organisational(domains[0]) != organisational(domains[1]):
        raise Misconfigured(
            f"CAMPAIGN_MAIL_FROM_CAMPAIGN is {pattern!r}, which does not fit. Give a domain of the same organisation "
            f"as that of CAMPAIGN_MAIL_FROM, {domains[0]}: that one, one above it, below it or beside it."
        )


def organisational(domain: str) -> str:
    """The part of a domain that its owner registered: the last two labels, three where countries have inner ones."""
    labels = domain.lower().rstrip(".").split(".")
    is_inner = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _INNER
    return ".".join(labels[-3:] if is_inner else labels[-2:])


_INNER = frozenset(("ac", "co", "com", "edu", "go", "gob", "gov", "ltd", "mil", "ne", "net", "nom", "or", "org", "sch"))
"""Under a country's domain names are registered below these, as in example.co.uk."""

_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")
_LOCAL_PART = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")


def _rate(text: str) -> str:
    """Give a rate such as "240 per hour" or "20 per minute; 200 per day"."""
    parse_many(text)
    return text


def _yes_or_no(text: str) -> bool:
    """Give yes or no."""
    answers = {"yes": True, "1": True, "true": True, "no": False, "0": False, "false": False}
    if text.lower() not in answers:
        raise ValueError(text)
    return answers[text.lower()]


def _whole_number(text: str) -> int:
    """Give a whole number, 0 or more."""
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def _positive_number(text: str) -> int:
    """Give a whole number, 1 or more."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _warm_up(text: str) -> WarmUp | None:
    """Give the first day and its number of letters, such as 2027-01-31 500, or no."""
    if text.lower() == "no":
        return None
    day, letters = text.split()
    return WarmUp(date.fromisoformat(day), _positive_number(letters))


def _letters_a_second(text: str) -> float:
    """Give a number of letters a second; 0 for no limit."""
    return _seconds(text)


def _resend(text: str) -> Resend:
    """Give asked (letters that somebody asked for), all or none."""
    return Resend(text)


def _seconds(text: str) -> float:
    """Give a number of seconds, 0 or more."""
    if not 0 <= float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


def _some_seconds(text: str) -> float:
    """Give a number of seconds, more than 0."""
    if _seconds(text) == 0:
        raise ValueError(text)
    return float(text)
