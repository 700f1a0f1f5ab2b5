"""What the web answers: cached pages, languages, pages of rows, errors, lost links, headers, static files."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import campaign_by_slug
from campaign.config import Config
from campaign.db import db
from campaign.importing import import_campaign
from campaign.mailing.models import Reader
from campaign.signing import queries as signing
from campaign.signing.models import Signature, new_secret
from campaign.statements import queries as statements
from campaign.statements.models import Statement
from tests import test_state_machine
from tests.letters_in import Letter, read
from tests.servers import until
from tests.stack import SIGNER, Stack
from tests.test_state_machine import FACTS, World

world = test_state_machine.world

SLUG = "release-test"
PAGE = f"/en/{SLUG}/"
THREE_DAYS_LATER = timedelta(hours=72, minutes=1)

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what does not depend on which one."""


def the_campaign() -> Campaign:
    """The campaign of `stack`."""
    campaign = campaign_by_slug(SLUG)
    assert campaign is not None
    return campaign


# Cached pages


@pytest.fixture
def cached(stack: Stack, app: Flask, client: FlaskClient) -> FlaskClient:
    """A client of an app that keeps pages for five seconds."""
    app.config["PAGE_SECONDS"] = 5.0
    return client


@one_database
def test_a_cached_page_says_for_how_long_and_is_the_same_for_everybody(cached: FlaskClient) -> None:
    """Public, revalidated, usable while the origin is away; no cookie, and nothing that differs between visitors."""
    for path in ("/en/", PAGE, f"{PAGE}timeline/", f"{PAGE}timeline/1/"):
        first = cached.get(path)
        says = first.cache_control
        assert (first.status_code, says.public) == (200, True), path
        assert says.s_maxage, path
        assert "stale-while-revalidate" in str(says)
        assert "stale-if-error" in str(says)
        other = cached.application.test_client().get(
            path,
            headers={
                "Accept-Language": "ur",
                "Cookie": "session=x",
                "User-Agent": "other",
                "X-Forwarded-For": "192.0.2.1",
            },
        )
        assert (other.data, other.headers["ETag"]) == (first.data, first.headers["ETag"]), path
        assert "Set-Cookie" not in {*first.headers.keys(), *other.headers.keys()}, path
        assert first.headers["Vary"] == other.headers["Vary"] == "Accept-Encoding", path


@one_database
def test_a_cached_page_is_sent_again_only_when_it_changed(cached: FlaskClient) -> None:
    """304 on the ETag while kept and while unchanged; after PAGE_SECONDS what changed shows, under another ETag."""
    cached.application.config["PAGE_SECONDS"] = 0.5
    etag = cached.get(PAGE).headers["ETag"]
    not_modified = cached.get(PAGE, headers={"If-None-Match": etag})
    assert (not_modified.status_code, not_modified.data) == (304, b"")
    assert not_modified.cache_control.public
    the_campaign().texts[0].title = "A title of tomorrow"
    until(lambda: cached.get(PAGE, headers={"If-None-Match": etag}).status_code == HTTPStatus.OK, 5)
    changed = cached.get(PAGE)
    assert "A title of tomorrow" in changed.text
    assert changed.headers["ETag"] != etag


@one_database
def test_nothing_that_is_not_there_is_kept(cached: FlaskClient) -> None:
    """A 404 is not cached: the campaign that opens a moment later shows at once, also under a query."""
    the_campaign().state = "draft"
    missing = cached.get(PAGE)
    assert (missing.status_code, missing.headers["Cache-Control"]) == (404, "no-store")
    the_campaign().state = "open"
    assert cached.get(PAGE).status_code == HTTPStatus.OK
    assert cached.get(f"{PAGE}timeline/?before=2024-01-01_1").data != cached.get(f"{PAGE}timeline/").data


# Languages


