"""Pages kept in front of Flask: compressed once, standing in while the database is away, not pushed out by anybody."""

import gzip
from collections.abc import Iterator
from http import HTTPStatus

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from campaign import pagecache
from campaign.app import create_app
from campaign.campaigns.queries import campaign_by_slug
from campaign.config import Config
from campaign.db import db
from campaign.pagecache import PAGES, QUERIES, Shelf
from tests.servers import Postgres, SmtpSink, until
from tests.stack import Stack, campaign_file

PAGE = "/en/release-test/"

sqlite_only = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def cached(stack: Stack, app: Flask, client: FlaskClient) -> FlaskClient:
    """A client of an app that keeps pages."""
    app.config["PAGE_SECONDS"] = 60.0
    return client


def asked(client: FlaskClient, path: str, coding: str) -> TestResponse:
    """The page as a browser with these codings gets it."""
    return client.get(path, headers={"Accept-Encoding": coding})


# Compressed


@sqlite_only
@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("deflate", None),
        ("", None),
        ("br;q=0, *;q=0", None),
    ],
)
def test_a_page_comes_compressed_as_the_browser_takes_it(
    cached: FlaskClient, accepted: str, coding: str | None
) -> None:
    """The same words, the same tag; a cache in between is told what it depends on."""
    plain = cached.get(PAGE)
    for answer in (asked(cached, PAGE, accepted), asked(cached, f"{PAGE}?not=kept", accepted)):
        assert answer.headers.get("Content-Encoding") == coding
        assert unpacked(answer.data, coding) == plain.data
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert (answer.headers["ETag"], answer.headers["Vary"]) == (plain.headers["ETag"], "Accept-Encoding")


def unpacked(body: bytes, coding: str | None) -> bytes:
    """What was compressed."""
    return {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding](body)


@sqlite_only
def test_nothing_that_depends_on_who_asks_is_compressed(cached: FlaskClient) -> None:
    """Beside a secret, the length of what is compressed tells about it (CVE-2013-3587)."""
    for path in (f"{PAGE}sent", "/console/sign-in", "/en/nothing-here/"):
        assert "Content-Encoding" not in asked(cached, path, "br, gzip").headers


@sqlite_only
def test_static_files_come_compressed(cached: FlaskClient) -> None:
    """As they were compressed beforehand."""
    with asked(cached, "/static/style.css", "br") as sheet, cached.get("/static/style.css") as plain:
        assert (sheet.headers["Content-Encoding"], sheet.headers["Vary"]) == ("br", "Accept-Encoding")
        assert brotli.decompress(sheet.data) == plain.data, "`make .venv/compressed` compresses what was changed"


# While the database is away


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory, sink: SmtpSink) -> Iterator[tuple[Postgres, Stack]]:
    """An installation on a PostgreSQL of its own."""
    folder = tmp_path_factory.mktemp("outage")
    with Postgres() as server, Stack(folder, sink.url, server.fresh_database(), PAGE_SECONDS="0.01") as stack:
        stack.prepare(campaign_file(folder))
        yield server, stack


def test_readers_do_not_see_that_the_database_is_away(
    house: tuple[Postgres, Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before still shows; what was not is asked to wait; then all is as it was, and what is new shows."""
    server, stack = house
    monkeypatch.setattr(pagecache, "HOLD_SECONDS", 0.01)
    app = create_app(Config.read(stack.environ))
    client = app.test_client()
    before = client.get(PAGE)
    server.kill9()
    during = client.get(PAGE)
    assert (during.status_code, during.data) == (HTTPStatus.OK, before.data)
    assert "stale-if-error" in during.headers["Cache-Control"]
    not_modified = client.get(PAGE, headers={"If-None-Match": before.headers["ETag"]})
    assert not_modified.status_code == HTTPStatus.NOT_MODIFIED
    unknown = client.get("/ur/release-test/")
    assert (unknown.status_code, unknown.headers["Retry-After"]) == (503, "30")
    assert "https://" not in unknown.text
    refused = client.post(f"{PAGE}sign", data={"email": "a@example.org"})
    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE, "nothing that was not written is acknowledged"
    server.start()
    with app.app_context():
        until(lambda: client.get("/ur/release-test/").status_code == HTTPStatus.OK, 20)
        campaign = campaign_by_slug("release-test")
        assert campaign is not None
        campaign.texts[0].title = "A title of afterwards"
        db.session.commit()
        until(lambda: "A title of afterwards" in client.get(PAGE).text, 5)
        db.session.remove()
        db.engine.dispose()


@sqlite_only
def test_a_page_is_not_stale_for_ever(cached: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that is older than a day says nothing any more."""
    cached.application.config["PAGE_SECONDS"] = 1e-9
    assert cached.get(PAGE).status_code == HTTPStatus.OK
    monkeypatch.setattr(pagecache, "HOLD_SECONDS", 0)
    monkeypatch.setattr("campaign.pages.views.campaign_or_404", None)
    monkeypatch.setattr("campaign.pages.views.page_state", None)
    cached.application.testing = False
    cached.application.config["PROPAGATE_EXCEPTIONS"] = False
    assert cached.get(PAGE).status_code == HTTPStatus.OK
    monkeypatch.setattr(pagecache, "STALE_SECONDS", -1)
    assert cached.get(PAGE).status_code == HTTPStatus.INTERNAL_SERVER_ERROR


# How much is kept


@given(keys=st.lists(st.integers(0, 50)), most=st.integers(1, 20))
def test_a_shelf_holds_the_newest(keys: list[int], most: int) -> None:
    """Never more than so many, and what was put there last."""
    shelf: Shelf[int] = Shelf(most)
    for key in keys:
        shelf[key] = key
    newest = list(dict.fromkeys(reversed(keys)))[:most]
    assert sorted(shelf) == sorted(newest)


@sqlite_only
def test_made_up_queries_push_out_no_page(cached: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have a shelf of their own."""
    assert QUERIES < PAGES
    kept = cached.get(PAGE).data
    for number in range(QUERIES + 1):
        cached.get(f"/en/?x={number}")
    monkeypatch.setattr("campaign.pages.views.campaign_or_404", None)
    assert cached.get(PAGE).data == kept
