"""Settings: each one missing or wrong stops the start, by its name, with a remedy and without a password."""

import re
import shutil
from pathlib import Path

import pytest

from campaign.app import create_app
from campaign.config import SETTINGS_FILE, Config
from campaign.errors import Misconfigured
from campaign.opening import PRIVATE_KEY, Keyring
from campaign.sealing import PUBLIC_KEY
from tests.programs import ROOT
from tests.stack import Stack

NEEDED = {
    "CAMPAIGN_PUBLIC_URL": "https://campaign.example",
    "CAMPAIGN_SMTP_URL": "smtp://relay.example",
    "CAMPAIGN_MAIL_FROM": "Campaign <news@campaign.example>",
}
SECRET = "hunter2"

WRONG = [
    ("PUBLIC_URL", "campaign.example"),
    ("PUBLIC_URL", "ftp://campaign.example"),
    ("PUBLIC_URL", "https://"),
    ("PUBLIC_URL", "https://campaign.example/below"),
    ("PUBLIC_URL", "https://campaign.example/?x"),
    ("PUBLIC_URL", "https://campaign.example:port"),
    ("ONION_URL", "http://campaign.onion"),
    ("ONION_URL", f"https://{'a' * 55}d.onion"),
    ("ONION_URL", f"http://{'a' * 55}d.onion"),
    ("ONION_URL", f"http://{'a' * 16}.onion"),
    ("ONION_URL", f"http://{'1' * 56}.onion"),
    ("DATABASE_URL", "campaign.sqlite"),
    ("DATABASE_URL", "mysql://host/campaign"),
    ("TASKS_URL", "amqp://host"),
    ("LIMITS_URL", "memcached://host"),
    ("SMTP_URL", "relay.example:25"),
    ("SMTP_URL", "smtp://relay.example:port"),
    ("SMTP_URL", "smtp://"),
    ("MAIL_FROM", "Campaign"),
    ("MAIL_FROM", "Campaign <news@campaign.example>\nBcc: x@example.org"),
    ("MAIL_FROM", "Kampagne <nachrichten@käse.example>"),
    ("BOUNCE_ADDRESS", "bounces"),
    ("BOUNCE_ADDRESS", "bounces+x@letters.example"),
    ("BOUNCE_ADDRESS", "unsubscribe@letters.example"),
    ("BOUNCE_ADDRESS", "Bounces <bounces@letters.example>"),
    ("BOUNCE_ADDRESS", "b" * 32 + "@letters.example"),
    ("BOUNCE_ADDRESS", "bounces@letters_.example"),
    ("BOUNCE_ADDRESS", "bounces@käse.example"),
    ("BOUNCE_IMAP_URL", "imap://user:password@imap.example/INBOX"),
    ("BOUNCE_IMAP_URL", "imaps://imap.example/INBOX"),
    ("BOUNCE_IMAP_URL", "imaps://user:password@imap.example:port/INBOX"),
    ("DEMO", "maybe"),
    ("PROXIES", "-1"),
    ("PROXIES", "one"),
    ("LIMIT_PER_CLIENT", "often"),
    ("LIMIT_PER_CAMPAIGN", "5 per fortnight"),
    ("PAGE_SECONDS", "-1"),
    ("PAGE_SECONDS", "nan"),
    ("SMTP_TIMEOUT", "inf"),
    ("SMTP_TIMEOUT", "soon"),
    ("SMTP_TIMEOUT", "0"),
    ("LEASE_SECONDS", "two"),
    ("LEASE_SECONDS", "0"),
    ("REMIND_AFTER_DAYS", "-1"),
    ("REMIND_AFTER_DAYS", "soon"),
    ("REMIND_AFTER_DAYS", "1.5"),
    ("FORGET_AFTER_DAYS", "2"),
    ("FORGET_AFTER_DAYS", "never"),
    ("MAIL_FROM_CAMPAIGN", "news@campaign.example"),
    ("MAIL_FROM_CAMPAIGN", "{slug}"),
    ("MAIL_FROM_CAMPAIGN", "{slug}{slug}@campaign.example"),
    ("MAIL_FROM_CAMPAIGN", "news-{slug}@campaign.example"),
    ("MAIL_FROM_CAMPAIGN", "a@{slug}.campaign.example"),
    ("MAIL_FROM_CAMPAIGN", "{slug}@campaign.example\nBcc: x@example.org"),
    ("MAIL_FROM_CAMPAIGN", "{slug}@käse.example"),
    ("MAIL_FROM_CAMPAIGN", "{slug}@letters.elsewhere.example"),
    ("METRICS_TOKEN", "too-short"),
    ("METRICS_TOKEN", "a word that is long enough but is several"),
    ("DKIM_SELECTOR", "_domainkey"),
    ("DKIM_SELECTOR", "20 26"),
    ("WEBHOOKS_LOOPBACK", "perhaps"),
    ("WEBHOOKS_LOOPBACK", "yes"),
]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """What has to be set, and a folder."""
    return NEEDED | {"CAMPAIGN_INSTANCE": str(tmp_path)}


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_stops_with_its_name_and_an_example(
    environ: dict[str, str], name: str, value: str | None
) -> None:
    """Not set, or set to nothing."""
    environ[name] = value or ""
    if value is None:
        del environ[name]
    with pytest.raises(Misconfigured, match=rf"^{name} is not set\. Give .+"):
        Config.read(environ)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_stops_with_its_name_and_a_remedy(environ: dict[str, str], name: str, value: str) -> None:
    """What does not fit is shown, with what would."""
    environ[f"CAMPAIGN_{name}"] = value
    with pytest.raises(Misconfigured, match=rf"^CAMPAIGN_{name} is .*(?s:.*)which does not fit\. Give .+"):
        Config.read(environ)


