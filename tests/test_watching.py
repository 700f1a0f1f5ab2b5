"""What monitors ask: heartbeats, /healthz, /metrics. None of it names anybody, or reads what it only counts."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, event, text

from campaign import clock, kept
from campaign.app import create_app
from campaign.config import Config
from campaign.db import db
from campaign.mailing.claiming import Lease, Outcome, claim, settle
from campaign.mailing.models import Delivery, DeliveryState, Mailing
from campaign.mailing.operations import suppress
from campaign.mailing.posting import pause
from campaign.opening import Keyring
from campaign.signing.models import Intake
from campaign.watching import queries, views
from campaign.watching.metrics import Snapshot
from campaign.watching.models import Heartbeat
from campaign.watching.operations import SILENT_LASTS, Pulse, beat
from campaign.watching.probe import DatabaseAway, Probe
from tests.conftest import Templates
from tests.programs import ROOT
from tests.servers import SmtpSink, until
from tests.signers_in import signs
from tests.stack import Stack
from tests.test_sending import Post, working

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

TOKEN = "0123456789abcdef0123456789"
PROXIES = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "CF-Connecting-IP", "True-Client-IP")


@pytest.fixture
def post(client: FlaskClient, installation: Stack, sink: SmtpSink) -> Iterator[Post]:
    """A post office with a worker in this process."""
    with working(installation) as worker:
        yield Post(client, worker, sink)


def heartbeats() -> list[Heartbeat]:
    """The rows as they are now."""
    db.session.rollback()
    rows = db.session.query(Heartbeat).order_by(Heartbeat.started_at).all()
    db.session.expunge_all()
    db.session.rollback()  # the worker wants to write
    return rows


# Heartbeats


@one_database
def test_each_worker_beats_until_it_stops(stack: Stack, app: Flask) -> None:
    """Two beat under names of their own; one that stops in good order is gone, one that was killed falls silent."""
    stack.start_worker("first")
    stack.start_worker("second")
    first, second = heartbeats()
    assert (first.role, first.failing) == ("worker", None)
    assert first.name != second.name
    at = first.beat_at
    until(lambda: heartbeats()[0].beat_at > at)
    assert stack.stop("first") is not None
    assert [row.name for row in heartbeats()] == [second.name]
    stack.kill9("second")
    assert [row.name for row in heartbeats()] == [second.name]


def test_a_heartbeat_tells_what_goes_on(post: Post) -> None:
    """The drains at work, and the one that failed last, without the error's text; the silent are forgotten."""
    heart = post.worker.heart
    beat("gone", clock.now(), Pulse(""), clock.now() - SILENT_LASTS - timedelta(seconds=1))
    beat("killed", clock.now(), Pulse(""), clock.now() - SILENT_LASTS + timedelta(minutes=1))
    db.session.commit()

    def fails() -> None:
        heart.beat()
        raise RuntimeError("ada@example.org")

    post.worker.engine.drains["tidy"] = type(post.worker.engine.drains["tidy"])(post.worker._in_context("tidy", fails))
    post.worker.engine.drains["tidy"]()
    beaten = {row.name: row for row in heartbeats()}
    assert beaten.keys() == {"killed", heart.name}
    assert (beaten[heart.name].doing, beaten[heart.name].failing) == ("tidy", None)
    heart.beat()
    after = {row.name: row for row in heartbeats()}[heart.name]
    assert (after.doing, after.failing) == ("", "tidy RuntimeError")
    assert after.failed_at is not None


@one_database
def test_a_heart_outlives_its_database(post: Post) -> None:
    """What cannot be written is left out, and the next beat is written."""
    db.session.execute(text("ALTER TABLE heartbeats RENAME TO away"))
    db.session.commit()
    post.worker.heart.beat()
    db.session.execute(text("ALTER TABLE away RENAME TO heartbeats"))
    db.session.commit()
    post.worker.heart.beat()
    assert len(heartbeats()) == 1


# Health


def health(client: FlaskClient, need: str = "") -> tuple[int, dict[str, Any]]:
    """What /healthz says."""
    answer = client.get(f"/healthz{need and f'?need={need}'}")
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.get_json()


