"""The doctor finds nothing where all is well, and each thing that was made wrong once."""

import base64
import json
import os
import pwd
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.rcode
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from sqlalchemy import text

from campaign import clock
from campaign.cli import main
from campaign.config import SETTINGS_FILE, Config
from campaign.db import db
from campaign.doctor import asking, database, machine, names, relay
from campaign.doctor.findings import Finding, Verdict, examine
from campaign.mailing.models import Delivery
from campaign.mailing.relay import RelayConnection
from campaign.opening import Keyring
from campaign.sealing import PUBLIC_KEY
from campaign.signing.models import Intake
from campaign.watching.operations import Pulse, beat
from tests.letters_in import message_from_bytes
from tests.names_in import NameServer, Records
from tests.servers import LOOPBACK, STALL, SmtpSink, free_port
from tests.signers_in import signs, the_campaign
from tests.stack import Stack

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

DOMAIN = "campaign.example"
KEY_NAME = f"s1._domainkey.{DOMAIN}"
SECRET = "hunter2"


def dkim_record(bits: int, tags: str = "") -> str:
    """A DKIM record as a zone file has it, in pieces of 255 characters."""
    key = rsa.generate_private_key(65537, bits).public_key()
    text = base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    record = f"v=DKIM1; k=rsa; {tags}p={text}"
    return " ".join(f'"{record[start : start + 255]}"' for start in range(0, len(record), 255))


GOOD_KEY = dkim_record(2048)


def zone() -> Records:
    """What a well-kept domain publishes."""
    return {
        (DOMAIN, "A"): [LOOPBACK],
        (DOMAIN, "MX"): [f"10 mail.{DOMAIN}."],
        (DOMAIN, "TXT"): ['"v=spf1 mx -all"', '"something else"'],
        (f"_dmarc.{DOMAIN}", "TXT"): [f'"v=DMARC1; p=reject; rua=mailto:you@{DOMAIN}"'],
        (KEY_NAME, "TXT"): [GOOD_KEY],
    }


@pytest.fixture
def dns_server() -> Iterator[NameServer]:
    """A resolver that knows the domain."""
    with NameServer(zone()) as server:
        yield server


@pytest.fixture
def secured(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpSink]:
    """A relay whose certificate the system trusts."""
    monkeypatch.setattr(relay, "CERTIFICATE_LASTS", timedelta(0))  # it lasts a day
    with SmtpSink(tls="starttls") as sink:
        monkeypatch.setenv("SSL_CERT_FILE", str(sink.certificate))
        yield sink


def config_of(installation: Stack, **changed: str) -> Config:
    """The settings of a well installation, some of them changed."""
    good = {"CAMPAIGN_PUBLIC_URL": f"https://{DOMAIN}"}
    return Config.read(installation.environ | good | {f"CAMPAIGN_{name}": value for name, value in changed.items()})


def only(verdict: str, findings: Iterator[Finding]) -> Finding:
    """The one finding that is no good; a wrong one has a remedy."""
    found = [finding for finding in findings if finding.verdict is not Verdict.GOOD]
    assert [finding.verdict for finding in found] == [verdict], found
    assert found[0].remedy or verdict == "note"
    return found[0]


def assert_well(findings: Iterator[Finding]) -> None:
    """Nothing but good findings, and at least one."""
    found = list(findings)
    assert found
    assert {finding.verdict for finding in found} == {Verdict.GOOD}, found


# The whole


def test_where_all_is_well_nothing_is_wrong(
    installation: Stack, app: Flask, secured: SmtpSink, dns_server: NameServer
) -> None:
    """Exit 0, with a letter if one is asked for; and 1 as soon as one thing is not as it should be. No secret shows."""
    beat("one", clock.now(), Pulse(""), clock.now())
    db.session.commit()
    installation.settings |= {
        "CAMPAIGN_PUBLIC_URL": f"https://{DOMAIN}",
        "CAMPAIGN_SMTP_URL": secured.url,
        "CAMPAIGN_DKIM_SELECTOR": "s1",
    }
    asked = ["doctor", "--resolver", dns_server.address, "--letter-to", "operator@example.org"]
    well = CliRunner().invoke(main, asked, env=installation.environ)
    assert (well.exit_code, well.output.splitlines()[-1]) == (0, "Nothing is wrong."), well.output
    assert {line.split()[0] for line in well.output.splitlines()[:-1]} == {"good"}, well.output
    assert "250 2.0.0 kept" in well.output
    letter = message_from_bytes(secured.letters[0].content)
    assert (secured.letters[0].recipients, letter["Auto-Submitted"]) == (("operator@example.org",), "auto-generated")
    del dns_server.records[f"_dmarc.{DOMAIN}", "TXT"]
    ill = CliRunner().invoke(main, ["doctor", "--json", "--resolver", dns_server.address], env=installation.environ)
    said = json.loads(ill.output)
    assert (ill.exit_code, said["wrong"]) == (1, 1)
    wrong = [finding for finding in said["findings"] if finding["verdict"] == "wrong"]
    assert "no DMARC record" in wrong[0]["sentence"]
    assert wrong[0]["remedy"]
    assert len(secured.letters) == 1