@pytest.mark.parametrize(
    ("remind", "forget", "fits"), [(2, 7, True), (0, 3, True), (6, 7, True), (7, 7, False), (9, 7, False)]
)
def test_what_is_not_confirmed_is_reminded_of_before_it_is_forgotten(
    environ: dict[str, str], remind: int, forget: int, fits: bool
) -> None:
    """And is not forgotten while the link of the first letter works."""
    days = {"CAMPAIGN_REMIND_AFTER_DAYS": str(remind), "CAMPAIGN_FORGET_AFTER_DAYS": str(forget)}
    if fits:
        assert Config.read(environ | days).remind_after_days == remind
    else:
        with pytest.raises(Misconfigured, match=r"^CAMPAIGN_FORGET_AFTER_DAYS is 7.*more than CAMPAIGN_REMIND_AFTER"):
            Config.read(environ | days)


ALIGNED = [
    ("news@campaign.example.org", "letters.example.org", True),
    ("news@example.org", "letters.example.org", True),
    ("News <news@letters.example.org>", "EXAMPLE.org", True),
    ("news@example.co.uk", "letters.example.co.uk", True),
    ("news@example.co.uk", "other.co.uk", False),
    ("news@example.org", "example.com", False),
    ("news@example.org", "badexample.org", False),
]


@pytest.mark.parametrize(("sender", "domain", "fits"), ALIGNED)
def test_campaigns_write_from_domains_of_the_same_organisation(
    environ: dict[str, str], sender: str, domain: str, fits: bool
) -> None:
    """Or the letters of campaigns would fail DMARC, which nobody would notice here."""
    senders = {"CAMPAIGN_MAIL_FROM": sender, "CAMPAIGN_MAIL_FROM_CAMPAIGN": f"{{slug}}@{domain}"}
    if fits:
        assert Config.read(environ | senders).mail_from_campaign == f"{{slug}}@{domain}"
    else:
        with pytest.raises(Misconfigured, match=r"^CAMPAIGN_MAIL_FROM_CAMPAIGN is .*Give a domain of the same"):
            Config.read(environ | senders)


@pytest.mark.parametrize("name", ["DATABASE_URL", "TASKS_URL", "LIMITS_URL", "SMTP_URL", "BOUNCE_IMAP_URL"])
@pytest.mark.parametrize(
    "address",
    [
        f"wrong://user:{SECRET}@host/x",
        f"wrong:///x?user=user&password={SECRET}",
        f"://:{SECRET}@host",
        f"wrong://user:{SECRET}@[host",
        f"user:{SECRET}",
    ],
)
def test_no_error_shows_a_password(environ: dict[str, str], name: str, address: str) -> None:
    """However an address with a password is misspelt, only the setting's name comes out."""
    environ[f"CAMPAIGN_{name}"] = address
    with pytest.raises(Misconfigured) as stopped:
        Config.read(environ)
    assert f"CAMPAIGN_{name}" in str(stopped.value)
    assert SECRET not in str(stopped.value)
    assert stopped.value.__cause__ is None or SECRET not in repr(stopped.value.__cause__)


def test_no_error_shows_a_token(environ: dict[str, str]) -> None:
    """It is as good as a password."""
    environ["CAMPAIGN_METRICS_TOKEN"] = SECRET
    with pytest.raises(Misconfigured, match=r"^CAMPAIGN_METRICS_TOKEN is a secret, which does not fit\.") as stopped:
        Config.read(environ)
    assert SECRET not in str(stopped.value)


