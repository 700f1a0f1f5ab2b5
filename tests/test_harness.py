"""The harness does what the other tests rely on."""

import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page
from sqlalchemy import select

from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.opening import Keyring
from tests.letters_in import read
from tests.servers import (
    BREAK_OFF,
    HANG_UP,
    KEEP_AND_HANG_UP,
    LOOPBACK,
    STALL,
    Databases,
    Postgres,
    Redis,
    SmtpSink,
    kill_group,
    living_processes,
    until,
)
from tests.stack import Stack, campaign_file, update_file
from tests.weather import Fault, Front, Rates, Weather, fronts

LETTER = (
    b"From: a@example.org\r\nTo: b@example.org\r\nSubject: =?utf-8?q?Libertad_=E2=9C=8A?=\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain; charset="utf-8"\r\n'
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nhttp://127.0.0.1:1/en/confirm/a=\r\nbc\r\n.hidden\r\n"
    b'\r\n--x\r\nContent-Type: text/html; charset="utf-8"\r\n\r\n<p>hello</p>\r\n\r\n--x--\r\n'
)


def test_committed_rows_survive_the_killing_of_postgres() -> None:
    with Postgres() as server:
        url = server.fresh_database()
        writing = psycopg.connect(url)
        writing.execute("CREATE TABLE kept AS SELECT 1 AS number")
        writing.commit()
        writing.execute("INSERT INTO kept VALUES (2)")
        server.kill9()
        with pytest.raises(psycopg.OperationalError):
            writing.execute("SELECT 1")
        writing.close()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.start()
        with psycopg.connect(url) as reading:
            assert reading.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_killing_postgres_leaves_no_process() -> None:
    with Postgres() as server, psycopg.connect(server.fresh_database()) as client:
        backend = client.info.backend_pid
        assert backend in {process.pid for process in living_processes()}
        server.kill9()
        assert backend not in {process.pid for process in living_processes()}


def test_a_database_copies_its_template_and_nothing_else(postgres: Databases) -> None:
    template = postgres.fresh_database()
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    first, second = postgres.fresh_database(template), postgres.fresh_database(template)
    with psycopg.connect(first) as connection:
        connection.execute("DELETE FROM kept")
    with closing(psycopg.connect(second)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]
        for url in (first, second, template):  # the second with a client in it
            postgres.drop_database(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(second)


def test_redis_answers_and_forgets(redis: Redis) -> None:
    with redis_client.Redis.from_url(redis.url) as client:
        client.set("kept", "yes")
        assert client.get("kept") == b"yes"
        redis.flush()
        assert client.get("kept") is None


def test_redis_can_be_killed_and_started_again() -> None:
    with Redis() as server:
        server.kill9()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, server.port))
        server.start()
        server.flush()


# The sink


@pytest.fixture
def sender(sink: SmtpSink) -> Iterator[smtplib.SMTP]:
    """A connection to the sink."""
    with smtplib.SMTP(LOOPBACK, sink.port, timeout=5) as connection:
        yield connection


def _send(sender: smtplib.SMTP, to: str = "b@example.org", content: bytes = LETTER) -> None:
    sender.sendmail("a@example.org", [to], content)


def test_the_sink_keeps_letters_as_they_were_sent(sink: SmtpSink, sender: smtplib.SMTP) -> None:
    for content in (LETTER, b"", b".\r\n", b"..\r\n.\r\nx\r\n", b"x" * 100_000 + b"\r\n"):
        _send(sender, content=content)
        kept = sink.wait_for(1)[0]
        assert (kept.sender, kept.recipients) == ("a@example.org", ("b@example.org",))
        assert kept.content == (content or b"\r\n")  # smtplib ends the empty letter with a line break
        sink.clear()


def test_the_sink_waits_for_the_letters_of_one_address(sink: SmtpSink, sender: smtplib.SMTP) -> None:
    for place in range(3):
        _send(sender, f"reader{place}@example.org")
    assert [letter.recipients for letter in sink.wait_for(3)] == [(f"reader{place}@example.org",) for place in range(3)]
    assert len(sink.wait_for(1, to="reader2@example.org")) == len(sink.sent_to("reader2@example.org")) == 1
    with pytest.raises(TimeoutError, match="1 of 2"):
        sink.wait_for(2, 0.05, to="reader1@example.org")


