"""Webhooks: told once, signed, to public addresses only; tried again, switched off, and lost by no crash."""

import base64
import hashlib
import hmac
import json
import os
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from standardwebhooks.webhooks import Webhook
from urllib3.util import connection as urllib3_connection
from werkzeug.test import TestResponse

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import CampaignState, step_reached
from campaign.config import Config
from campaign.db import db
from campaign.errors import Misconfigured
from campaign.ledger.models import LedgerEntry
from campaign.opening import Keyring
from campaign.organizers.models import AuditEntry, Role
from campaign.organizers.words import ACTS
from campaign.timeline.drafting.operations import Content, begin_draft, schedule
from campaign.timeline.models import Update
from campaign.timeline.operations import UpdateDraft, add_update, publish, retract
from campaign.timeline.tasks import publish_due
from campaign.webhooks import carrying
from campaign.webhooks.addresses import Destination, NotReachable, checked_addresses, is_public
from campaign.webhooks.carrying import Answer, Carrier, Parcel, Trouble
from campaign.webhooks.judging import DELAYS, GIVEN_UP_AFTER, JITTER, LONGEST_REST, judge
from campaign.webhooks.models import Endpoint, EventState, EventType, WebhookEvent
from campaign.webhooks.operations import (
    BOTH_SIGN_FOR,
    MOST_ENDPOINTS,
    NewEndpoint,
    add_endpoint,
    change_secret,
    forget_earlier_secrets,
    pause_endpoint,
    resume_endpoint,
)
from campaign.webhooks.owing import owe_ping
from campaign.webhooks.queueing import Lease, claim, settle
from campaign.webhooks.tasks import LEASE, WebhookSender
from tests.commands import runner
from tests.organizers_in import Organizers, token_in
from tests.servers import LOOPBACK, free_port, tls_context, until
from tests.signers_in import signs, the_campaign
from tests.stack import Stack

OK, SEE_OTHER, FORBIDDEN, NOT_FOUND, CONFLICT, UNFIT = 200, 303, 403, 404, 409, 422
on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
ALL = [kind.value for kind in EventType]
DAYS = count()


# A receiver


@dataclass(frozen=True)
class Request:
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> dict[str, Any]:
        """What it says, as whoever knows the secret reads it; raises where the signature does not fit."""
        told: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return told


class Receiver:
    """A server on the loopback that keeps what comes and answers as it is told, 204 at first."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.status = 204
        self.headers: dict[str, str] = {}
        self.answers: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_about: None  # type: ignore[method-assign] - who hangs up is no error
        if context is not None:
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self.server.server_address[1]
        self.url = f"http://{LOOPBACK}:{self.port}/hook?key=unseen"

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Request(self.path, headers, body))
                if receiver.answers:
                    return receiver.answers(self)
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                return None

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> "Receiver":
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver without TLS."""
    with Receiver() as started:
        yield started


@dataclass
class Hooks:
    """Webhooks of the campaign, a worker's sender in this process, and what came to the receiver."""

    app: Flask
    stack: Stack
    keys: Keyring
    receiver: Receiver
    sender: WebhookSender

    def add(self, types: list[str] | None = None, url: str | None = None) -> tuple[Endpoint, str]:
        """A webhook to the receiver, and its secret."""
        destination = Destination.parse(url or self.receiver.url, to_loopback=True)
        new = NewEndpoint(os.urandom(16), "Ours", destination, types or ALL)
        made = add_endpoint(the_campaign(), new, self.keys.sealer, clock.now())
        db.session.commit()
        return made

    def run(self) -> list[Request]:
        """Let the worker look once; what came."""
        db.session.commit()
        before = len(self.receiver.requests)
        self.sender.run()
        db.session.rollback()
        return self.receiver.requests[before:]


@pytest.fixture
def hooks(app: Flask, stack: Stack, keys: Keyring, receiver: Receiver) -> Hooks:
    """Webhooks that may go to this machine."""
    app.config["WEBHOOKS_LOOPBACK"] = True
    return Hooks(app, stack, keys, receiver, sender(stack, keys))


def sender(stack: Stack, keys: Keyring) -> WebhookSender:
    """A worker's sender that may send to this machine."""
    return WebhookSender(Config.read(stack.environ), keys, Carrier(to_loopback=True))


def news(kind: str = "news", **facts: Any) -> Update:
    """One more update, not published yet."""
    on = date(2024, 1, 3) + timedelta(next(DAYS))
    texts = {"en": ("He was seen", "In the morning."), "ur": ("وہ دیکھے گئے", "صبح۔")}
    return add_update(the_campaign(), UpdateDraft(kind, on, texts, **facts))


def published(**facts: Any) -> Update:
    """One more update, published now."""
    update = news(**facts)
    publish(update, clock.now())
    db.session.commit()
    return update


def count_is(number: int) -> None:
    """Let the ledger say that so many signed."""
    last = db.session.scalar(select(func.max(LedgerEntry.number))) or 0
    entry = {"campaign_id": the_campaign().id, "number": last + 1, "commitment": os.urandom(32)}
    db.session.add(LedgerEntry(change="added", count=number, entered_at=clock.now(), **entry))
    db.session.commit()