def test_the_settings_show_no_password_either(environ: dict[str, str]) -> None:
    """Whatever prints a Config (a log, a failing test) shows no password of its addresses."""
    environ["CAMPAIGN_DATABASE_URL"] = f"postgresql://campaign:{SECRET}@db.example/campaign"
    environ["CAMPAIGN_METRICS_TOKEN"] = SECRET * 3
    assert SECRET not in repr(Config.read(environ))


def test_settings_of_the_file_and_of_the_environment(environ: dict[str, str], tmp_path: Path) -> None:
    """The environment beats the file; comments and blank lines are none; a value may hold an equals sign."""
    (tmp_path / SETTINGS_FILE).write_text(
        "# CAMPAIGN_DEMO=yes\n\nCAMPAIGN_PROXIES = 2\nCAMPAIGN_SMTP_URL=smtp://file.example\n"
        "CAMPAIGN_DATABASE_URL=postgresql://host/x?sslmode=require\n"
    )
    config = Config.read(environ)
    assert (config.is_demo, config.proxies, config.smtp_url) == (False, 2, NEEDED["CAMPAIGN_SMTP_URL"])
    assert config.database_url == "postgresql+psycopg://host/x?sslmode=require"
    assert config.public_url == "https://campaign.example"
    assert Config.read(environ | {"CAMPAIGN_PUBLIC_URL": "https://a.example/"}).public_url == "https://a.example"


@pytest.mark.parametrize("name", [PUBLIC_KEY, "session"])
def test_the_web_does_not_start_without_its_keys(
    environ: dict[str, str], tmp_path: Path, keys_folder: Path, name: str
) -> None:
    """There is no default and no clear-text fallback; the remedy is named."""
    shutil.copytree(keys_folder, tmp_path / "keys")
    create_app(Config.read(environ))
    (tmp_path / "keys" / name).unlink()
    with pytest.raises(Misconfigured, match=rf"The key '{name}' is not in .*`campaign keys`"):
        create_app(Config.read(environ))


@pytest.mark.parametrize("name", [PRIVATE_KEY, "pepper"])
def test_the_worker_does_not_start_without_its_keys(
    environ: dict[str, str], tmp_path: Path, keys_folder: Path, name: str
) -> None:
    """The web starts without them, as it never reads them."""
    shutil.copytree(keys_folder, tmp_path / "keys")
    (tmp_path / "keys" / name).unlink()
    config = Config.read(environ)
    create_app(config)
    with pytest.raises(Misconfigured, match=f"The key '{name}' is not in "):
        Keyring.read(config)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_gunicorn_gives_up_when_a_setting_is_missing(installation: Stack) -> None:
    """wsgi.py exits with 3, on which gunicorn stops instead of starting workers for ever; the log says why."""
    del installation.settings["CAMPAIGN_SMTP_URL"]
    installation.is_forked = False
    with pytest.raises(
        AssertionError, match=r"web ended with 3:(?s:.*)Campaign cannot start\. CAMPAIGN_SMTP_URL is not"
    ):
        installation.start_web()
    assert "Traceback" not in installation.log("web")


# The documentation


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    """The table of docs/operator.md against what the code reads, names and defaults."""
    source = "".join(path.read_text("utf-8") for path in sorted((ROOT / "campaign").rglob("*.py")))
    read = {f"CAMPAIGN_{name}" for name in re.findall(r'\bread\(\s*"([A-Z_]+)"', source)} | {"CAMPAIGN_INSTANCE"}
    operator = (ROOT / "docs" / "operator.md").read_text("utf-8")
    table = dict(re.findall(r"^\| `(CAMPAIGN_[A-Z_]+)` \|[^|]*\| ([^|]*) \|", operator, re.MULTILINE))
    assert len(read) >= 14
    assert set(table) == read
    everywhere = "".join(path.read_text("utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert set(re.findall(r"\bCAMPAIGN_[A-Z_]+[A-Z]", everywhere)) <= read
    defaults = dict(re.findall(r'\bread\(\s*"([A-Z_]+)", [\w.]+, "([^"]*)"\)', source))
    assert len(defaults) >= 7
    assert {name: table[f"CAMPAIGN_{name}"].strip("`") for name in defaults} == defaults


def test_what_the_procfile_reads_is_documented() -> None:
    """BIND, PORT, WEB_CONCURRENCY, with their defaults."""
    operator = (ROOT / "docs" / "operator.md").read_text("utf-8")
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "Procfile").read_text("utf-8")):
        assert re.search(rf"`{name}`.{{0,80}}default.{{0,5}}{re.escape(default)}", operator), name