@one_database
def test_the_command_ends_with_1(installation: Stack) -> None:
    """As scripts run it; without a setting that is needed, too; and what is asked for wrongly is refused."""
    installation.settings["CAMPAIGN_SMTP_URL"] = f"smtp://user:{SECRET}@{LOOPBACK}:{free_port()}"
    finished = installation.try_run("doctor", "--resolver", f"{LOOPBACK}:{free_port()}")
    assert finished.status == 1
    assert "wrong  worker     None has said anything for an hour. Start it" in finished.output
    assert "wrong  relay      Nobody listens" in finished.output
    assert "note   dns        DNS does not answer here" in finished.output
    assert SECRET not in finished.output + finished.errors
    without = {**installation.environ, "CAMPAIGN_MAIL_FROM": ""}
    missing = CliRunner().invoke(main, ["doctor"], env=without)
    assert (missing.exit_code, "CAMPAIGN_MAIL_FROM is not set" in missing.output) == (1, True)
    for options in (["--resolver", "dns.example"], ["--letter-to", "nobody"]):
        assert CliRunner().invoke(main, ["doctor", *options], env=installation.environ).exit_code == 1


def test_a_check_that_breaks_is_a_finding() -> None:
    """By the error's class: its text may hold anything."""

    def breaks() -> list[Finding]:
        raise RuntimeError(SECRET)

    found = only("wrong", examine("relay", breaks))
    assert "RuntimeError" in found.sentence
    assert SECRET not in str(found)


# Settings and keys