def events() -> list[tuple[str, str, int]]:
    """Key, state and tries of each event, in the order in which they were owed."""
    db.session.rollback()
    rows = db.session.execute(
        select(WebhookEvent.key, WebhookEvent.state, WebhookEvent.attempts).order_by(WebhookEvent.id)
    )
    found = [tuple(row) for row in rows]
    db.session.rollback()
    return found


def state_of(endpoint_id: int) -> tuple[str, str | None]:
    """State and reason of an endpoint."""
    db.session.rollback()
    endpoint = db.session.get_one(Endpoint, endpoint_id, populate_existing=True)
    found = endpoint.state, endpoint.reason
    db.session.rollback()
    return found


# What is told


def test_an_update_is_told_signed_and_once(hooks: Hooks) -> None:
    """What the page says, in all languages; nothing of a signer; verified by the library, and by hand."""
    signs(hooks.keys, "ada@example.org", name="Ada Example")
    published()
    _endpoint, secret = hooks.add()
    corrected = published(statuses={"Tariq Example": "charged"}, kind="status")
    [request] = hooks.run()
    told = request.verified(secret)
    assert told["type"] == "update.published"
    assert datetime.fromisoformat(told["timestamp"]) == corrected.published_at
    update, campaign = told["data"]["update"], told["data"]["campaign"]
    root = hooks.app.config["PUBLIC_URL"]
    assert update["title"] == {"en": "He was seen", "ur": "وہ دیکھے گئے"}
    assert update["url"]["ur"] == f"{root}/ur/release-test/timeline/{corrected.number}/"
    assert update["statuses"] == [{"name": {"en": "Tariq Example"}, "status": "charged"}]
    assert (campaign["slug"], campaign["title"]["ur"], campaign["goal"]) == ("release-test", "رہا کرو", 100)
    assert campaign["url"]["en"] == f"{root}/en/release-test/"
    assert hooks.app.test_client().get(campaign["document"]).json["slug"] == "release-test"
    assert b"Ada" not in request.body
    assert request.path == "/hook?key=unseen"
    assert request.headers["content-type"] == "application/json"
    text = f"{request.id}.{request.headers['webhook-timestamp']}.".encode() + request.body
    mac = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), text, hashlib.sha256)
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    with pytest.raises(Exception, match="No matching signature"):
        request.verified("whsec_" + base64.b64encode(bytes(32)).decode())
    assert hooks.run() == []
    correction = published(kind="correction", corrects=corrected.number)
    assert hooks.run()[0].verified(secret)["data"]["update"]["corrects"] == corrected.number
    assert [key for key, *_rest in events()] == [f"update.published:{u.number}" for u in (corrected, correction)]


def test_only_what_stands_is_told(hooks: Hooks) -> None:
    """Not a draft, not what is scheduled before its time, not what was retracted before it went out."""
    _endpoint, secret = hooks.add()
    news()
    draft = begin_draft(the_campaign(), None, clock.now(), _whole_content())
    schedule(draft, clock.now() + timedelta(hours=1), None, clock.now())
    taken_back = published()
    hooks.receiver.status = 500
    assert len(hooks.run()) == 1
    retract(taken_back, "It was not so.", clock.now())
    gone = published()
    retract(gone, "Nor this.", clock.now())
    hooks.receiver.status = 200
    with time_machine.travel(clock.now() + timedelta(hours=2)):
        assert hooks.run() == []
        assert publish_due() == 1
        [request] = hooks.run()
        assert request.verified(secret)["data"]["update"]["title"] == {"en": "Later"}
    assert [state for _key, state, _tries in events()] == ["skipped", "sent"]


def _whole_content() -> Content:
    return Content(
        kind="news",
        occurred_on=date(2024, 5, 1),
        sources=["A newspaper"],
        texts={"en": {"title": "Later", "body": "Words."}},
    )


def test_steps_of_the_count_are_told_once_and_the_highest_only(hooks: Hooks) -> None:
    """Only those passed since; a count that falls and grows again tells none twice, and none below."""
    count_is(120)
    _endpoint, secret = hooks.add(["count.milestone"])
    told = []
    for number in (130, 249, 250, 240, 260, 5_100, 900, 1_200, 5_200, 10_000):
        count_is(number)
        told += [request.verified(secret)["data"] for request in hooks.run()]
    assert [data["milestone"] for data in told] == [250, 5_000, 10_000]
    assert [data["campaign"]["count"] for data in told] == [250, 5_100, 10_000]
    assert [step_reached(number) for number in (0, 99, 100, 2_499, 2_500)] == [0, 0, 100, 1_000, 2_500]