def test_the_sink_refuses_letters_it_is_told_to(sink: SmtpSink, sender: smtplib.SMTP) -> None:
    replies = iter(["451 4.3.0 later", "550 5.1.1 nobody", "250 ok"])
    sink.reply_to_letter = lambda _received: next(replies)
    for code in (451, 550):
        with pytest.raises(smtplib.SMTPDataError) as caught:
            _send(sender)
        assert caught.value.smtp_code == code
    _send(sender)
    assert (len(sink.letters), len(sink.refused)) == (1, 2)


def test_the_sink_refuses_senders_and_recipients_it_is_told_to(sink: SmtpSink, sender: smtplib.SMTP) -> None:
    sink.reply_to_recipient = lambda address: "550 5.1.1 nobody" if address.startswith("gone") else "250 ok"
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        _send(sender, "gone@example.org")
    _send(sender)
    sink.reply_to_sender = lambda _address: "554 5.7.1 policy"
    with pytest.raises(smtplib.SMTPSenderRefused):
        _send(sender)
    assert [letter.recipients for letter in sink.letters] == [("b@example.org",)]


def test_the_sink_turns_connections_away(sink: SmtpSink) -> None:
    sink.reply_to_connection = lambda: "421 4.3.2 closing"
    with pytest.raises(smtplib.SMTPConnectError):
        smtplib.SMTP(LOOPBACK, sink.port, timeout=5)
    assert sink.connections == 1


@pytest.mark.parametrize(("fault", "kept"), [(HANG_UP, 0), (KEEP_AND_HANG_UP, 1)])
def test_the_sink_closes_before_the_reply(sink: SmtpSink, sender: smtplib.SMTP, fault: str, kept: int) -> None:
    sink.reply_to_letter = lambda _received: fault
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        _send(sender)
    assert (len(sink.letters), len(sink.refused)) == (kept, 1 - kept)


@pytest.mark.parametrize("fault", [HANG_UP, BREAK_OFF])
def test_the_sink_closes_before_the_end_of_the_data(sink: SmtpSink, sender: smtplib.SMTP, fault: str) -> None:
    sink.reply_to_data = lambda _recipients: fault
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError, BrokenPipeError)):
        _send(sender, content=LETTER + b"x" * 500_000)
    assert (sink.letters, sink.refused) == ([], [])


def test_the_sink_refuses_the_data(sink: SmtpSink, sender: smtplib.SMTP) -> None:
    replies = iter(["451 4.3.0 later", "354 go on"])
    sink.reply_to_data = lambda _recipients: next(replies)
    with pytest.raises(smtplib.SMTPDataError):
        _send(sender)
    _send(sender)
    assert len(sink.letters) == 1


def test_the_sink_knows_its_connections_and_what_was_kept_last_on_each(sink: SmtpSink) -> None:
    with smtplib.SMTP(LOOPBACK, sink.port, timeout=5) as first, smtplib.SMTP(LOOPBACK, sink.port, timeout=5) as second:
        _send(first, "one@example.org")
        _send(second, "two@example.org")
        _send(first, "three@example.org", b"Subject: x\r\nMessage-ID: <7@example.org>\r\n\r\nMessage-ID: <no>\r\n")
        ports = [first.sock.getsockname()[1], second.sock.getsockname()[1]]
    last = [visit.last.recipients[0] for visit in sink.visits if visit.last]
    assert last == ["three@example.org", "two@example.org"]
    assert [visit.port for visit in sink.visits] == ports
    assert [letter.visit for letter in sink.letters] == [1, 2, 1]
    assert sink.letters[-1].message_id == "<7@example.org>"
    until(lambda: not any(visit.is_open for visit in sink.visits))


# The weather over it


def _try(sink: SmtpSink, to: str) -> int:
    """Send one letter on a connection of its own; the reply's code, 250 if it was taken, 0 if none came."""
    try:
        with smtplib.SMTP(LOOPBACK, sink.port, timeout=5) as sender:
            _send(sender, to)
    except smtplib.SMTPRecipientsRefused as error:
        return next(iter(error.recipients.values()))[0]
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    except (smtplib.SMTPServerDisconnected, OSError):
        return 0
    return 250


ADDRESSES = [f"reader{number}@example.org" for number in range(20_000)]


