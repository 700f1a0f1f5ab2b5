"""The settings: a frozen dataclass read from the environment. No secret has a default.

Every setting has the prefix CAMPAIGN_. What the environment does not say is looked up in
`settings.env` in the instance folder; docs/operator.md describes each of them.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from limits import parse_many

from campaign.errors import Misconfigured

SETTINGS_FILE = "settings.env"
UNSET = ""
"""The value of a setting that may be left out."""

T = TypeVar("T")


class Resend(StrEnum):
    """Which letters go again when the relay's reply was lost, and nobody can tell whether it took them."""

    ASKED = "asked"
    ALL = "all"
    NONE = "none"


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
    is_demo: bool
    proxies: int
    limit_per_client: str
    limit_per_campaign: str
    page_seconds: float
    smtp_timeout: float
    relay_connections: int
    relay_letters: int
    resend_uncertain: Resend
    lease_seconds: float
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
            is_demo=read("DEMO", _yes_or_no, "no"),
            proxies=read("PROXIES", _whole_number, "0"),
            limit_per_client=read("LIMIT_PER_CLIENT", _rate, "240 per hour"),
            limit_per_campaign=read("LIMIT_PER_CAMPAIGN", _rate, "1200 per minute"),
            page_seconds=read("PAGE_SECONDS", _seconds, "5"),
            smtp_timeout=read("SMTP_TIMEOUT", _some_seconds, "30"),
            relay_connections=read("RELAY_CONNECTIONS", _positive_number, "4"),
            relay_letters=read("RELAY_LETTERS", _positive_number, "200"),
            resend_uncertain=read("RESEND_UNCERTAIN", _resend, "asked"),
            lease_seconds=read("LEASE_SECONDS", _some_seconds, "120"),
            metrics_token=read("METRICS_TOKEN", _token, UNSET),
            dkim_selector=read("DKIM_SELECTOR", _selector, UNSET),
        )

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


def _selector(text: str) -> str:
    """Give the name under which the relay's DKIM key stands in DNS, such as 2026 for 2026._domainkey.example.org"""
    if text and not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", text, re.IGNORECASE):
        raise ValueError(text)
    return text


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