def test_a_victory_is_told_once(hooks: Hooks) -> None:
    """Not one that stood before; one that was taken back and comes true another day is another."""
    campaign = the_campaign()
    campaign.state, campaign.closed_on = CampaignState.WON, date(2024, 3, 1)
    db.session.commit()
    early, _secret = hooks.add(["campaign.won"])
    assert hooks.run() == []
    campaign.state, campaign.closed_on = CampaignState.OPEN, None
    db.session.commit()
    late, _other = hooks.add(["campaign.won"])
    assert hooks.run() == []
    for day in (date(2024, 3, 1), date(2024, 4, 1), date(2024, 4, 1)):
        campaign.state, campaign.closed_on = CampaignState.WON, day
        db.session.commit()
        hooks.run()
        campaign.state, campaign.closed_on = CampaignState.OPEN, None
        db.session.commit()
    rows = db.session.execute(select(WebhookEvent.endpoint_id, WebhookEvent.key).order_by(WebhookEvent.id)).all()
    first, second = "campaign.won:2024-03-01", "campaign.won:2024-04-01"
    assert sorted(map(tuple, rows)) == [(early.id, second), (late.id, first), (late.id, second)]
    assert {json.loads(request.body)["data"]["closed_on"] for request in hooks.receiver.requests} == {
        "2024-03-01", "2024-04-01",
    }  # fmt: skip


@on_sqlite
def test_a_draft_is_told_to_nobody(hooks: Hooks) -> None:
    """Not even its address; a test says nothing of it."""
    campaign = the_campaign()
    campaign.state = CampaignState.DRAFT
    endpoint, secret = hooks.add()
    published()
    assert hooks.run() == []
    owe_ping(endpoint, clock.now())
    [request] = hooks.run()
    assert request.verified(secret)["data"] == {}
    campaign.state = CampaignState.OPEN
    assert [request.verified(secret)["type"] for request in hooks.run()] == ["update.published"]


# Answers


TRY_AGAIN = [100, 301, 302, 304, 400, 401, 404, 408, 429, 500, 502, 503, 504, 599]


def test_what_answers_mean() -> None:
    """2xx is success, 410 the end, everything else another try, later each time, ten in all."""
    now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    for code in (200, 201, 202, 204, 299):
        assert judge(Answer(code), 1, now).state is EventState.SENT
    gone = judge(Answer(410), 1, now)
    assert (gone.state, gone.is_gone) == (EventState.FAILED, True)
    for code in TRY_AGAIN:
        for tries, delay in enumerate(DELAYS, 1):
            verdict = judge(Answer(code), tries, now)
            assert (verdict.state, verdict.is_gone) == (EventState.DUE, False)
            assert verdict.not_before is not None
            assert now + delay <= verdict.not_before <= now + delay * (1 + JITTER)
        assert judge(Answer(code), len(DELAYS) + 1, now).state is EventState.FAILED
        assert judge(Answer(code), 1, now, is_ping=True).state is EventState.FAILED
    assert [delay.total_seconds() for delay in DELAYS] == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


@pytest.mark.parametrize(
    ("code", "text", "rest"),
    [
        (429, "120", timedelta(seconds=120)),
        (502, " 60 ", timedelta(seconds=60)),
        (503, "Wed, 01 May 2024 12:10:00 GMT", timedelta(minutes=10)),
        (504, "Wed, 01 May 2024 12:10:00", timedelta(minutes=10)),
        (429, "9" * 5000, LONGEST_REST),
        (429, "Wed, 01 May 2099 12:10:00 GMT", LONGEST_REST),
        (429, "Wed, 01 May 1999 12:10:00 GMT", DELAYS[0]),
        (429, "-5", DELAYS[0]),
        (429, "soon", DELAYS[0]),
        (429, "1e9", DELAYS[0]),
        (429, "٣٠", DELAYS[0]),
        (429, "Wed, 99 May 2024 12:10:00 GMT", DELAYS[0]),
        (500, "120", DELAYS[0]),
        (429, None, DELAYS[0]),
    ],
)
def test_who_is_busy_may_say_for_how_long(code: int, text: str | None, rest: timedelta) -> None:
    """Retry-After: seconds or a date, for a day at most; nonsense is ignored."""
    now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    until_then = judge(Answer(code, retry_after=text), 1, now).not_before
    assert until_then is not None
    assert rest <= until_then - now <= max(rest, DELAYS[0] * (1 + JITTER))


def test_ten_tries_then_it_has_failed(hooks: Hooks) -> None:
    """With the same id, a new time, and a signature that fits; then by hand once more."""
    endpoint, secret = hooks.add()
    published()
    hooks.receiver.status = 503
    now = clock.now()
    for delay in (timedelta(), *DELAYS):
        now += delay * (1 + JITTER) + timedelta(seconds=1)
        with time_machine.travel(now):
            [request] = hooks.run()
            assert request.verified(secret)["type"] == "update.published"
            assert hooks.run() == []
    assert len({request.id for request in hooks.receiver.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in hooks.receiver.requests}) == 10
    [(_key, state, tries)] = events()
    assert (state, tries) == ("failed", 10)
    assert state_of(endpoint.id) == ("active", None)
    hooks.receiver.status = 200
    run = runner(hooks.stack.environ)
    assert "active; 0 to be sent, 1 failed, last answer 503 at" in run("webhooks").output
    with time_machine.travel(now):
        assert run("webhooks", "retry", str(endpoint.id)).output == "1 event will be tried again.\n"
        assert len(hooks.run()) == 1
    again = run("webhooks", "retry", str(endpoint.id))
    assert (again.exit_code, "Nothing of this webhook" in again.output) == (1, True)
    assert "no webhook 99" in run("webhooks", "retry", "99").output


