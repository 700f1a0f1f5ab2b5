"""The settings: a frozen dataclass read from the environment. No secret has a default.

Every setting has the prefix CAMPAIGN_. What the environment does not say is looked up in
`settings.env` in the instance folder; docs/operator.md describes each of them.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import TypeVar

from campaign import values
from campaign.errors import Misconfigured
from campaign.values import Resend, WarmUp, organisational

SETTINGS_FILE = "settings.env"
NOTHING = ""
"""The default of a setting that may be left out."""
LINK_DAYS = 3
"""So long the link works that confirms."""
T = TypeVar("T")


@dataclass(frozen=True)
class Config:
    """What an installation decides. Read with `Config.read()`; times in seconds."""

    instance: Path
    public_url: str
    onion_url: str
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
    webhooks_loopback: bool

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Config":
        """Read the settings; raises Misconfigured with the setting's name and the remedy."""
        environ = os.environ if environ is None else environ
        instance = cls.folder(environ)
        read = _Reader({**_settings_file(instance / SETTINGS_FILE), **environ})
        return cls(
            instance=instance,
            public_url=read("PUBLIC_URL", values.web_address, None),
            onion_url=read("ONION_URL", values.onion_address, NOTHING),
            database_url=read("DATABASE_URL", values.database, f"sqlite:///{instance}/campaign.sqlite"),
            tasks_url=read(
                "TASKS_URL", values.one_of_schemes("sqlite", "redis", "rediss"), f"sqlite:///{instance}/tasks.sqlite"
            ),
            limits_url=read("LIMITS_URL", values.one_of_schemes("memory", "redis", "rediss"), "memory://"),
            smtp_url=read("SMTP_URL", values.relay, None),
            mail_from=read("MAIL_FROM", values.mail_address, None),
            bounce_address=read("BOUNCE_ADDRESS", values.bounce_address, NOTHING),
            bounce_imap_url=read("BOUNCE_IMAP_URL", values.mailbox, NOTHING),
            mail_from_campaign=read("MAIL_FROM_CAMPAIGN", values.pattern_of_addresses, NOTHING),
            is_demo=read("DEMO", values.yes_or_no, "no"),
            proxies=read("PROXIES", values.whole_number, "0"),
            limit_per_client=read("LIMIT_PER_CLIENT", values.rate, "240 per hour"),
            limit_per_campaign=read("LIMIT_PER_CAMPAIGN", values.rate, "1200 per minute"),
            page_seconds=read("PAGE_SECONDS", values.seconds, "5"),
            smtp_timeout=read("SMTP_TIMEOUT", values.some_seconds, "30"),
            relay_connections=read("RELAY_CONNECTIONS", values.positive_number, "4"),
            relay_letters=read("RELAY_LETTERS", values.positive_number, "200"),
            relay_rate=read("RELAY_RATE", values.letters_a_second, "0"),
            domain_rate=read("DOMAIN_RATE", values.letters_a_second, "0"),
            warm_up=read("WARM_UP", values.warm_up, "no"),
            resend_uncertain=read("RESEND_UNCERTAIN", values.resend, "asked"),
            lease_seconds=read("LEASE_SECONDS", values.some_seconds, "120"),
            remind_after_days=read("REMIND_AFTER_DAYS", values.whole_number, "2"),
            forget_after_days=read("FORGET_AFTER_DAYS", values.whole_number, "7"),
            metrics_token=read("METRICS_TOKEN", values.token, NOTHING),
            dkim_selector=read("DKIM_SELECTOR", values.selector, NOTHING),
            webhooks_loopback=read("WEBHOOKS_LOOPBACK", values.yes_or_no, "no"),
        )

    def __post_init__(self) -> None:
        """Refuse settings that do not fit together."""
        _check_days(self.remind_after_days, self.forget_after_days)
        _check_domains(self.mail_from, self.mail_from_campaign)
        _check_loopback(self.webhooks_loopback, self.is_demo)

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


def _check_loopback(is_open: bool, is_demo: bool) -> None:
    """Organizers of a real installation must not reach what listens on its machine."""
    if is_open and not is_demo:
        raise Misconfigured(
            "CAMPAIGN_WEBHOOKS_LOOPBACK is 'yes', which does not fit. Give no, or leave it out: only a demonstration "
            "(CAMPAIGN_DEMO=yes) may send webhooks to its own machine."
        )


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
