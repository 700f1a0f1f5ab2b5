"""Fixtures: real servers, fresh databases, an app in this process, a whole installation, a browser.

What depends on a database runs twice, on SQLite and on PostgreSQL; for one of them only:
`@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)`.
"""

import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from contextvars import Context
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule
from werkzeug.test import TestResponse
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from campaign.app import create_app
from campaign.config import Config
from campaign.db import db
from campaign.opening import Keyring, make_keys
from tests.commands import runner
from tests.organizers_in import Organizers
from tests.servers import Databases, Postgres, Redis, SmtpSink
from tests.stack import Stack, campaign_file

CHROMIUM = "/usr/bin/chromium-headless-shell"
"""The same engine without what a window needs: it takes a third less of the processor."""

QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
"""What keeps Chromium from asking anybody but us."""


# Who runs what, with `-n 3`: three processes, each with servers and a browser of its own.

TOGETHER = ("tests/test_browser.py", "tests/test_console_browser.py")
"""Files whose tests share an installation that takes long to make: they are run by one process, and begun first."""


WAITING = ("test_storm.py", "test_kills.py")
"""Files whose tests take long, and wait for most of it."""


class Scheduler(LoadScopeScheduling):
    """Gives a process the next test when it is done with one; those of a file in TOGETHER as if they were one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    """Ours, in place of those that xdist brings."""
    return Scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits longest: meanwhile the other processes have the processor."""
    items.sort(key=lambda item: item.path.name not in WAITING)


# Nothing leaves this machine.


@pytest.fixture(scope="session", autouse=True)
def no_outside() -> Iterator[None]:
    """Fail whatever in this process connects, sends or looks up beyond the loopback, also if it swallows exceptions."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        look_up = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", lambda host, *rest, **named: look_up(_inside(host), *rest, **named))
        yield


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: socket.socket, *arguments: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _inside(arguments[-1][0])
        return method(self, *arguments)

    return call


def _inside(host: str | bytes | None) -> str | bytes | None:
    """The host, if it is the loopback's."""
    name = host.decode() if isinstance(host, bytes) else host or "localhost"
    if name != "localhost" and not _is_loopback(name):
        pytest.fail(f"a connection to {name}, which is not this machine")
    return host


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


# Servers


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """A PostgreSQL server: that of TEST_DATABASE_URL, else a `Postgres` of our own."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield Databases(url)
    else:
        with Postgres() as server:
            yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A Redis server."""
    with Redis() as server:
        yield server


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    """A relay that keeps what it gets."""
    with SmtpSink() as server:
        yield server


# Databases


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on."""
    return str(request.param)


class Templates:
    """Migrated databases to copy, without or with a campaign, each made when it is first asked for."""

    def __init__(self, folder: Path, databases: Callable[[], Databases]) -> None:
        self.folder = folder
        self.databases = databases
        self.urls: dict[tuple[str, bool], str] = {}

    def copy(self, backend: str, instance: Path, *, has_campaign: bool) -> str:
        """The address of a fresh copy; a file goes into the instance's folder."""
        if (backend, has_campaign) not in self.urls:
            self.urls[backend, has_campaign] = self._made(backend, has_campaign)
        if backend == "postgresql":
            return self.databases().fresh_database(self.urls[backend, has_campaign])
        file = instance / "campaign.sqlite"
        shutil.copy(self.urls[backend, has_campaign].removeprefix("sqlite:///"), file)
        return f"sqlite:///{file}"

    def _made(self, backend: str, has_campaign: bool) -> str:
        folder = self.folder / f"{backend}-{has_campaign}"
        make_keys(folder / "instance" / "keys")
        stack = Stack(folder, "smtp://127.0.0.1:1", self._begun(backend, folder / "instance", has_campaign))
        run = runner(stack.environ)
        assert run(*(("import", str(campaign_file(folder))) if has_campaign else ("migrate",))).exit_code == 0
        if backend == "sqlite":
            with closing(sqlite3.connect(stack.instance / "campaign.sqlite")) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what is in one file can be copied
        return stack.database_url

    def _begun(self, backend: str, instance: Path, is_migrated: bool) -> str | None:
        """An empty database (for SQLite, none yet), or a migrated one."""
        if is_migrated:
            return self.copy(backend, instance, has_campaign=False)
        return self.databases().fresh_database() if backend == "postgresql" else None