def test_who_wants_no_more_or_takes_nothing_for_days_is_switched_off(hooks: Hooks) -> None:
    """410 at once; failing for five days; what waits then waits, until an organizer lets it go on."""
    gone, _secret = hooks.add()
    published()
    hooks.receiver.status = 410
    assert len(hooks.run()) == 1
    assert state_of(gone.id) == ("off", "gone")
    published()
    assert hooks.run() == []
    db.session.delete(db.session.get_one(Endpoint, gone.id))
    failing, _other = hooks.add()
    hooks.receiver.status = 500
    published()
    assert len(hooks.run()) == 1
    with time_machine.travel(clock.now() + GIVEN_UP_AFTER - timedelta(minutes=1)):
        assert len(hooks.run()) == 1
        assert state_of(failing.id) == ("active", None)
    with time_machine.travel(clock.now() + GIVEN_UP_AFTER + timedelta(minutes=1)):
        published()
        hooks.run()
        assert state_of(failing.id) == ("off", "failing")
        hooks.receiver.status = 200
        assert hooks.run() == []
        resume_endpoint(db.session.get_one(Endpoint, failing.id), clock.now())
        assert len(hooks.run()) == 2
    assert state_of(failing.id) == ("active", None)
    assert {state for _key, state, _tries in events()} == {"sent"}


@on_sqlite
def test_a_success_ends_the_days_of_failure(hooks: Hooks) -> None:
    """An endpoint that fails now and then is never switched off."""
    endpoint, _secret = hooks.add()
    now = clock.now()
    for day in range(8):
        with time_machine.travel(now + timedelta(days=day)):
            hooks.receiver.status = 200 if day == 3 else 500
            published()
            hooks.run()
            assert state_of(endpoint.id) == ("active", None), day


@on_sqlite
def test_a_redirect_is_not_followed(hooks: Hooks) -> None:
    """It is a failure, whoever it leads to."""
    hooks.add()
    published()
    for status in (301, 302, 303, 307, 308):
        hooks.receiver.status = status
        hooks.receiver.headers = {"Location": f"http://{LOOPBACK}:{hooks.receiver.port}/elsewhere"}
        db.session.query(WebhookEvent).update({WebhookEvent.not_before: clock.now()})
        assert [request.path for request in hooks.run()] == ["/hook?key=unseen"]
    assert [(state, tries) for _key, state, tries in events()] == [("due", 5)]


def parcel(url: str, body: bytes = b"{}") -> Parcel:
    """A request."""
    return Parcel(Destination.parse(url, to_loopback=True), {}, body, float("inf"))


def _drip(handler: BaseHTTPRequestHandler) -> None:
    """A header, a byte at a time, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    with suppress(OSError):
        while not handler.server.is_over.wait(0.02):  # type: ignore[attr-defined]
            handler.wfile.write(b"x")


def _flood(handler: BaseHTTPRequestHandler) -> None:
    """A body without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    with suppress(OSError):
        while not handler.server.is_over.is_set():  # type: ignore[attr-defined]
            handler.wfile.write(b"x" * 65536)