def test_health_tells_web_database_and_worker_apart(stack: Stack, client: FlaskClient, keys: Keyring) -> None:
    """No worker, one that lives, one that is silent; a letter that is late. Only who asks for more gets 503 for it."""
    well = {"web": "ok", "database": "ok", "oldest_due_confirmation_seconds": 0}
    assert health(client) == (200, well | {"worker": "none"})
    assert health(client, "worker")[0] == 503
    beat("one", clock.now(), Pulse(""), clock.now())
    assert health(client, "worker") == (200, well | {"worker": "ok"})
    assert health(client, "letters")[0] == 200
    signs(keys, "ada@example.org", confirms=False)
    db.session.query(Delivery).update({Delivery.not_before: clock.now() - timedelta(minutes=6)})
    status, said = health(client, "letters")
    assert (status, health(client, "worker")[0]) == (503, 200)
    assert 360 <= said["oldest_due_confirmation_seconds"] < 400
    db.session.query(Heartbeat).update({Heartbeat.beat_at: clock.now() - timedelta(seconds=61)})
    assert health(client)[0] == 200
    status, said = health(client, "worker")
    assert (status, said["worker"]) == (503, "late")
    assert client.get("/healthz?need=workers").status_code == HTTPStatus.BAD_REQUEST


@one_database
def test_health_while_the_database_is_away_and_back(installation: Stack) -> None:
    """503 while it is down, 200 as soon as it is there, before it has tables too; only the state, nothing else."""
    folder = installation.folder / "later"
    environ = installation.environ | {"CAMPAIGN_DATABASE_URL": f"sqlite:///{folder}/campaign.sqlite"}
    client = create_app(Config.read(environ)).test_client()
    unknown = {"web": "ok", "worker": "unknown", "oldest_due_confirmation_seconds": None}
    down = client.get("/healthz", base_url=installation.url)
    assert (down.status_code, down.json) == (503, unknown | {"database": "down"})
    assert down.headers["Cache-Control"] == "no-store"
    folder.mkdir()
    up = client.get("/healthz", base_url=installation.url)
    assert (up.status_code, up.json) == (200, unknown | {"database": "ok"})
    assert client.get("/healthz?need=worker", base_url=installation.url).status_code == 503


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_health_outlives_its_connections(client: FlaskClient, app: Flask, templates: Templates) -> None:
    """A pooled connection whose database went away is no answer."""
    assert client.get("/healthz").status_code == HTTPStatus.OK
    templates.databases().drop_database(app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", ""))
    assert client.get("/healthz").status_code == HTTPStatus.SERVICE_UNAVAILABLE


@one_database
def test_a_database_that_hangs_does_not_hang_the_web(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 in time, however many ask; one thread waits, not one for each. When it answers again, so do we."""
    answers = threading.Event()

    def hang(_connection: Connection) -> None:
        answers.wait(20)

    event.listen(db.engine, "begin", hang)
    monkeypatch.setattr(views, "HEALTH_SECONDS", 0.05)
    before = threading.active_count()
    assert [client.get("/healthz").status_code for _ in range(3)] == [503] * 3
    assert threading.active_count() <= before + 1
    answers.set()
    event.remove(db.engine, "begin", hang)
    monkeypatch.undo()
    assert client.get("/healthz").status_code == HTTPStatus.OK


@one_database
def test_a_probe_hands_an_error_on_by_its_class(app: Flask) -> None:
    """Not by its text, which may hold anything."""
    with pytest.raises(DatabaseAway, match=r"^ValueError$"):
        Probe().ask(db.engine, lambda _connection: int("ada@example.org"), 1)


# Metrics


def scraped(client: FlaskClient, **named: Any) -> dict[str, Metric]:
    """The families of a real answer, by name."""
    answer = client.get("/metrics", base_url="http://127.0.0.1:5000", **named)
    assert answer.status_code == HTTPStatus.OK
    assert answer.content_type.startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"
    return {family.name: family for family in text_string_to_metric_families(answer.get_data(as_text=True))}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    """The one sample with these labels."""
    family = families.get(name) or families[name.removesuffix("_total")]
    found = [sample.value for sample in family.samples if sample.name == name and sample.labels == labels]
    assert len(found) == 1, (name, labels, family.samples)
    return found[0]


def test_metrics_of_a_mailing_and_of_letters_that_were_asked_for(
    post: Post, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lane and state, the open mailing, the lags, what is suppressed and who beats."""
    monkeypatch.setattr(kept, "IDLE", 0)  # nothing that was counted is kept
    campaign = post.campaign()
    post.readers(campaign, *(f"reader{number}@example.org" for number in range(6)))
    mailing = post.tell(campaign)
    post.sign(campaign.slug, "ada@example.org")
    post.worker.engine.drains["intake"]()
    post.worker.engine.drains["mailings"]()
    now = clock.now()
    leased = claim(mailing.id, Lease("me", now + timedelta(minutes=2)), 4, now)
    ended = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.SKIPPED)
    assert settle(dict(zip(leased, map(Outcome, ended), strict=False)), "me", now) == 3
    suppress(b"k", "refused with 550", now)
    asked = db.session.query(Delivery).filter(Delivery.mailing_id.is_(None)).one()
    asked.not_before = now - timedelta(minutes=10)
    db.session.add(Intake(campaign_id=campaign.id, sealed=b"", received_at=now - timedelta(minutes=3)))
    db.session.add(Intake(campaign_id=campaign.id, sealed=b"", received_at=now - timedelta(days=3), failed_at=now))
    beat("one", now, Pulse(""), now)
    beat("two", now, Pulse(""), now - timedelta(minutes=2))
    families = scraped(client)
    assert value(families, "campaign_database_up") == 1
    for state, count in {"due": 2, "leased": 1, "failed": 1, "skipped": 1, "uncertain": 0}.items():
        assert value(families, "campaign_letters", lane="mailing", state=state) == count
        assert value(families, "campaign_mailing_letters", mailing=str(mailing.id), state=state) == count
        assert value(families, "campaign_letters", lane="asked", state=state) == (state == "due")
    assert value(families, "campaign_letters", lane="mailing", state="sent") == 1
    assert value(families, "campaign_letters", lane="asked", state="sent") == 0
    assert value(families, "campaign_mailing_letters", mailing=str(mailing.id), state="sent") == 1
    assert value(families, "campaign_mailings", state="sending") == 1
    assert 600 <= value(families, "campaign_confirmation_lag_seconds") < 640
    assert 180 <= value(families, "campaign_intake_lag_seconds") < 220
    assert value(families, "campaign_intake_waiting") == 1
    assert value(families, "campaign_suppressions") == 1
    assert value(families, "campaign_workers") == 1
    assert value(families, "campaign_worker_heartbeat_age_seconds", worker="two") >= 120
    db.session.rollback()
    post.worker.engine.drains["letters"]()
    pause(db.session.get_one(Mailing, mailing.id))
    families = scraped(client)
    assert value(families, "campaign_mailings", state="paused") == 1
    assert value(families, "campaign_letters", lane="asked", state="sent") == 1
    assert value(families, "campaign_letters", lane="mailing", state="sent") == 3
    assert value(families, "campaign_confirmation_lag_seconds") == 0


def test_no_metric_names_anybody(post: Post, client: FlaskClient) -> None:
    """Labels are lanes, states, numbers and random names: no address, no domain, no slug, no person."""
    campaign = post.campaign()
    post.readers(campaign, "ada@example.org")
    post.tell(campaign)
    post.sign(campaign.slug, "zoe@example.net")
    post.worker.heart.beat()
    post.work()
    labels = {
        (name, content)
        for family in scraped(client).values()
        for sample in family.samples
        for name, content in sample.labels.items()
    }
    assert {name for name, _content in labels} <= {"lane", "state", "mailing", "worker", "pid"}
    known = {"asked", "mailing", *DeliveryState, "sending", "paused", "stopped", "done", post.worker.heart.name}
    assert {content for _name, content in labels if not content.isdecimal()} <= known


@one_database
def test_metrics_while_the_database_is_away(installation: Stack) -> None:
    """They say that it is, and how the web is."""
    environ = installation.environ | {"CAMPAIGN_DATABASE_URL": f"sqlite:///{installation.folder}/nowhere/x.sqlite"}
    families = scraped(create_app(Config.read(environ)).test_client())
    assert value(families, "campaign_database_up") == 0
    assert "campaign_letters" not in families
    assert families["process_resident_memory_bytes"].samples[0].value > 1_000_000


@one_database
def test_metrics_are_for_this_machine_or_with_the_token(installation: Stack) -> None:
    """Not through a proxy, not from elsewhere, not by another name; not with a wrong token or an empty one."""
    config = installation.environ | {"CAMPAIGN_PROXIES": "1"}
    closed = create_app(Config.read(config)).test_client()
    opened = create_app(Config.read(config | {"CAMPAIGN_METRICS_TOKEN": TOKEN})).test_client()
    here, name = "http://localhost:5000", "http://campaign.example"
    public = create_app(Config.read(config | {"CAMPAIGN_PUBLIC_URL": name})).test_client()

    def status(client: FlaskClient, base: str = here, peer: str = "127.0.0.1", **headers: str) -> int:
        named = {name.replace("_", "-"): content for name, content in headers.items()}
        return client.get("/metrics", base_url=base, environ_base={"REMOTE_ADDR": peer}, headers=named).status_code

    assert status(closed) == status(closed, peer="::1") == 200
    assert status(public) == 200
    assert status(public, name) == 403
    assert status(closed, peer="192.0.2.7") == status(closed, peer="") == 403
    for header in PROXIES:
        assert status(closed, **{header: "127.0.0.1"}) == 403, header
    assert status(closed, Authorization="Bearer ") == 200  # by the loopback, not by the token
    assert status(closed, peer="192.0.2.7", Authorization="Bearer ") == 403
    assert status(opened, peer="192.0.2.7", Authorization=f"Bearer {TOKEN}") == 200
    assert status(opened, peer="192.0.2.7", Authorization=f"bearer {TOKEN}", X_Forwarded_For="192.0.2.8") == 200
    for wrong in (f"Bearer {TOKEN}x", "Bearer ", f"Basic {TOKEN}", TOKEN, "Bearer é"):
        assert status(opened, peer="192.0.2.7", Authorization=wrong) == 403, wrong


@one_database
def test_gunicorns_processes_are_all_told_of(stack: Stack) -> None:
    """Whichever answers tells of the first process and of each worker."""
    stack.start_web(2)
    for _time in range(3):
        families = {family.name: family for family in text_string_to_metric_families(stack.get("/metrics").text)}
        pids = {sample.labels["pid"] for sample in families["process_cpu_seconds"].samples}
        assert len(pids) == 3
        assert str(stack.pid("web")) in pids
    assert stack.get("/metrics", {"X-Forwarded-For": "192.0.2.7"}).status == HTTPStatus.FORBIDDEN


# What it costs


def test_all_is_counted_along_indexes(app: Flask, backend: str) -> None:
    """No question of a scrape or of health reads a row of deliveries or of requests."""
    plans: list[tuple[str, str]] = []
    prefix = "EXPLAIN QUERY PLAN " if backend == "sqlite" else "EXPLAIN "

    def explain(connection: Any, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith(("SELECT", "(SELECT")):
            rows = connection.exec_driver_sql(prefix + statement, parameters)
            plans.extend((statement, str(row[-1])) for row in rows)

    with db.engine.connect() as connection:
        if backend == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
            connection.exec_driver_sql("SET enable_bitmapscan = off")
        event.listen(connection, "before_cursor_execute", explain)
        Snapshot.read(connection, clock.now())
        queries.worker_state(connection, clock.now())
        event.remove(connection, "before_cursor_execute", explain)
    looked_up = [
        (line, statement) for statement, line in plans if re.search(r"(on|SCAN|SEARCH) (deliveries|intake)", line)
    ]
    assert len(looked_up) >= 8
    counts = " INDEX " if backend == "sqlite" else "Index Only Scan"  # SQLite opens no row for a partial index's term
    wrong = [line for line, statement in looked_up if counts not in line and "min(deliveries" not in statement]
    assert wrong == []
    assert all("index" in line.lower() for line, _statement in looked_up)


# The documents


@one_database
def test_the_documents_know_the_metrics(post: Post, client: FlaskClient) -> None:
    """Each metric is explained, and the rules for alerts name none that there is not."""
    post.worker.heart.beat()
    names = {sample.name for family in scraped(client).values() for sample in family.samples} | set(scraped(client))
    explained = (ROOT / "docs" / "developer.md").read_text("utf-8").partition("## Metrics")[2].partition("\n## ")[0]
    assert set(re.findall(r"`((?:campaign|process)_\w+)`", explained)) <= names
    for name in set(scraped(client)) - {"process_cpu_seconds"}:
        assert f"`{name}`" in explained, name
    rules = (ROOT / "docs" / "operator.md").read_text("utf-8").partition("### Metrics")[2]
    used = set(re.findall(r"\bcampaign_[a-z_]+", rules))
    assert len(used) >= 6
    assert used <= names