@one_database
def test_settings(installation: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """http, a demonstration in public, a relay in clear, a file that all can read, root in somebody's house."""
    here = {"SMTP_URL": "smtps://relay.example"}
    assert_well(machine.check_settings(config_of(installation, **here)))
    http = machine.check_settings(config_of(installation, PUBLIC_URL="http://campaign.example", **here))
    assert "is http" in only("wrong", http).sentence
    local = machine.check_settings(config_of(installation, PUBLIC_URL="http://localhost:5000", **here))
    assert "this machine" in only("note", local).sentence
    assert "local inbox" in only("wrong", machine.check_settings(config_of(installation, DEMO="yes", **here))).sentence
    clear = machine.check_settings(config_of(installation, SMTP_URL="smtp://relay.example"))
    assert "in clear" in only("note", clear).sentence
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    os.chown(installation.instance, pwd.getpwnam("nobody").pw_uid, -1)
    assert "belongs to nobody" in only("note", machine.check_settings(config_of(installation, **here))).sentence
    os.chown(installation.instance, 0, -1)
    file = installation.instance / SETTINGS_FILE
    file.write_text("")
    file.chmod(0o644)
    assert "Others can read" in only("wrong", machine.check_settings(config_of(installation, **here))).sentence


@one_database
def test_keys(installation: Stack, tmp_path: Path) -> None:
    """Missing, open to others, cut off, of two pairs; the web's two alone are right where the web is."""
    config = config_of(installation)
    assert_well(machine.check_keys(config))
    files = {file.name: (file, file.read_bytes()) for file in config.keys.iterdir()}
    files["pepper"][0].chmod(0o640)
    assert "Others can read pepper" in only("wrong", machine.check_keys(config)).sentence
    files["pepper"][0].chmod(0o600)
    public, content = files[PUBLIC_KEY]
    public.write_bytes(bytes(32))
    assert "not the private key's" in only("wrong", machine.check_keys(config)).sentence
    public.write_bytes(content[:31])
    assert "has not 32 bytes" in only("wrong", machine.check_keys(config)).sentence
    public.write_bytes(content)
    files["pepper"][0].unlink()
    assert "pepper is not in" in only("wrong", machine.check_keys(config)).sentence
    files["sealing.private"][0].unlink()
    assert "Only the web's keys" in only("note", machine.check_keys(config)).sentence


# Database, schema, tasks, worker, letters


def test_database(installation: Stack, app: Flask, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Well; read only; the clocks apart (PostgreSQL); not there."""
    assert_well(database.check_database())
    if backend == "postgresql":
        later = clock.now() + timedelta(seconds=40)
        monkeypatch.setattr(clock, "now", lambda: later)
        assert "differ by" in only("wrong", database.check_database()).sentence
        monkeypatch.setattr(clock, "now", lambda: later - timedelta(seconds=35))
        assert "differ by 5" in only("note", database.check_database()).sentence
        monkeypatch.undo()
        db.session.execute(text(f'ALTER DATABASE "{db.engine.url.database}" SET default_transaction_read_only = on'))
    else:
        db.session.execute(text("CREATE TRIGGER no BEFORE INSERT ON heartbeats BEGIN SELECT RAISE(ABORT, 'no'); END"))
    db.session.commit()
    db.engine.dispose()
    assert "cannot be written to" in only("wrong", database.check_database()).sentence


@one_database
def test_a_database_that_is_not_there(installation: Stack, tmp_path: Path) -> None:
    """Said once, and nothing is asked of it."""
    installation.settings["CAMPAIGN_DATABASE_URL"] = f"sqlite:///{tmp_path}/nowhere/x.sqlite"
    said = CliRunner().invoke(main, ["doctor", "--resolver", f"{LOOPBACK}:{free_port()}"], env=installation.environ)
    assert "It cannot be reached: OperationalError." in said.output
    assert "worker  " not in said.output


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_no_write_ahead_log(app: Flask) -> None:
    """As on a network file system."""
    with db.engine.connect() as connection:
        connection.connection.dbapi_connection.execute("PRAGMA journal_mode=DELETE")  # type: ignore[union-attr]
        assert "no write-ahead log" in only("wrong", database._sqlite(connection)).sentence


def test_schema(app: Flask) -> None:
    """Older than the code, newer, none."""
    assert_well(database.check_migrations())
    for version, remedy in (("0001", "campaign migrate"), ("9999", "newer code")):
        db.session.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))  # noqa: S608 - ours
        db.session.commit()
        assert remedy in only("wrong", database.check_migrations()).remedy


@one_database
def test_tasks(installation: Stack, app: Flask) -> None:
    """The engine or the counters away."""
    engine = app.extensions["work"]
    assert_well(database.check_tasks(config_of(installation), engine))
    away = f"redis://{LOOPBACK}:{free_port()}/0"
    other = type(engine)(away)
    assert "engine does not answer" in only("wrong", database.check_tasks(config_of(installation), other)).sentence
    counters = database.check_tasks(config_of(installation, LIMITS_URL=away), engine)
    assert "counters" in only("wrong", counters).sentence


def test_worker(app: Flask) -> None:
    """None, one, one whose drain failed, one that is silent."""
    assert "None has said" in only("wrong", database.check_worker()).sentence
    now = clock.now()
    beat("one", now, Pulse(""), now)
    db.session.commit()
    assert_well(database.check_worker())
    beat("one", now, Pulse("", "letters OperationalError", now), now)
    db.session.commit()
    assert "letters OperationalError" in only("wrong", database.check_worker()).sentence
    beat("one", now, Pulse(""), now - timedelta(minutes=2))
    db.session.commit()
    assert "120 seconds ago" in only("wrong", database.check_worker()).sentence


@one_database
def test_letters_and_requests_that_wait(stack: Stack, app: Flask, keys: Keyring) -> None:
    """A minute is worth a note, five are wrong."""
    assert_well(database.check_letters())
    signs(keys, "ada@example.org", confirms=False)
    for minutes, verdict in ((2, "note"), (6, "wrong")):
        db.session.query(Delivery).update({Delivery.not_before: clock.now() - timedelta(minutes=minutes)})
        db.session.commit()
        assert "somebody asked for" in only(verdict, database.check_letters()).sentence
    db.session.query(Delivery).delete()
    db.session.add(Intake(campaign_id=the_campaign().id, sealed=b"", received_at=clock.now() - timedelta(minutes=6)))
    db.session.commit()
    assert "not opened" in only("wrong", database.check_letters()).sentence


# The relay


def relay_of(app: Flask, installation: Stack, url: str, letter_to: str | None = None) -> Iterator[Finding]:
    """What the doctor says of a relay."""
    config = config_of(installation, SMTP_URL=url, SMTP_TIMEOUT="1")
    return relay.check_relay(config, app.extensions["mail"], letter_to)


@one_database
def test_relay_and_what_it_answers(app: Flask, installation: Stack, sink: SmtpSink) -> None:
    """Well; the sender refused; the letter refused; silent; closed; unknown; the letter's text names no reader."""
    assert_well(relay_of(app, installation, sink.url))
    assert_well(relay_of(app, installation, sink.url, "operator@example.org"))
    assert len(sink.letters) == 1
    sink.reply_to_sender = lambda _address: "550 5.7.1 not you"
    assert "550 5.7.1 not you" in only("wrong", relay_of(app, installation, sink.url)).sentence
    sink.reply_to_sender = lambda _address: "250 ok"
    sink.reply_to_recipient = lambda _address: "451 4.7.1 grey"
    assert "451 4.7.1 grey" in only("wrong", relay_of(app, installation, sink.url, "o@example.org")).sentence
    sink.reply_to_connection = lambda: "554 no"
    assert "turns us away (554)" in only("wrong", relay_of(app, installation, sink.url)).sentence
    sink.reply_to_connection = lambda: STALL
    assert "falls silent" in only("wrong", relay_of(app, installation, sink.url)).sentence
    closed = relay_of(app, installation, f"smtp://{LOOPBACK}:{free_port()}")
    assert "Nobody listens" in only("wrong", closed).sentence


@one_database
def test_relay_and_its_tls(app: Flask, installation: Stack, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Self-signed, of another name, none offered, the wrong scheme, ending soon; no name and password in the clear."""
    plain = sink.url.removeprefix("smtp")
    no_tls = relay_of(app, installation, f"smtp+starttls{plain}")
    assert "offers no STARTTLS" in only("wrong", no_tls).sentence
    no_login = relay_of(app, installation, sink.url.replace("//", f"//user:{SECRET}@"))
    assert "or no signing in" in only("wrong", no_login).sentence
    assert "does not speak TLS" in only("wrong", relay_of(app, installation, f"smtps{plain}")).sentence
    with SmtpSink(tls="starttls") as secured:
        assert "self-signed" in only("wrong", relay_of(app, installation, secured.url)).sentence
        monkeypatch.setenv("SSL_CERT_FILE", str(secured.certificate))
        assert "ends on" in only("note", relay_of(app, installation, secured.url)).sentence
        monkeypatch.setattr(relay, "CERTIFICATE_LASTS", timedelta(0))
        assert_well(relay_of(app, installation, secured.url))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (smtplib.SMTPAuthenticationError(535, SECRET.encode()), "refuses name and password (535)"),
        (socket.gaierror(-2, "unknown"), "is not known"),
        (ssl.SSLError(1, "x"), "does not speak TLS"),
        (ConnectionResetError(), "cannot be reached: ConnectionResetError"),
    ],
    ids=lambda case: type(case).__name__,
)
@one_database
def test_relay_that_cannot_be_reached(
    app: Flask, installation: Stack, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    """Each reason has its words; what the relay said to a password is not repeated."""

    def fails(_self: RelayConnection) -> None:
        raise error

    monkeypatch.setattr(RelayConnection, "configure_host", fails)
    found = only("wrong", relay_of(app, installation, "smtp://relay.example"))
    assert words in found.sentence
    assert SECRET not in str(found)


# DNS


def without(*keys: tuple[str, str]) -> Callable[[Records], object]:
    """Take records out."""
    return lambda records: [records.pop(key) for key in keys]


def with_(name: str, kind: str, *data: str) -> Callable[[Records], object]:
    """Put other records in their place."""
    return lambda records: records.update({(name, kind): list(data)})


MADE_WRONG = [
    (without((DOMAIN, "A")), "wrong", "has no address"),
    (with_(DOMAIN, "TXT", '"x"'), "wrong", "no SPF record"),
    (with_(DOMAIN, "TXT", '"v=spf1 -all"', '"v=spf1 mx -all"'), "wrong", "2 SPF records"),
    (with_(DOMAIN, "TXT", '"v=spf1 mx +all"'), "wrong", "lets everybody send"),
    (with_(DOMAIN, "TXT", '"v=spf1 mx ?all"'), "note", "forbids nobody"),
    (with_(DOMAIN, "MX", "0 ."), "wrong", "takes no mail"),
    (without((KEY_NAME, "TXT")), "wrong", "no DKIM key"),
    (with_(KEY_NAME, "TXT", '"v=DKIM1; p="'), "wrong", "was revoked"),
    (with_(KEY_NAME, "TXT", '"v=DKIM1; p=MIIB"'), "wrong", "cannot be read"),
    (with_(KEY_NAME, "TXT", dkim_record(1024)), "note", "1024 bits"),
    (with_(KEY_NAME, "TXT", GOOD_KEY, '"v=DKIM1; p=MIIB"'), "wrong", "2 DKIM keys"),
    (with_(KEY_NAME, "TXT", dkim_record(2048, "t=y; ")), "note", "being tried out"),
    (without((f"_dmarc.{DOMAIN}", "TXT")), "wrong", "no DMARC record"),
    (with_(f"_dmarc.{DOMAIN}", "TXT", '"v=DMARC1; p=none"'), "note", "is none"),
    (with_(f"_dmarc.{DOMAIN}", "TXT", '"v=DMARC1; rua=x"'), "wrong", "has no policy"),
    (with_(f"_dmarc.{DOMAIN}", "TXT", '"v=DMARC1; p=none"', '"v=DMARC1; p=reject"'), "wrong", "several DMARC records"),
]


@pytest.mark.parametrize(("make_wrong", "verdict", "words"), MADE_WRONG, ids=lambda case: str(case)[:24])
@one_database
def test_names(
    installation: Stack, dns_server: NameServer, make_wrong: Callable[[Records], object], verdict: str, words: str
) -> None:
    """Each record missing, doubled or wrong; and all well before."""
    config = config_of(installation)
    assert_well(names.check_names(config, dns_server.address, "s1"))
    make_wrong(dns_server.records)
    assert words in only(verdict, names.check_names(config, dns_server.address, "s1")).sentence


@one_database
def test_names_and_their_kin(installation: Stack, dns_server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy of the organization counts for its domains; envelope and From are kin, strictly or not at all."""
    returned = config_of(installation, BOUNCE_ADDRESS=f"bounces@letters.{DOMAIN}")
    said = [finding.sentence for finding in names.check_names(returned, dns_server.address, "s1")]
    assert f"letters.{DOMAIN} has no SPF record." in said
    assert any(f"letters.{DOMAIN} takes no mail" in sentence for sentence in said)
    resolver = asking.Names(dns_server.address)
    news = f"news.{DOMAIN}"

    def aligned(envelope: str, *, is_strict: bool) -> str:
        return names._alignment(news, envelope, is_strict=is_strict).verdict

    assert names._policy(resolver, news) == (DOMAIN, {"v": "DMARC1", "p": "reject", "rua": f"mailto:you@{DOMAIN}"})
    assert aligned(news, is_strict=True) == aligned(f"bounce.{DOMAIN}", is_strict=False) == "good"
    assert aligned(f"bounce.{DOMAIN}", is_strict=True) == aligned("provider.example", is_strict=False) == "note"


def spf(*terms: str) -> str:
    """An SPF record as a zone file has it."""
    return f'"v=spf1 {" ".join(terms)} -all"'


TEN = [f"a:h{number}.example" for number in range(10)]
SPF = [
    ([*TEN, "ip4:192.0.2.0/24", "ip6:2001:db8::/32"], "good", "10 of 10"),
    ([*TEN, "exists:%{i}.example"], "wrong", "more than 10 look-ups"),
    (["include:ten.example", "mx"], "wrong", "more than 10 look-ups"),
    (["include:ten.example"], "wrong", "more than 10 look-ups"),
    ([f"include:{DOMAIN}"], "wrong", "more than 10 look-ups"),
    (["include:five.example", "a:h1.example"], "good", "7 of 10"),
    (["redirect=five.example"], "good", "0 of 10"),  # what stands beside "all" is left out
    (["a:no.example", "a:nor.example"], "good", "2 of 10"),
    (["a:no.example", "a:nor.example", "exists:never.example"], "wrong", "not there (no.example"),
    (["mx:crowd.example"], "wrong", "leads to 11 hosts"),
    (["mx:none.example", "a"], "good", "2 of 10"),
    (["include:no.example"], "wrong", "no.example, which it names, has no SPF record"),
    (["include:two.example"], "wrong", "has 2 SPF records"),
    (["include:a..b"], "wrong", "has no SPF record"),
    (["ipv4:192.0.2.1"], "wrong", "nobody understands 'ipv4:192.0.2.1'"),
    (["ptr", "ra=you", "exp=why.example"], "good", "1 of 10"),
]


@pytest.mark.parametrize(("terms", "verdict", "words"), SPF, ids=lambda case: str(case)[:24])
@one_database
def test_spf_is_followed(
    installation: Stack, dns_server: NameServer, terms: list[str], verdict: str, words: str
) -> None:
    """To its end, as RFC 7208, section 4.6.4, has it counted."""
    hosts = {(f"h{number}.example", "A"): [LOOPBACK] for number in range(11)}
    dns_server.records |= hosts | {
        (DOMAIN, "TXT"): [spf(*terms)],
        ("ten.example", "TXT"): [spf(*TEN)],
        ("five.example", "TXT"): [spf(*TEN[:5])],
        ("two.example", "TXT"): [spf("mx"), spf("a")],
        ("crowd.example", "MX"): [f"10 {name}." for name, _kind in hosts],
    }
    found = names.check_names(config_of(installation), dns_server.address, "s1")
    [said] = [finding for finding in found if " SPF record" in finding.sentence]
    assert (said.verdict, words in said.sentence) == (verdict, True), said


@one_database
def test_spf_leads_on(installation: Stack, dns_server: NameServer) -> None:
    """A record that is another domain's, and one whose name nobody can look up now."""
    dns_server.records |= {(DOMAIN, "TXT"): ['"v=spf1 redirect=five.example"'], ("five.example", "TXT"): [spf("mx")]}
    assert_well(names.check_names(config_of(installation), dns_server.address, "s1"))
    dns_server.failing = {"five.example"}
    said = only("note", names.check_names(config_of(installation), dns_server.address, "s1"))
    assert "DNS knows nothing now" in said.sentence


@one_database
def test_names_of_campaigns_of_their_own(installation: Stack, dns_server: NameServer) -> None:
    """The domain of each campaign's sender is looked up as that of the others is."""
    letters = f"letters.{DOMAIN}"
    config = config_of(installation, MAIL_FROM_CAMPAIGN=f"{{slug}}@{letters}")

    def looked_up() -> Iterator[Finding]:
        return names.check_names(config, dns_server.address, "s1")

    found = [one for one in looked_up() if one.verdict is not Verdict.GOOD]
    assert [one.verdict.value for one in found] == ["note", "wrong", "note"]
    for words, finding in zip(("has no SPF record", "takes no mail", "has no DKIM key of its own"), found, strict=True):
        assert f"{letters} {words}" in finding.sentence
    strict = {(f"_dmarc.{letters}", "TXT"): ['"v=DMARC1; p=reject; adkim=s"'], (letters, "MX"): ["10 mail.example."]}
    dns_server.records |= strict | {(letters, "TXT"): [spf("mx:b.example")]}
    assert f"no DKIM key at s1._domainkey.{letters}" in only("wrong", looked_up()).sentence
    dns_server.records |= {
        (f"s1._domainkey.{letters}", "TXT"): [GOOD_KEY],
        (letters, "TXT"): [spf("include:no.example")],
    }
    assert f"of {letters} counts as broken" in only("wrong", looked_up()).sentence
    dns_server.records[letters, "TXT"] = [spf("mx")]
    assert_well(looked_up())


@one_database
def test_a_demonstration_needs_no_names(installation: Stack, dns_server: NameServer) -> None:
    """On this machine; one that the world can reach does."""
    dns_server.records.clear()
    demo = config_of(installation, DEMO="yes", PUBLIC_URL="http://localhost:5000")
    assert_well(names.check_names(demo, dns_server.address, ""))
    said = [one.verdict for one in names.check_names(config_of(installation, DEMO="yes"), dns_server.address, "")]
    assert Verdict.WRONG in said


@one_database
def test_names_where_nobody_answers(
    installation: Stack, dns_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer, or a server that fails: a note, and no more; without a selector there is a note, too."""
    config = config_of(installation)
    monkeypatch.setattr(asking, "SECONDS", 0.2)
    silent: Any = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with silent:
        silent.bind((LOOPBACK, 0))
        address = f"{LOOPBACK}:{silent.getsockname()[1]}"
        assert "does not answer here" in only("note", names.check_names(config, address, "s1")).sentence
    assert "not looked up" in only("note", names.check_names(config, dns_server.address, "")).sentence
    dns_server.rcode = dns.rcode.SERVFAIL
    assert "does not answer here" in only("note", names.check_names(config, dns_server.address, "s1")).sentence