@pytest.mark.parametrize(
    ("behave", "answer"),
    [
        (_drip, (None, Trouble.SLOW)),
        (_flood, (200, None)),
        (lambda handler: handler.server.is_over.wait(20), (None, Trouble.SLOW)),
        (lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n"), (None, Trouble.BROKEN)),
        (lambda _handler: None, (None, Trouble.BROKEN)),
    ],
)
def test_nobody_holds_a_worker(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    behave: Callable[[BaseHTTPRequestHandler], None],
    answer: tuple[int | None, Trouble | None],
) -> None:
    """An answer that drips, floods, stalls or is none ends in time; what was read is thrown away."""
    monkeypatch.setattr(carrying, "SECONDS", 5.0 if answer[0] else 0.4)
    receiver.answers = behave
    receiver.server.is_over = threading.Event()  # type: ignore[attr-defined]
    try:
        came = Carrier(to_loopback=True).carry(parcel(receiver.url))
    finally:
        receiver.server.is_over.set()  # type: ignore[attr-defined]
    assert (came.code, came.trouble) == answer
    assert came.seconds < 4  # what floods us is not read until the time is over, either


def test_what_is_not_reached_and_what_comes_too_late(receiver: Receiver) -> None:
    """A port where nobody listens; and what may not start any more is not started."""
    nowhere = parcel(f"http://{LOOPBACK}:{free_port()}/")
    assert Carrier(to_loopback=True).carry(nowhere).trouble is Trouble.UNREACHED
    late = Parcel(Destination.parse(receiver.url, to_loopback=True), {}, b"{}", 0.0)
    assert Carrier(to_loopback=True).carry(late).trouble is Trouble.SLOW
    assert receiver.requests == []


# To public addresses only


NASTY = [
    "http://hooks.example.org/",
    "http://hooks.example.org:8443/",
    "ftp://hooks.example.org/",
    "file:///etc/passwd",
    "gopher://hooks.example.org/",
    "//hooks.example.org/",
    "https:hooks.example.org",
    "https:///hooks.example.org",
    "https://localhost/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://0x7f000001/",
    "https://1.2.3.4.0x7f/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://8.8.8.8/",
    "https://①②⑦.⓪.⓪.①/",
    "https://hooks。example。org/",
    "https://user:password@hooks.example.org/",
    "https://user@hooks.example.org/",
    "https://hooks.example.org@127.0.0.1/",
    "https://127.0.0.1#@hooks.example.org/",
    "https://127.0.0.1\\@hooks.example.org/",
    "https://hooks.example.org\\.evil.example/",
    "https://hooks.example.org/#fragment",
    "https://hooks.example.org:22/",
    "https://hooks.example.org:25/",
    "https://hooks.example.org:80/",
    "https://hooks.example.org:0/",
    "https://hooks.example.org:65536/",
    "https://hooks.example.org:/",
    "https://hooks.example.org:443:22/",
    "https://hooks.example.org:+443/",
    "https://intranet/",
    "https://hooks.example.org./",
    "https://.example.org/",
    "https://hooks..example.org/",
    "https://-hooks.example.org/",
    "https://hooks_1.example.org/",
    "https://hooks.example.org /",
    "https://hooks.example.org/a b",
    "https://hooks.example.org/\r\nX-Evil: 1",
    "https://hooks.example.org/\x00",
    "https://hooks.example.org/\t",
    "https://hooks.ex\tample.org/",
    "https://%31%32%37.0.0.1/",
    "https://hooks.example.org%2f@evil.example/",
    "https://hooks.example.org?x=1",
    "https://" + "a" * 64 + ".example.org/",
    "https://" + "a." * 130 + "example.org/",
    "https://hooks.example.org/" + "a" * 2000,
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("url", NASTY)
def test_an_address_that_is_not_spelt_plainly_is_refused(url: str) -> None:
    """Whatever two parsers could read in two ways, is not encrypted, or holds a number in place of a name."""
    with pytest.raises(ValueError, match="not "):
        Destination.parse(url)


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://hooks.example.org", "https://hooks.example.org/"),
        ("HTTPS://Hooks.Example.ORG:443/A?b=c/d@e:[f]", "https://hooks.example.org/A?b=c/d@e:[f]"),
        ("https://hooks.example.org:8443/x", "https://hooks.example.org:8443/x"),
        ("https://xn--mnchen-3ya.example/%C3%BC", "https://xn--mnchen-3ya.example/%C3%BC"),
        ("https://1.2.3.4.example/", "https://1.2.3.4.example/"),
    ],
)
def test_a_plain_address_is_taken(typed: str, url: str) -> None:
    """As it is, in one spelling."""
    assert Destination.parse(typed).url == url
    assert Destination.parse(url).url == url