def test_the_weather_is_drawn_from_its_seed(sink: SmtpSink) -> None:
    first, again, other = (Weather(sink, seed, Rates()) for seed in (1, 1, 2))
    drawn = [first.fault(address, 1) for address in ADDRESSES]
    assert drawn == [again.fault(address, 1) for address in ADDRESSES]
    assert drawn != [other.fault(address, 1) for address in ADDRESSES]
    for fault, rate in ((Fault.GONE, 0.01), (Fault.GREYLISTED, 0.03), (Fault.REPLY_LOST, 0.005)):
        assert drawn.count(fault) / len(ADDRESSES) == pytest.approx(rate, rel=0.25)
    greylisted = [address for address, fault in zip(ADDRESSES, drawn, strict=True) if fault is Fault.GREYLISTED]
    assert all(first.fault(address, 3) is not Fault.GREYLISTED for address in greylisted)
    gone = [address for address, fault in zip(ADDRESSES, drawn, strict=True) if fault is Fault.GONE]
    assert all(first.fault(address, 9) is Fault.GONE for address in gone)
    assert fronts(1000, 1) == fronts(1000, 1) != fronts(1000, 2)


@pytest.mark.parametrize(
    ("fault", "code", "kept"),
    [
        (Fault.GONE, 550, 0),
        (Fault.GREYLISTED, 451, 0),
        (Fault.REPLY_LOST, 0, 1),
        (Fault.DROPPED, 0, 0),
        (Fault.DROPPED_AT_DATA, 0, 0),
        (Fault.REFUSED_AT_DATA, 451, 0),
        (Fault.BROKEN_OFF, 0, 0),
        (Fault.SLOW, 250, 1),
    ],
)
def test_the_weather_is_what_the_sender_meets(sink: SmtpSink, fault: Fault, code: int, kept: int) -> None:
    weather = Weather(sink, 1, Rates())
    address = next(address for address in ADDRESSES if weather.fault(address, 1) is fault)
    assert (_try(sink, address), len(sink.letters)) == (code, kept)
    assert [(answer.address, answer.attempt, answer.fault) for answer in weather.answers] == [(address, 1, fault)]
    assert weather.unanswered == (sink.letters if fault is Fault.REPLY_LOST else [])


@pytest.mark.parametrize(("fault", "code"), [(Fault.TURNED_AWAY, 421), (Fault.DISK_FULL, 452)])
def test_a_front_befalls_everybody_and_passes(sink: SmtpSink, fault: Fault, code: int) -> None:
    weather = Weather(sink, 1, Rates(*[0.0] * 8), [Front(1, 0.5, fault)])
    assert [_try(sink, address) for address in ADDRESSES[:3]] == [250, code, code]
    until(lambda: _try(sink, ADDRESSES[3]) == 250)
    assert weather.coming == []


def test_the_sink_stalls(sink: SmtpSink) -> None:
    sink.reply_to_letter = lambda _received: STALL
    with (
        smtplib.SMTP(LOOPBACK, sink.port, timeout=0.2) as sender,
        pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)),
    ):
        _send(sender)


def test_the_sink_goes_down_and_comes_back_on_its_port(sink: SmtpSink, sender: smtplib.SMTP) -> None:
    _send(sender)
    sink.stop()
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        _send(sender)
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP(LOOPBACK, sink.port, timeout=5)
    sink.start()
    with smtplib.SMTP(LOOPBACK, sink.port, timeout=5) as again:
        _send(again)
    assert len(sink.letters) == 2


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_the_sink_speaks_tls_to_those_who_trust_it(tls: str) -> None:
    with SmtpSink(tls=tls) as sink:
        with pytest.raises(ssl.SSLCertVerificationError):
            _send_secured(sink, ssl.create_default_context())
        _send_secured(sink, ssl.create_default_context(cafile=str(sink.certificate)))
        assert len(sink.letters) == 1


def _send_secured(sink: SmtpSink, context: ssl.SSLContext) -> None:
    if sink.tls == "implicit":
        with smtplib.SMTP_SSL(LOOPBACK, sink.port, timeout=5, context=context) as sender:
            _send(sender)
        return
    plain = smtplib.SMTP(LOOPBACK, sink.port, timeout=5)
    try:
        plain.starttls(context=context)
        _send(plain)
    finally:
        plain.close()


def test_letters_are_read_as_a_person_would() -> None:
    letter = read(LETTER)
    assert (letter.to, letter.subject, letter.headers["subject"]) == ("b@example.org", "Libertad ✊", "Libertad ✊")
    assert letter.link("/confirm/") == "http://127.0.0.1:1/en/confirm/abc"
    assert letter.text.splitlines()[1] == ".hidden"
    assert "<p>hello</p>" in letter.html
    with pytest.raises(AssertionError, match="0 links"):
        letter.link("/yours/")


# Guards and processes