@pytest.fixture(scope="session")
def templates(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Migrated databases to copy; they go with their server."""
    return Templates(tmp_path_factory.mktemp("templates"), lambda: request.getfixturevalue("postgres"))


@pytest.fixture
def instance(tmp_path: Path, keys_folder: Path) -> Path:
    """The folder of an installation, with keys."""
    shutil.copytree(keys_folder, tmp_path / "instance" / "keys")
    return tmp_path / "instance"


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, the same for all tests of a run."""
    folder = tmp_path_factory.mktemp("keys") / "keys"
    make_keys(folder)
    return folder


@pytest.fixture
def database_url(request: pytest.FixtureRequest, backend: str, instance: Path, templates: Templates) -> Iterator[str]:
    """A fresh migrated database, in which nothing is; for a test that uses `stack` too, the campaign release-test."""
    url = templates.copy(backend, instance, has_campaign="stack" in request.fixturenames)
    yield url
    if backend == "postgresql":
        templates.databases().drop_database(url)


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, backend: str, tmp_path: Path) -> Iterator[str]:
    """A fresh database without a table."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.sqlite"
        return
    databases: Databases = request.getfixturevalue("postgres")
    url = databases.fresh_database()
    yield url
    databases.drop_database(url)


# Installations


def _remembering(compile_rule: Callable[[Rule], None]) -> Callable[[Rule], None]:
    """What matches and makes a rule's addresses, compiled once: it depends on no app, and is the same in each."""
    kept: dict[tuple[Any, ...], Rule] = {}

    def remembered(rule: Rule) -> None:
        asked = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes, repr(rule.defaults))
        key = (*asked, rule.map.host_matching, *rule.map.converters.values())
        if key not in kept:
            compile_rule(rule)
            kept[key] = rule
            return
        like = kept[key]
        rule.arguments |= like.arguments
        rule._parts, rule._trace, rule._converters = like._parts, like._trace, like._converters
        for name in ("_build", "_build_unknown"):
            setattr(rule, name, getattr(like, name).__func__.__get__(rule))

    return remembered


Rule.compile = _remembering(Rule.compile)  # type: ignore[method-assign]


COMPILED_SQL: LRUCache[Any, Any] = LRUCache(5000)
"""What SQLAlchemy makes of a statement, kept for all engines: each test has one, or several, of its own."""


def _is_of_one_kind(dialect: Dialect, other: object) -> bool:
    return type(dialect) is type(other)


Engine._compiled_cache = property(lambda _engine: COMPILED_SQL, lambda _engine, _own: None)  # type: ignore[assignment]
for kind in (PGDialect_psycopg, SQLiteDialect_pysqlite):  # part of the key of what is kept
    kind.__eq__ = _is_of_one_kind  # type: ignore[method-assign, assignment]
    kind.__hash__ = lambda dialect: hash(type(dialect))  # type: ignore[method-assign]


@pytest.fixture
def installation(instance: Path, database_url: str, sink: SmtpSink) -> Iterator[Stack]:
    """Keys, a migrated database without a campaign, and a relay; no process runs."""
    with Stack(instance.parent, sink.url, database_url) as stack:
        yield stack


@pytest.fixture
def stack(installation: Stack) -> Stack:
    """An installation with one open campaign, release-test; web and worker are not started."""
    return installation


@pytest.fixture
def app(installation: Stack) -> Iterator[Flask]:
    """The web app in this process, over the same database as `stack`, in an app context; rolled back at the end.

    Hashing a password takes a thousandth of the time; `create_app` makes an app which does it at full price.
    """
    app = create_app(Config.read(installation.environ))
    app.extensions["accounts"].pwd_context.update(argon2__rounds=1, argon2__memory_cost=8, argon2__parallelism=1)
    app.testing = True
    app.test_client_class = Client
    with app.app_context():
        yield app
        db.session.rollback()
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


class Client(FlaskClient):
    """Asks as the web does: each request in an app context, and so a database session, of its own.

    Flask would reuse the test's, and a view that forgets to commit would pass. What the test changed is committed
    first, so that the request sees it and does not wait for SQLite's write lock.
    """

    def open(self, *arguments: Any, **named: Any) -> TestResponse:
        """Send a request to the public address."""
        db.session.commit()
        named.setdefault("base_url", self.application.config["PUBLIC_URL"])
        return Context().run(super().open, *arguments, **named)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the app."""
    return app.test_client()


@pytest.fixture
def keys(installation: Stack) -> Keyring:
    """The keys of the installation: the worker's side."""
    return Keyring.read(Config.read(installation.environ))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the installation's commands and processes said."""
    report = yield
    installation = getattr(item, "funcargs", {}).get("installation")
    if report.failed and installation is not None:
        report.sections.append(("installation", installation.all_output[-10_000:]))
    return report


# Organizers


@pytest.fixture
def organizers(app: Flask, keys: Keyring) -> Organizers:
    """Makes organizers and signs them in."""
    return Organizers(app, keys)


# Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, which reaches nothing but this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that has been nowhere yet."""
    context = browser.new_context(locale="en-GB")
    yield context.new_page()
    context.close()