INSIDE = [
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "192.0.0.8",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:7f00:1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a00:1::1", "fe80::1", "fec0::1",
    "fc00::1", "fd12::1", "ff02::1", "ff0e::1", "2001:db8::1", "2001::1", "2001:10::1", "3fff::1", "100::1", "5f00::1",
    "2001:0:7f00:1::", "2001:0:808:808::80ff:fffe", "fe80::1%eth0",
]  # fmt: skip
OUTSIDE = [
    "8.8.8.8",
    "93.184.215.14",
    "2606:4700::1111",
    "2a00:1450:4001:81b::200e",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_everybodys(address: str) -> None:
    """Of this machine, of a house's own net, of many, of nobody; or one of these in the clothes of IPv6."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_that_is(address: str) -> None:
    """Also in a net that has IPv6 only (NAT64)."""
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_clothes_make_an_address_public(inner: IPv4Address) -> None:
    """Mapped, 6to4, NAT64, Teredo: as public as what is within."""
    number = int(inner)
    for dressed in ((0xFFFF << 32) | number, (0x2002 << 112) | (number << 80), (0x64FF9B << 96) | number):
        assert not is_public(IPv6Address(dressed)) or is_public(inner)
    teredo = (0x20010000 << 96) | (0x08080808 << 64) | (number ^ 0xFFFFFFFF)
    assert not is_public(IPv6Address(teredo)) or is_public(inner)


@given(st.ip_addresses())
def test_what_is_public_is_global(address: IPv4Address | IPv6Address) -> None:
    """We refuse more than the library does, never less."""
    assert not is_public(address) or address.is_global or isinstance(address, IPv6Address)
    assert not (is_public(address) and (address.is_multicast or address.is_loopback or address.is_link_local))


THERE = Destination.parse("https://hooks.example.org/")


def test_every_address_of_a_name_must_be_public() -> None:
    """One inner one among many is enough to refuse; none, or what is no address, too."""
    for found in (
        ["10.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["8.8.8.8", "::1"],
        [],
        ["nonsense"],
        ["8.8.8.8", "fe80::1%1"],
    ):
        with pytest.raises(NotReachable):
            checked_addresses(THERE, lambda _host, _port, found=found: found)

    def fails(_host: str, _port: int) -> list[str]:
        raise OSError

    with pytest.raises(NotReachable):
        checked_addresses(THERE, fails)
    for opens_loopback in (False, True):
        with pytest.raises(NotReachable):
            checked_addresses(THERE, lambda *_asked: ["8.8.8.8", "127.0.0.1"], to_loopback=opens_loopback)
        assert checked_addresses(THERE, lambda *_asked: ["8.8.8.8"] * 2, to_loopback=opens_loopback) == ["8.8.8.8"]
    plain = Destination("http", "localhost", 80, "/")
    assert checked_addresses(plain, lambda *_asked: ["127.0.0.1"], to_loopback=True) == ["127.0.0.1"]
    for found in (["8.8.8.8"], ["10.0.0.1"]):
        with pytest.raises(NotReachable):
            checked_addresses(plain, lambda *_asked, found=found: found, to_loopback=True)


def test_the_loopback_is_open_to_nobody_by_accident(receiver: Receiver) -> None:
    """Neither by its number nor by a name that leads there."""
    for url in (receiver.url, f"https://localhost:{receiver.port}/", f"http://localhost:{receiver.port}/"):
        assert Carrier().carry(parcel(url)).trouble is Trouble.ADDRESS
    named = parcel(f"https://hooks.example.org:{receiver.port}/")
    assert Carrier(resolve=lambda *_asked: [LOOPBACK]).carry(named).trouble is Trouble.ADDRESS
    assert receiver.requests == []


def test_a_name_is_looked_up_once(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere the second time is asked no second time: the connection is to what was checked."""
    asked, connected = [], []

    def rebinds(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["93.184.215.14", "2606:4700::1111"] if len(asked) == 1 else [LOOPBACK]

    def connect(address: tuple[str, int], *_rest: object, **_named: object) -> None:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(urllib3_connection, "create_connection", connect)
    came = Carrier(resolve=rebinds).carry(parcel(f"https://hooks.example.org:{receiver.port}/"))
    assert came.trouble is Trouble.UNREACHED
    assert asked == ["hooks.example.org"]
    assert connected == [("93.184.215.14", receiver.port), ("2606:4700::1111", receiver.port)]


def test_no_proxy_of_the_environment_is_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would connect for us, to where nobody has looked."""
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{LOOPBACK}:{proxy.port}")
        assert Carrier(to_loopback=True).carry(parcel(receiver.url)).code == 204
        assert (len(receiver.requests), proxy.requests) == (1, [])


def test_the_certificate_is_that_of_the_name(tmp_path: Path) -> None:
    """One that nobody vouches for is refused, and one of another name; the name is what is sent, not the number."""
    with Receiver(tls_context(tmp_path)) as receiver:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))

        def carry(name: str, context: ssl.SSLContext | None) -> Answer:
            carrier = Carrier(to_loopback=True, resolve=lambda *_asked: [LOOPBACK], context=context)
            return carrier.carry(parcel(f"https://{name}:{receiver.port}/"))

        assert carry("localhost", None).trouble is Trouble.INSECURE
        assert carry("hooks.example.org", trusting).trouble is Trouble.INSECURE
        assert receiver.requests == []
        assert carry("localhost", trusting).code == 204
        assert receiver.requests[0].headers["host"] == f"localhost:{receiver.port}"
        assert carry("hooks.example.org", trusting).trouble is Trouble.INSECURE


@on_sqlite
def test_only_a_demonstration_may_reach_its_own_machine(stack: Stack) -> None:
    """The setting stops the start of anything else."""
    for settings in ({"DEMO": "no"}, {}):
        environ = stack.environ | {f"CAMPAIGN_{name}": value for name, value in settings.items()}
        with pytest.raises(Misconfigured, match="CAMPAIGN_WEBHOOKS_LOOPBACK"):
            Config.read(environ | {"CAMPAIGN_WEBHOOKS_LOOPBACK": "yes"})
    assert Config.read(stack.environ | {"CAMPAIGN_WEBHOOKS_LOOPBACK": "yes", "CAMPAIGN_DEMO": "yes"}).webhooks_loopback
    assert not Config.read(stack.environ).webhooks_loopback


# Crashes, and many workers


def test_what_a_dead_worker_held_comes_back(hooks: Hooks) -> None:
    """When its lease is over, with the same id; whatever the dead one still says is not heard."""
    endpoint, secret = hooks.add()
    published()
    hooks.run()
    published()
    hooks.sender.stopping.set()
    hooks.run()  # owed, not sent
    now = clock.now()
    [held] = claim(Lease("dead", now + LEASE), 8, now)
    held_id, message_id = held.id, held.message_id
    db.session.commit()
    hooks.sender.stopping.clear()
    assert hooks.run() == []
    with time_machine.travel(now + LEASE + timedelta(seconds=1)):
        [request] = hooks.run()
        assert request.id == message_id
        assert request.verified(secret)["type"] == "update.published"
        assert not settle(held_id, "dead", judge(Answer(410), 1, now), Answer(410), clock.now())
    assert {state for _key, state, _tries in events()} == {"sent"}
    assert state_of(endpoint.id) == ("active", None)


@on_sqlite
def test_one_at_a_time_and_no_endpoint_waits_for_another(hooks: Hooks) -> None:
    """Each endpoint has one request under way at most; one that stalls holds up itself alone."""
    is_over = threading.Event()
    running: list[int] = []
    seen: list[int] = []

    def stall(handler: BaseHTTPRequestHandler) -> None:
        running.append(1)
        seen.append(len(running))
        is_over.wait(20)
        running.pop()
        handler.send_response(200)
        handler.end_headers()

    with Receiver() as slow:
        slow.answers = stall
        hooks.add(url=slow.url)
        hooks.add()
        for _ in range(3):
            published()
        threading.Thread(target=lambda: until(lambda: len(hooks.receiver.requests) == 3) and is_over.set()).start()
        hooks.run()
        assert is_over.is_set()
        assert seen == [1, 1, 1]
    assert {state for _key, state, _tries in events()} == {"sent"}


def test_two_workers_tell_each_once(hooks: Hooks, stack: Stack, keys: Keyring) -> None:
    """Owing and sending at the same time, over the same database."""
    for _ in range(3):
        hooks.add()
    senders = [hooks.sender, sender(stack, keys)]

    def work(one: WebhookSender) -> None:
        with hooks.app.app_context():
            one.run()

    for number in range(4):
        published()
        count_is(100 * 10**number)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, senders))
    keys_of = db.session.execute(select(WebhookEvent.endpoint_id, WebhookEvent.key)).all()
    assert len(keys_of) == len(set(map(tuple, keys_of))) == 3 * (4 + 4)
    ids = [request.id for request in hooks.receiver.requests]
    assert len(ids) == len(set(ids)) == 24


@on_sqlite
def test_a_killed_process_loses_nothing(stack: Stack, app: Flask, keys: Keyring, receiver: Receiver) -> None:
    """A worker is killed while a request is under way; the next one sends it again, with the same id."""
    stack.settings |= {"CAMPAIGN_DEMO": "yes", "CAMPAIGN_WEBHOOKS_LOOPBACK": "yes"}
    is_over = threading.Event()
    receiver.answers = lambda _handler: is_over.wait(30)
    new = NewEndpoint(os.urandom(16), "Ours", Destination.parse(receiver.url, to_loopback=True), ALL)
    _endpoint, secret = add_endpoint(the_campaign(), new, keys.sealer, clock.now())
    published()
    stack.start_worker("first")
    until(lambda: receiver.requests)
    stack.kill9("first")
    is_over.set()
    receiver.answers = None
    db.session.query(WebhookEvent).update({WebhookEvent.lease_until: clock.now() - timedelta(seconds=1)})
    db.session.commit()
    stack.start_worker("second")
    until(lambda: events()[0][1] == "sent")
    first, second = receiver.requests
    assert first.id == second.id
    assert second.verified(secret) == first.verified(secret)
    assert "unseen" not in stack.all_output


# The console


PAGE = "/console/1/webhooks/"


def post(client: FlaskClient, path: str, page: str = PAGE, **typed: object) -> TestResponse:
    """Open a page and send a form of it."""
    token = token_in(client.get("/console/account").get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **typed})


def add(client: FlaskClient, url: str, mark: str | None = None, **typed: object) -> TestResponse:
    """Add a webhook by the form."""
    form = client.get(f"{PAGE}new").get_data(as_text=True)
    found = re.search(r'name="mark"[^>]*value="(\w+)"', form)
    assert found
    said = {"mark": mark or found[1], "url": url, "name": "Our site", "types": ALL} | typed
    return post(client, f"{PAGE}new", **said)


def shown_secret(page: TestResponse) -> str:
    """The secret on the page that shows it."""
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", page.get_data(as_text=True))
    assert found
    return found[0]


def acts() -> list[str]:
    """The acts in the log."""
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)))


def test_a_webhook_from_the_form_to_its_end(hooks: Hooks, organizers: Organizers) -> None:
    """Added, tried, told, paused, let go on, given another secret, deleted; each act is in the log."""
    client = organizers.as_role(Role.OWNER, 1)
    assert "No webhook is there yet." in client.get(PAGE).text
    made = add(client, hooks.receiver.url)
    assert (made.status_code, made.headers["Cache-Control"]) == (OK, "no-store")
    secret = shown_secret(made)
    [endpoint] = db.session.scalars(select(Endpoint))
    number = endpoint.id
    one = f"{PAGE}{number}/"
    for kept in (endpoint.sealed_url, endpoint.sealed_secret, endpoint.netloc.encode(), endpoint.name.encode()):
        assert b"whsec_" not in kept
        assert b"unseen" not in kept
    pages = client.get(one).text + client.get(PAGE).text
    assert secret not in pages
    assert "unseen" not in pages
    assert f"{LOOPBACK}:{hooks.receiver.port}" in pages

    assert post(client, f"{one}try").location == one
    assert client.get(one).headers["Refresh"] == "2"
    assert post(client, f"{one}try").status_code == CONFLICT
    [ping] = hooks.run()
    assert ping.verified(secret)["type"] == "ping"
    assert "Refresh" not in client.get(one).headers
    assert ">204<" in client.get(one).text
    hooks.receiver.status = 418
    post(client, f"{one}try")
    assert hooks.run()[0].id != ping.id
    assert ">418<" in client.get(PAGE).text
    hooks.receiver.status = 200

    post(client, f"{one}pause")
    published()
    post(client, f"{one}try")
    assert [request.verified(secret)["type"] for request in hooks.run()] == ["ping"]
    assert post(client, f"{one}retry").status_code == UNFIT
    post(client, f"{one}resume")
    assert [request.verified(secret)["type"] for request in hooks.run()] == ["update.published"]

    other = shown_secret(post(client, f"{one}secret", number=1))
    assert other != secret
    assert post(client, f"{one}secret", number=1).status_code == CONFLICT
    published()
    [both] = hooks.run()
    assert both.verified(secret) == both.verified(other)

    gone = post(client, f"{one}delete")
    assert (gone.status_code, gone.location) == (SEE_OTHER, PAGE)
    assert client.get(one).status_code == NOT_FOUND
    assert events() == []
    log = [act for act in acts() if act.startswith("webhook.")]
    assert log == [f"webhook.{act}" for act in (
        "added", "tried", "tried", "paused", "tried", "resumed", "secret_changed", "deleted",
    )]  # fmt: skip
    assert set(log) <= set(ACTS)
    details = db.session.scalars(select(AuditEntry.details).where(AuditEntry.act == "webhook.added")).one()
    assert details == {"number": number, "host": f"{LOOPBACK}:{hooks.receiver.port}"}
    assert "added a webhook" in client.get("/console/1/log/").text


@on_sqlite
def test_two_secrets_sign_for_a_day(hooks: Hooks, keys: Keyring) -> None:
    """Then the one before signs no more, and is deleted."""
    endpoint, first = hooks.add()
    second = change_secret(endpoint, 1, keys.sealer, clock.now())
    published()
    [both] = hooks.run()
    assert len(both.headers["webhook-signature"].split()) == 2
    assert both.verified(first) == both.verified(second)
    with time_machine.travel(clock.now() + BOTH_SIGN_FOR + timedelta(seconds=1)):
        published()
        [one] = hooks.run()
        one.verified(second)
        with pytest.raises(Exception, match="No matching signature"):
            one.verified(first)
        forget_earlier_secrets(clock.now())
        db.session.refresh(endpoint)
        assert (endpoint.sealed_earlier, endpoint.earlier_until) == (None, None)


@on_sqlite
def test_what_does_not_fit_is_refused_and_kept(app: Flask, stack: Stack, organizers: Organizers) -> None:
    """422 with a sentence; the same form sent twice makes one; ten are enough."""
    client = organizers.as_role(Role.OWNER, 1)
    good = "https://hooks.example.org/x"
    for typed in (
        {"url": "http://hooks.example.org/"}, {"url": "https://127.0.0.1/"}, {"url": ""}, {"url": "x" * 3000},
        {"types": []}, {"types": ["nonsense"]}, {"name": "x" * 61}, {"mark": "x"}, {"mark": "\x00"},
    ):  # fmt: skip
        answer = add(client, **({"url": good} | typed))
        assert answer.status_code == UNFIT, typed
        assert 'role="alert"' in answer.text
    assert "https://127.0.0.1/" in add(client, "https://127.0.0.1/").text
    mark = "0123456789abcdef0123456789abcdef"
    assert add(client, good, mark).status_code == OK
    again = add(client, good, mark)
    assert again.status_code == CONFLICT
    assert "whsec_" not in again.text
    for _ in range(MOST_ENDPOINTS - 1):
        assert add(client, good).status_code == OK
    assert add(client, good).status_code == UNFIT
    assert db.session.query(Endpoint).count() == MOST_ENDPOINTS
    assert post(client, f"{PAGE}1/secret", number="x").status_code == CONFLICT


@on_sqlite
def test_owners_only_and_of_their_own_campaign(hooks: Hooks, organizers: Organizers) -> None:
    """Editors, moderators and translators are refused; to a stranger there is nothing; what is stale asks again."""
    endpoint, _secret = hooks.add()
    one = f"{PAGE}{endpoint.id}/"
    doors = ("", f"{endpoint.id}/", "new")
    for role in (Role.EDITOR, Role.MODERATOR, Role.TRANSLATOR):
        client = organizers.as_role(role, 1)
        assert {client.get(PAGE + door).status_code for door in doors} == {FORBIDDEN}
        for act in ("try", "pause", "resume", "retry", "secret", "delete"):
            assert post(client, f"{one}{act}").status_code == FORBIDDEN
        assert "webhooks" not in client.get("/console/1/").text
    stale = organizers.client(organizers.add("Stale", Role.OWNER, 1), fresh=False)
    assert "/console/verify" in stale.get(f"{PAGE}new").location
    for act in ("secret", "delete"):
        assert post(stale, f"{one}{act}").status_code == FORBIDDEN
    assert state_of(endpoint.id) == ("active", None)
    assert events() == []


@on_sqlite
def test_a_webhook_whose_seals_do_not_open_holds_up_no_other(hooks: Hooks, keys: Keyring) -> None:
    """It is our fault, is tried again later, and the others are told."""
    broken, _secret = hooks.add()
    hooks.add()
    broken.sealed_url = keys.sealer.seal(hooks.receiver.url.encode(), b"elsewhere")
    published()
    assert len(hooks.run()) == 1
    assert sorted((state, tries) for _key, state, tries in events()) == [("due", 1), ("sent", 1)]
    pause_endpoint(broken)
    assert hooks.run() == []


@on_sqlite
def test_pages_speak_and_the_web_opens_nothing(stack: Stack) -> None:
    """The web process holds no key that opens what is sealed."""
    app = create_app(Config.read(stack.environ))
    assert not hasattr(app.extensions["sealer"], "open")
    with app.app_context():
        db.engine.dispose()