@one_database
@pytest.mark.parametrize(
    ("asked", "locale"),
    [
        ("ur,en;q=0.5", "ur"),
        ("es-MX,es;q=0.9", "es"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("ar-LB,fr;q=0.9", "ar"),
        ("be,fr;q=0.9", "fr"),
        ("ja", "en"),
        ("", "en"),
        ("*", "en"),
        ("x;q=y,,;", "en"),
    ],
)
def test_the_root_redirects_to_the_language_of_the_browser(client: FlaskClient, asked: str, locale: str) -> None:
    """And says that it depends on Accept-Language."""
    response = client.get("/", headers={"Accept-Language": asked})
    assert (response.status_code, response.headers["Location"]) == (302, f"/{locale}/")
    assert response.headers["Vary"] == "Accept-Language"


@one_database
@pytest.mark.parametrize("locale", ["en", "es", "ur"])
def test_what_is_not_there_is_404_in_the_language_of_the_path(
    stack: Stack, client: FlaskClient, app: Flask, locale: str
) -> None:
    """Unknown slugs, drafts, unknown pages below a locale: whatever the browser's language is."""
    the_campaign().state = "draft"
    paths = ("nowhere/", f"{SLUG}/", f"{SLUG}/sign", f"{SLUG}/timeline/", f"{SLUG}/timeline/1/", f"{SLUG}/statements/",
             f"{SLUG}/signatures/", f"{SLUG}/sent", "confirm/made-up", "yours/made-up", "unsubscribe/made-up",
             "no/such/page/at/all", "?/%00")  # fmt: skip
    other = "en" if locale == "ur" else "ur"
    for path in paths[:-1]:
        response = client.get(f"/{locale}/{path}", headers={"Accept-Language": other})
        assert response.status_code == HTTPStatus.NOT_FOUND, path
        assert f'<html lang="{locale}"' in response.text, path


@one_database
def test_an_unknown_locale_is_404_in_the_language_of_the_browser(client: FlaskClient) -> None:
    """/xx/ is no language of ours."""
    response = client.get("/xx/", headers={"Accept-Language": "ur"})
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert '<html lang="ur" dir="rtl">' in response.text


@one_database
def test_a_missing_text_falls_back_and_says_so(stack: Stack, client: FlaskClient) -> None:
    """In Spanish the page speaks Spanish around the English text, which is marked as such."""
    page = client.get(f"/es/{SLUG}/").text
    assert '<html lang="es"' in page
    assert re.search(r'<p class="note">[^<]*Español[^<]*English', page)
    assert re.search(r'<h1[^>]* lang="en" dir="ltr"><bdi>Release the test', page)
    assert '<p class="note">' not in client.get(f"/ur/{SLUG}/").text


@one_database
def test_what_is_not_told_yet_has_no_heading(stack: Stack, client: FlaskClient) -> None:
    """A campaign without a text asks for signatures, and does not announce what is not there."""
    assert 'id="story"' in client.get(PAGE).text
    text = {"title": "Free them", "summary": "", "body": "", "demands": []}
    import_campaign(FACTS | {"slug": "untold", "texts": {"en": text}}, clock.now())
    page = client.get("/en/untold/").text
    assert not re.search('id="(story|demands)"', page)
    assert 'id="sign"' in page


# Pages of rows


def add_signers(count: int, campaign: Campaign) -> list[Signature]:
    """Confirmed signatures with names, many of them in the same microsecond."""
    start = clock.now() - timedelta(days=1)
    signers = []
    for number in range(count):
        secret, commitment = new_secret()
        at = start + timedelta(microseconds=number // 7)
        reader = Reader(campaign_id=campaign.id, sealed_address=b"x", fingerprint=commitment, locale="en", news="none",
                        created_at=at, confirmed_at=at)  # fmt: skip
        signers.append(
            Signature(campaign_id=campaign.id, reader=reader, state="confirmed", appear="name", news="none",
                      locale="en", country="GB", sealed=b"x", is_veiled=False, public_name=f"Signer {number}.",
                      secret=secret, commitment=commitment, signed_at=at, confirmed_at=at)
        )  # fmt: skip
    db.session.add_all(signers)
    db.session.flush()
    return signers


def walk(client: FlaskClient, path: str, row: str) -> list[list[str]]:
    """The rows of each page, from the first to the last by the links of the pages."""
    pages: list[list[str]] = []
    at: str | None = path
    while at is not None:
        page = client.get(at).text
        pages.append(re.findall(row, page))
        following = re.search(r'rel="next" href="([^"]+)"', page)
        at = following[1].replace("&amp;", "&") if following else None
        assert len(pages) < 20, "the pages do not end"
    return pages


@pytest.mark.parametrize("extra", [0, 23])
def test_pages_of_signatures_hold_every_row_once(stack: Stack, client: FlaskClient, extra: int) -> None:
    """Newest first, over equal times; also when the last page is full."""
    number = 2 * signing.PAGE + extra
    add_signers(number, the_campaign())
    pages = walk(client, f"{PAGE}signatures/", r"Signer (\d+)\.")
    assert [int(found) for page in pages for found in page] == list(reversed(range(number)))
    assert len(pages[0]) == signing.PAGE


def test_pages_of_statements_hold_every_row_once(stack: Stack, client: FlaskClient) -> None:
    """Also while somebody takes a signature back between two pages."""
    signers = add_signers(2 * statements.PAGE + 5, the_campaign())
    said = [
        Statement(campaign_id=signer.campaign_id, signature=signer, body=f"Words {place}!", locale="en",
                  state="published", made_at=signer.signed_at, published_at=signer.confirmed_at)
        for place, signer in enumerate(signers)
    ]  # fmt: skip
    db.session.add_all(said)
    db.session.flush()
    pages = walk(client, f"{PAGE}statements/", r"Words (\d+)!")
    assert [int(found) for page in pages for found in page] == list(reversed(range(len(said))))
    first = client.get(f"{PAGE}statements/").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    db.session.delete(said[-1].signature)
    second = client.get(following[1]).text
    assert [int(found) for found in re.findall(r"Words (\d+)!", second)] == [int(found) for found in pages[1]]


MADE_UP = [
    "", "_", "x", "2024-01-01", "2024-01-01_", "_1", "2024-01-01_x", "2024-13-45_1", "2024-01-01_-1", "2024-01-01_1_2",
    "0001-01-01_1", "9999-12-31T23:59:59.999999_1", "2024-01-01T00:00:00+23:59_1", "2024-01-01T00:00:00+00:00_1",
    "0001-01-01T00:00:00+14:00_1", "9999-12-31T23:59:59-14:00_1", "2024-01-01_9223372036854775807",
    "2024-01-01_9223372036854775808", f"2024-01-01_{'9' * 4000}", f"2024-01-01_{'9' * 5000}", "2024-W01-1_1",
    "20240101_1", "'; DROP TABLE signatures; --_1", "2024-01-01_١", "2024-01-01_1\x00",
]  # fmt: skip


@pytest.mark.parametrize("path", ["signatures/", "statements/", "timeline/"])
def test_made_up_marks_do_no_harm(stack: Stack, client: FlaskClient, path: str) -> None:
    """Whatever somebody writes into `before`, there comes a page."""
    failed = {}
    for text in MADE_UP:
        try:
            status = client.get(f"{PAGE}{path}", query_string={"before": text}).status_code
        except Exception as error:  # what would be a 500
            failed[text[:40]] = repr(error)[:100]
        else:
            if status != HTTPStatus.OK:
                failed[text[:40]] = str(status)
    assert not failed


# Errors


def broken(**_values: object) -> str:
    """A view that fails."""
    raise RuntimeError("the secret of the house")


ERRORS: dict[int, Callable[[FlaskClient, str], TestResponse]] = {
    404: lambda client, locale: client.get(f"/{locale}/nowhere/"),
    405: lambda client, locale: client.post(f"/{locale}/"),
    413: lambda client, locale: client.post(f"/{locale}/{SLUG}/sign", data=SIGNER | {"statement": "x" * 70_000}),
    403: lambda client, locale: client.post(f"/{locale}/{SLUG}/sign", headers={"Sec-Fetch-Site": "cross-site"}),
    500: lambda client, locale: client.get(f"/{locale}/{SLUG}/sent"),
}


@one_database
@pytest.mark.parametrize("status", ERRORS)
def test_error_pages_are_translated_and_clean(stack: Stack, app: Flask, client: FlaskClient, status: int) -> None:
    """Each language says it in its own words; the page tells nothing of the inside, and is not kept."""
    app.testing = False
    app.view_functions["signing.sent"] = broken
    titles = set()
    for locale in ("en", "es", "ur"):
        response = ERRORS[status](client, locale)
        heading = re.search(r"<h1>([^<]+)</h1>", response.text)
        assert response.status_code == status
        assert heading is not None
        titles.add(heading[1])
        assert f'<html lang="{locale}"' in response.text
        assert response.headers["Cache-Control"] == "no-store"
        assert not re.search(r"Traceback|RuntimeError|secret of the house|Werkzeug|\.py", response.text)
        assert "Content-Security-Policy" in response.headers
    assert len(titles) == 3
    assert (status != HTTPStatus.METHOD_NOT_ALLOWED) or set(response.headers["Allow"].split(", ")) >= {"GET", "HEAD"}


# Links that ran out, and links asked for again


@dataclass
class Post:
    """Requests, the worker's work, and the letters that come of it."""

    world: World

    def send(self, path: str, **typed: str) -> TestResponse:
        """POST a form, and let the worker work."""
        response = self.world.client.post(path, data=typed)
        self.world.work()
        return response

    def letters(self, address: str = SIGNER["email"]) -> list[Letter]:
        """What came to an address."""
        return [read(received.content) for received in self.world.sink.sent_to(address)]


@pytest.fixture
def post(stack: Stack, world: World) -> Post:
    """With the campaign release-test."""
    return Post(world)


@one_database
def test_an_expired_link_offers_a_new_letter_which_confirms(post: Post) -> None:
    """410 with a button; `again` mails a link that works, and the old one stays dead until then."""
    post.send(f"{PAGE}sign", **SIGNER)
    client = post.world.client
    with time_machine.travel(datetime.now(UTC) + THREE_DAYS_LATER):
        link = post.letters()[0].link("/confirm/")
        expired = client.get(link)
        assert expired.status_code == HTTPStatus.GONE
        assert client.post(link).status_code == HTTPStatus.GONE
        found = re.search(r'<form method="post" action="([^"]+/again)">', expired.text)
        assert found is not None
        assert post.send(found[1]).headers["Location"] == f"{PAGE}sent"
        new = post.letters()[1].link("/confirm/")
        assert new != link
        assert client.post(new).status_code == HTTPStatus.SEE_OTHER
        assert "You are number 1." in client.get(new).text


@one_database
def test_again_with_a_made_up_token_mails_nothing(post: Post) -> None:
    """And says that the link no longer works."""
    response = post.send("/en/confirm/made-up/again")
    assert (response.status_code, post.world.sink.letters) == (404, [])


@one_database
def test_a_lost_link_is_mailed_to_whom_it_belongs(post: Post) -> None:
    """Pending: confirm again; confirmed: "yours"; followers likewise; unknown: nothing. The answer is the same."""
    client = post.world.client

    def ask(address: str, to: str | None = None) -> list[Letter]:
        before = len(post.letters(to or address))
        assert post.send(f"{PAGE}link", email=address).headers["Location"] == f"{PAGE}sent"
        return post.letters(to or address)[before:]

    post.send(f"{PAGE}sign", **SIGNER)
    (pending,) = ask("ADA+lost@example.org", to=SIGNER["email"])
    assert client.post(pending.link("/confirm/")).status_code == HTTPStatus.SEE_OTHER
    (confirmed,) = ask(SIGNER["email"])
    assert client.get(confirmed.link("/yours/")).status_code == HTTPStatus.OK

    post.send(f"/ur/{SLUG}/follow", email="follower@example.org", news="all")
    (unconfirmed,) = ask("follower@example.org")
    assert client.post(unconfirmed.link("/confirm/")).status_code == HTTPStatus.SEE_OTHER
    (follower,) = ask("follower@example.org")
    assert client.get(follower.link("/yours/")).status_code == HTTPStatus.OK

    assert ask("stranger@example.org") == []
    assert db.session.query(Reader).count() == 2


@one_database
def test_a_follower_is_not_told_to_have_signed(post: Post) -> None:
    """Whoever only follows and asks for the link gets one that does not speak of a signature in the count."""
    post.send(f"{PAGE}follow", email="follower@example.org", news="all")
    post.world.client.post(post.letters("follower@example.org")[0].link("/confirm/"))
    post.send(f"{PAGE}link", email="follower@example.org")
    assert "signature is in the count" not in post.letters("follower@example.org")[1].text


# Headers


HEADERS = {
    "Content-Security-Policy": r"default-src 'none'.*frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "(?i)deny",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": r"geolocation=\(\)",
    "Cache-Control": "no-store|public",
}


FRAMED = f"{PAGE}embed"
FRAMED_HEADERS = HEADERS | {
    "Content-Security-Policy": r"default-src 'none'.*frame-ancestors \*",
    "X-Frame-Options": "^$",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""The one page that every site may frame; what answers there but the page may not be framed either."""

SHOWN_BY_ALL = HEADERS | {"Cross-Origin-Resource-Policy": "cross-origin"}
"""Of the share card, which other sites show."""

HEADERS_AT = {FRAMED: FRAMED_HEADERS, f"{PAGE}card.png": SHOWN_BY_ALL}


def paths_of(app: Flask) -> list[tuple[str, str]]:
    """(method, path) of every route, with values that are there or made up."""
    values = {"locale": "en", "slug": SLUG, "number": 1, "token": "made-up", "filename": "style.css", "key": "x"}
    values |= {"name": "made-up"}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        return [
            (method, adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments}, method))
            for rule in app.url_map.iter_rules()
            if not rule.rule.startswith("/console/")  # test_console_walk.py
            for method in sorted((rule.methods or set()) - {"OPTIONS"})
        ]


@one_database
def test_every_route_answers_with_the_security_headers(stack: Stack, app: Flask, client: FlaskClient) -> None:
    """Found or not, GET or POST; none sets a cookie, and what is not public is never stored."""
    lacking = []
    asked = [*paths_of(app), ("GET", "/nowhere"), ("DELETE", PAGE), ("OPTIONS", PAGE)]
    assert len(asked) > 30
    for method, path in asked:
        if path.startswith("/static/"):
            continue  # see below
        response = client.open(path, method=method)
        lacking += [
            (method, path, name)
            for name, pattern in HEADERS_AT.get(path, HEADERS).items()
            if not re.search(pattern, response.headers.get(name, ""))
        ]
        assert "Set-Cookie" not in response.headers, path
        assert not ("public" in response.headers["Cache-Control"] and re.search("made-up|sent|signatures", path)), path
    assert not lacking


@one_database
def test_behind_https_browsers_are_told_to_stay_there(stack: Stack) -> None:
    """Strict-Transport-Security with an https address, and only then."""
    for url in ("https://campaign.example", "http://campaign.example"):
        app = create_app(Config.read(stack.environ | {"CAMPAIGN_PUBLIC_URL": url}))
        header = app.test_client().get("/en/nowhere/", base_url=url).headers.get("Strict-Transport-Security")
        assert (header is not None and "max-age=" in header) == url.startswith("https")


@one_database
def test_other_hosts_get_nothing(stack: Stack, client: FlaskClient) -> None:
    """A made-up Host header neither gets a page nor shows in one."""
    response = client.get(PAGE, base_url="http://evil.example")
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "evil.example" not in response.text


# Static files


@one_database
def test_static_files_are_versioned_and_kept_for_ever(stack: Stack, client: FlaskClient) -> None:
    """Every file that a page names carries its version, and may be kept for a year without asking again."""
    named = re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get(PAGE).text)
    assert len(named) >= 3
    for address in named:
        assert re.search(r"\?v=[0-9a-f]{12}$", address), address
        with client.get(address) as response:
            kept = response.cache_control
        assert (response.status_code, kept.public, kept.immutable) == (200, True, True), address
        assert kept.immutable, address


@one_database
def test_static_files_have_a_type_that_browsers_must_not_guess(stack: Stack, client: FlaskClient) -> None:
    """nosniff (OWASP ASVS 5.0, 3.4.4), the right type, and no other origin invited."""
    for name, kind in (("style.css", "text/css"), ("campaign.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        with client.get(f"/static/{name}") as response:
            headers = response.headers
        assert headers["Content-Type"].startswith(kind), name
        assert headers.get("X-Content-Type-Options") == "nosniff", name
    assert client.get("/static/../config.py").status_code == HTTPStatus.NOT_FOUND