@pytest.mark.parametrize("address", ["192.0.2.1", "example.org", "2001:db8::1"])
def test_nothing_connects_to_the_outside(address: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="not this machine"):
        socket.create_connection((address, 80), timeout=1)


def test_a_swallowed_exception_does_not_hide_a_connection_to_the_outside() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, pytest.raises(pytest.fail.Exception):  # noqa: PT012
        try:
            probe.sendto(b"?", ("192.0.2.53", 53))
        except Exception:
            pytest.fail("it did not pass through")


def test_connections_to_this_machine_pass(sink: SmtpSink) -> None:
    for host in (LOOPBACK, "localhost"):
        socket.create_connection((host, sink.port), timeout=5).close()


def test_until_says_what_it_waited_for() -> None:
    def it_rains() -> bool:
        return False

    with pytest.raises(TimeoutError, match="it_rains"):
        until(it_rains, 0.05)


def test_killing_a_group_kills_the_children() -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE).wait()"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    until(lambda: len([other for other in living_processes() if other.group == process.pid]) > 1)
    kill_group(process)
    assert process.pid not in {other.group for other in living_processes()}


# An installation


def test_an_installation_inherits_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_DEMO", "yes")
    stack = Stack(tmp_path, "smtp://127.0.0.1:1", LEASE_SECONDS="7")
    assert "CAMPAIGN_DEMO" not in stack.environ
    assert stack.environ["CAMPAIGN_LEASE_SECONDS"] == "7"


def test_a_process_that_does_not_start_is_reported(stack: Stack) -> None:
    stack.settings["CAMPAIGN_MAIL_FROM"] = "nobody"
    with pytest.raises(AssertionError, match="CAMPAIGN_MAIL_FROM"):
        stack.start_worker()
    assert not stack.processes


def test_a_signature_is_taken_in_confirmed_and_counted(stack: Stack, sink: SmtpSink) -> None:
    stack.start_web()
    stack.start_worker()
    stack.sign_and_confirm(sink)
    until(lambda: stack.count() == 1)
    stack.run("publish", str(update_file(stack.folder)), "--yes")
    letter = read(sink.wait_for(2, to="ada@example.org")[1].content)
    assert "He is free" in letter.text
    assert stack.post(letter.link("/unsubscribe/")).status == 200


def test_killed_processes_start_again(stack: Stack, sink: SmtpSink) -> None:
    stack.start_web(workers=2)
    stack.start_worker()
    for name in ("web", "worker"):
        pid = stack.pid(name)
        stack.kill9(name)
        assert pid not in {process.group for process in living_processes()}
    stack.start_web()
    stack.start_worker()
    stack.sign_and_confirm(sink)
    until(lambda: stack.count() == 1)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_installation_can_be_made_from_nothing(tmp_path: Path, sink: SmtpSink, empty_database_url: str) -> None:
    with Stack(tmp_path / "new", sink.url, empty_database_url) as stack:
        stack.is_forked = False
        stack.prepare(campaign_file(tmp_path))
        stack.start_web()
        stack.start_worker()
        assert stack.get("/en/release-test/").status == 200


# In this process


def test_the_app_begins_without_a_campaign(app: Flask) -> None:
    assert app.testing
    assert db.session.scalars(select(Campaign)).all() == []


def test_the_app_shares_the_database_of_the_installation(stack: Stack, app: Flask) -> None:
    assert [campaign.slug for campaign in db.session.scalars(select(Campaign))] == ["release-test"]
    db.session.rollback()
    assert "release-test" in stack.run("audit")


def test_a_view_that_forgets_to_commit_is_found_out(stack: Stack, app: Flask, client: FlaskClient) -> None:
    def forget() -> str:
        db.session.scalars(select(Campaign)).one().goal = 7
        db.session.flush()
        return "done"

    app.add_url_rule("/forget", view_func=forget, methods=["POST"])
    campaign = db.session.scalars(select(Campaign)).one()
    campaign.goal = 8
    assert client.post("/forget").text == "done"
    assert campaign.goal == 8


def test_the_keys_are_those_of_the_app(app: Flask, keys: Keyring) -> None:
    sealed = app.extensions["sealer"].seal(b"plain", b"info")
    assert keys.open(sealed, b"info") == b"plain"


def test_the_browser_shows_our_pages_and_reaches_nobody_else(stack: Stack, page: Page) -> None:
    stack.start_web()
    page.goto(f"{stack.url}/en/release-test/")
    assert page.locator("h1").text_content() == "Release the test"
    with pytest.raises(PlaywrightError, match="ERR_"):
        page.goto("http://example.org/", timeout=5000)
