"""How a campaign travels: feeds as readers read them, the frame on other sites, heads, sitemap, onion address."""

import html
import json
import re
from base64 import b32encode
from calendar import timegm
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import sha3_256
from http import HTTPStatus
from io import BytesIO
from itertools import product
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree

import feedparser
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign
from campaign.config import Config
from campaign.db import db
from campaign.i18n import LOCALES
from campaign.importing import import_campaign
from campaign.sharing.heads import og_locale
from campaign.sharing.queries import FEED
from campaign.timeline.models import Update
from campaign.timeline.operations import UpdateDraft, add_update, publish, retract
from tests.servers import LOOPBACK
from tests.stack import SIGNER, Stack
from tests.test_state_machine import FACTS
from tests.test_web import PAGE, SLUG, the_campaign

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

FEED_OF_ONE = f"{PAGE}feed.atom"
PEOPLE = {"Tariq Example": "released"}


def tell(title: str, day: date = date(2024, 2, 3), **facts: object) -> Update:
    """Publish an update in English, or in the languages of `texts`."""
    texts = facts.pop("texts", {"en": (title, f"About **{title}**.")})
    kind = "correction" if "corrects" in facts else "status"
    update = add_update(the_campaign(), UpdateDraft(kind, day, texts, **facts))  # type: ignore[arg-type]
    publish(update, clock.now(), is_told=False)
    return update


def other_campaign(slug: str, state: str, told: str) -> Campaign:
    """Another campaign, with an update."""
    update = {"kind": "news", "occurred_on": date(2024, 1, 5), "texts": {"en": {"title": told, "body": "…"}}}
    return import_campaign(FACTS | {"slug": slug, "state": state, "updates": [update]}, clock.now())


# Feeds


def parsed(response: TestResponse) -> feedparser.FeedParserDict:
    """A feed, as a reader's program reads it; nothing in it is out of order."""
    assert response.mimetype == "application/atom+xml"
    found = feedparser.parse(response.data, response_headers={"content-type": response.content_type})
    assert not found.bozo, found.get("bozo_exception")
    assert found.version == "atom10"
    return found


def test_a_feed_tells_what_the_timeline_tells(stack: Stack, client: FlaskClient) -> None:
    """Title, text, status, dates, corrections and retractions, in the language asked for; no drafts."""
    wrong = tell("Killed <b>&", sources=["https://paper.example/1"], statuses={"Tariq Example": "killed"})
    right = tell("He lives", corrects=wrong.number, statuses=PEOPLE, texts={"ur": ("زندہ\x0b", "**زندہ**\x1f")})
    retract(wrong, "A false report.", clock.now(), {"en": "A false report.", "ur": "غلط خبر۔"})
    add_update(the_campaign(), UpdateDraft("news", date(2024, 3, 1), {"en": ("Not yet public", "Not yet.")}))
    answer = client.get(FEED_OF_ONE)
    feed = parsed(answer)
    url = client.application.config["PUBLIC_URL"]
    assert (feed.feed.title, feed.feed.language, feed.feed.id) == ("Release the test", "en", url + FEED_OF_ONE)
    links = {link.rel: link.href for link in feed.feed.links}
    assert links == {"self": url + FEED_OF_ONE, "alternate": url + PAGE}
    correction, retracted, first = feed.entries
    assert [item.title for item in feed.entries] == ["زندہ", "Retracted: Killed <b>&", "Taken"]
    assert [item.title_detail.language for item in feed.entries] == ["ur", "en", "en"]
    for item, update in ((correction, right), (retracted, wrong)):
        assert item.id == item.link == f"{url}{PAGE}timeline/{update.number}/"
        assert update.published_at is not None
        assert timegm(item.published_parsed) == int(update.published_at.timestamp())
    assert wrong.retracted_at is not None
    assert timegm(retracted.updated_parsed) == int(wrong.retracted_at.timestamp())
    assert feed.feed.updated == retracted.updated
    assert first.updated == first.published
    said = retracted.content[0].value
    for word in (
        "A false report.",
        "Retracted on",
        "Killed",
        "Tariq Example",
        "<strong>Killed &lt;b&gt;&amp;</strong>",
    ):
        assert word in said, word
    assert f"This was corrected in entry {right.number}." in said
    assert f'href="{url}{PAGE}timeline/{right.number}/"' in said
    assert f"This corrects entry {wrong.number}." in correction.content[0].value
    assert not re.search(r"Not yet|<svg|class=|style=", html.unescape(answer.text))
    in_urdu = parsed(client.get(f"/ur/{SLUG}/feed.atom"))
    assert (in_urdu.feed.language, in_urdu.feed.title) == ("ur", "رہا کرو")
    assert "غلط خبر۔" in in_urdu.entries[1].content[0].value
    assert '<div dir="ltr" lang="en">' in in_urdu.entries[1].content[0].value


def test_a_feed_holds_what_was_published_last(stack: Stack, client: FlaskClient) -> None:
    """Whatever day it tells of; a feed of all campaigns likewise, without drafts. One without news is a feed, too."""
    other_campaign("elsewhere", "open", "From elsewhere")
    draft = other_campaign("not-open", "draft", "From a draft")
    assert {item.title for item in parsed(client.get("/en/feed.atom")).entries} == {"Taken", "From elsewhere"}
    for number in range(FEED):
        tell(f"News {number}")
    tell("Found out today", date(2020, 1, 1))
    titles = [item.title for item in parsed(client.get(FEED_OF_ONE)).entries]
    assert titles[:2] == ["Found out today", f"News {FEED - 1}"]
    assert (len(titles), "News 0" in titles) == (FEED, False)
    assert len(parsed(client.get("/en/feed.atom")).entries) == FEED
    assert client.get(f"/en/{draft.slug}/feed.atom").status_code == HTTPStatus.NOT_FOUND
    silent = import_campaign(FACTS | {"slug": "silent"}, clock.now())
    assert parsed(client.get(f"/en/{silent.slug}/feed.atom")).entries == []


@one_database
def test_a_feed_is_kept_like_a_page(stack: Stack, client: FlaskClient) -> None:
    """For everybody, 304 to whoever has it, and made anew when something new is told."""
    first = client.get(FEED_OF_ONE)
    assert (first.cache_control.public, bool(first.cache_control.s_maxage)) == (True, True)
    same = {"If-None-Match": first.headers["ETag"]}
    assert client.get(FEED_OF_ONE, headers=same).status_code == HTTPStatus.NOT_MODIFIED
    tell("News")
    assert client.get(FEED_OF_ONE, headers=same).status_code == HTTPStatus.OK


# The frame


@one_database
def test_the_small_poster_and_nothing_else_may_be_framed(stack: Stack, client: FlaskClient) -> None:
    """By everybody; its other headers are those of every page, and so are those of an error in its place."""
    page, framed = client.get(PAGE), client.get(f"{PAGE}embed")
    policy = framed.headers["Content-Security-Policy"]
    assert policy == page.headers["Content-Security-Policy"].replace("frame-ancestors 'none'", "frame-ancestors *")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert framed.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    own = {"Content-Security-Policy", "Cross-Origin-Resource-Policy", "X-Frame-Options", "ETag", "Content-Length"}
    assert {name for name, _value in page.headers} - {name for name, _value in framed.headers} == {"X-Frame-Options"}
    rest = [[(name, value) for name, value in answer.headers if name not in own] for answer in (page, framed)]
    assert rest[0] == rest[1]
    again = client.get(f"{PAGE}embed", headers={"If-None-Match": framed.headers["ETag"]})
    assert (again.status_code, again.headers["Content-Security-Policy"]) == (HTTPStatus.NOT_MODIFIED, policy)
    for path in ("/en/nowhere/embed", f"{PAGE}follow", f"{PAGE}sign", f"{PAGE}embed/"):
        other = client.get(path)
        assert other.headers["X-Frame-Options"].lower() == "deny", path
        assert "frame-ancestors 'none'" in other.headers["Content-Security-Policy"], path


@one_database
def test_the_small_poster_says_how_it_stands(stack: Stack, client: FlaskClient) -> None:
    """While somebody asks: sign; when he is free: joy. No form and no script, and its link leaves the frame."""
    asking = client.get(f"{PAGE}embed").text
    assert not re.search(r"<form|<input|<button|<script", asking)
    assert re.search(r'href="[^"]+/en/release-test/#sign"\s+target="_blank"\s+rel="noopener">Sign<', asking)
    assert "Missing for" in asking
    tell("Free", statuses=PEOPLE)
    joy = client.get(f"{PAGE}embed").text
    assert "is free" in joy
    assert "#sign" not in joy
    assert "the campaign" in joy


@contextmanager
def serving(app: Any, port: int = 0) -> Iterator[int]:
    """The port at which a WSGI application answers; each request has a thread, as a browser's idle lines need."""
    server = make_server(LOOPBACK, port, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def site_of(page: str) -> Any:
    """A site of somebody else, which is this page."""

    def site(_environ: object, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [page.encode()]

    return site


@pytest.fixture
def served(app: Flask, stack: Stack) -> Iterator[str]:
    """The public address, at which the app answers."""
    with serving(app, stack.port):
        yield stack.url


@one_database
def test_a_foreign_page_shows_the_frame_and_no_other(served: str, client: FlaskClient, browser: Browser) -> None:
    """By the code to copy, 300 pixels wide, without scripts; the campaign page with its form is refused there."""
    code = re.search(r'<textarea id="embed-code"[^>]*>\s*(.*?)</textarea>', client.get(PAGE).text, re.DOTALL)
    assert code is not None
    frame = html.unescape(code[1]).replace('width="360"', 'width="300"')
    assert re.fullmatch(r'<iframe src="http[^"]+/embed" title="Release the test" [^<>]+></iframe>', frame)
    other = frame.replace("/embed", "/").replace("<iframe", "<iframe id=other")
    news = f"<!DOCTYPE html><title>News</title>{frame}{other}"
    with serving(site_of(news)) as port, browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"http://localhost:{port}/")
        poster = page.frame_locator("iframe:not(#other)")
        sign = poster.get_by_role("link", name="Sign")
        expect(sign).to_be_visible()
        box = poster.locator("main").bounding_box()
        assert box is not None
        assert box["width"] <= 300
        assert len(said) == 1, said
        assert "frame-ancestors 'none'" in said[0]
        with context.expect_page() as opened:
            sign.click()
        expect(opened.value.get_by_role("heading", name="Add your name")).to_be_visible()


@one_database
def test_the_browser_finds_no_fault_with_the_head(served: str, browser: Browser) -> None:
    """The data for machines is no script: the strict policy has nothing to report."""
    with browser.new_context() as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        for path in (PAGE, f"/ur/{SLUG}/", f"{PAGE}embed"):
            page.goto(served + path)
        assert said == []


# Heads


def tags(text: str, tag: str, by: str, value: str) -> dict[str, str]:
    """What the tags of a kind in a head say, by one of their attributes."""
    head = text.partition("</head>")[0]
    found = [dict(re.findall(r'([\w:-]+)="([^"]*)"', each)) for each in re.findall(rf"<{tag}\s[^>]*>", head)]
    return {each[by]: html.unescape(each[value]) for each in found if by in each and value in each}


PUBLIC_PAGES = [
    "",
    "safety/",
    "{0}/",
    "{0}/timeline/",
    "{0}/timeline/1/",
    "{0}/statements/",
    "{0}/endorsements/",
    "{0}/follow",
]


@one_database
@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_a_public_page_says_where_it_is_in_each_language(stack: Stack, client: FlaskClient, path: str) -> None:
    """One address, one in each language in which its text is there, one for all others; how it is passed on.

    Where the text falls back to the original, the page's one address is that of the original; the frame of the page
    is there in all languages, and is passed on in the one that somebody reads.
    """
    url, spoken = client.application.config["PUBLIC_URL"], ("en", "ur") if "{0}" in path else tuple(LOCALES)
    path = path.format(SLUG)
    for locale in LOCALES:
        page = client.get(f"/{locale}/{path}?utm_source=x").text
        at = locale if locale in spoken else "en"
        assert tags(page, "link", "rel", "href")["canonical"] == f"{url}/{at}/{path}"
        places = tags(page, "link", "hreflang", "href")
        by_default = f"{url}/en/{path}" if path else f"{url}/"
        assert page.count('name="description"') == page.count("<title>") == 1
        assert places == {code: f"{url}/{code}/{path}" for code in spoken} | {"x-default": by_default}
        names, og = tags(page, "meta", "name", "content"), tags(page, "meta", "property", "content")
        assert (bool(names["description"]), "robots" in names) == (True, False)
        assert (og["og:url"], og["og:locale"]) == (f"{url}/{locale}/{path}", og_locale(locale))
        others = re.findall(r'"og:locale:alternate" content="(\w+)"', page)
        assert others == [og_locale(code) for code in spoken if code != locale]
        title = html.unescape(page.partition("<title>")[2].partition("</title>")[0])
        assert og["og:title"] in " ".join(title.split())  # French has a narrow space before its question mark
        assert og["og:description"] == names["description"]
        feed = re.search(r'application/atom\+xml"\s+href="([^"]+)"', page)
        assert feed is not None
        assert client.get(feed[1]).mimetype == "application/atom+xml"


@one_database
def test_others_are_led_to_the_language_a_campaign_was_written_in(stack: Stack, client: FlaskClient) -> None:
    """Not to the interface's own; where there is but one language, that is all that is named."""
    text = {"title": "زندہ", "summary": "…", "body": "…", "demands": []}
    import_campaign(FACTS | {"slug": "alone", "language": "ur", "texts": {"ur": text}, "updates": []}, clock.now())
    page, there = client.get("/en/alone/").text, f"{client.application.config['PUBLIC_URL']}/ur/alone/"
    assert tags(page, "link", "hreflang", "href") == {"ur": there, "x-default": there}
    assert tags(page, "link", "rel", "href")["canonical"] == there
    assert f'"@id": "{there}"' in page
    assert all(f'href="/{code}/alone/"' in page.partition("<body")[2] for code in LOCALES), "the interface is there"


@one_database
def test_pages_for_one_person_stand_in_no_index(stack: Stack, client: FlaskClient) -> None:
    """With a token, made up or not; an answer to a form; an error; names of signers. None says where it is."""
    answers = [
        client.get("/en/confirm/made-up"),
        client.get("/en/yours/made-up"),
        client.get("/en/unsubscribe/made-up"),
        client.get("/en/nowhere/"),
        client.post(f"{PAGE}sign", data=SIGNER | {"email": ""}),
        client.get(f"{PAGE}signatures/"),
        client.get(f"{PAGE}sent"),
        client.get(f"{PAGE}text/1/"),
    ]
    for answer in answers:
        assert tags(answer.text, "meta", "name", "content")["robots"] == "noindex"
        assert not re.search(r'canonical|hreflang="x-default"|og:url', answer.text.partition("</head>")[0])


@one_database
def test_each_page_of_a_list_has_a_place_of_its_own(stack: Stack, client: FlaskClient) -> None:
    """Told by its mark, and by nothing else that stands in the query."""
    page = client.get(f"{PAGE}timeline/?before=2024-01-01_1&fbclid=x").text
    assert tags(page, "link", "rel", "href")["canonical"].endswith(f"{PAGE}timeline/?before=2024-01-01_1")


@one_database
def test_machines_read_what_the_page_is_about(stack: Stack, client: FlaskClient) -> None:
    """In schema.org's words; a title that closes the script does not."""
    text = the_campaign().text_in("en")
    text.title = "</script><script>alert(1)</script> & <!--"
    page = client.get(PAGE).text
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    data = json.loads(found[0])
    assert (data["@context"], data["@type"], data["inLanguage"]) == ("https://schema.org", "WebPage", "en")
    assert (data["name"], data["url"]) == (text.title, client.application.config["PUBLIC_URL"] + PAGE)
    assert data["about"] == [{"@type": "Person", "name": "Tariq Example"}]
    assert (data["datePublished"], data["dateModified"][:10]) == ("2024-01-02", f"{text.changed_at:%Y-%m-%d}")
    assert "<script>alert" not in page


@one_database
def test_the_page_shows_its_card_where_it_is_passed_on(stack: Stack, client: FlaskClient) -> None:
    """The picture that Open Graph, X and schema.org name is there, in the page's language, and as large as they say."""
    page = client.get(f"/ur/{SLUG}/").text
    og = tags(page, "meta", "property", "content")
    assert og["og:image"] == client.application.config["PUBLIC_URL"] + f"/ur/{SLUG}/card.png"
    assert f'"image": "{og["og:image"]}"' in page
    assert (og["og:image:alt"], og["og:type"]) == ("رہا کرو", "article")
    assert tags(page, "meta", "name", "content")["twitter:card"] == "summary_large_image"
    with Image.open(BytesIO(client.get(og["og:image"]).data)) as picture:
        assert picture.size == (int(og["og:image:width"]), int(og["og:image:height"]))
    assert f'href="/ur/{SLUG}/poster"' in page


@one_database
def test_the_page_leads_to_the_frame_by_oembed(stack: Stack, client: FlaskClient) -> None:
    """Who pastes its address into a page of theirs gets the frame, in the same language."""
    found = tags(client.get(f"/ur/{SLUG}/").text, "link", "type", "href")["application/json+oembed"]
    frame = re.search(r'<iframe src="([^"]+)"', client.get(found).json["html"])
    assert frame is not None
    assert frame[1] == client.application.config["PUBLIC_URL"] + f"/ur/{SLUG}/embed"
    assert client.get(frame[1]).status_code == HTTPStatus.OK


@one_database
def test_what_is_passed_on_carries_the_words_and_no_mark(stack: Stack, client: FlaskClient) -> None:
    """Title, hashtag and address in each link, as typed, in the page's language; nothing that says who passed it on."""
    page = html.unescape(client.get(f"/ur/{SLUG}/").text)
    url = f"{client.application.config['PUBLIC_URL']}/ur/{SLUG}/"
    links = re.findall(r'href="((?:https://[^"]+(?:text|u)=|mailto:)[^"]+)"', page)
    assert len(links) == 7
    for link in links:
        parts = urlsplit(link)
        said = {name: values[0] for name, values in parse_qs(parts.query or parts.fragment).items()}
        assert url in " ".join(said.values()), link
        assert "u" in said or "رہا کرو #ReleaseTest" in " ".join(said.values()), link
        assert set(said) <= {"text", "url", "u", "subject", "body"}, link
        assert link.count(url) + unquote(link).count(url) == 1, link


def test_territories_are_those_that_networks_know() -> None:
    """As their lists have them; Arabic's is no country."""
    known = {"en": "en_US", "ar": "ar_AR", "es": "es_ES", "fr": "fr_FR", "pt": "pt_BR", "ur": "ur_PK", "tr": "tr_TR"}
    assert {code: og_locale(code) for code in known} == known


# For robots


def test_the_sitemap_holds_what_is_public(stack: Stack, client: FlaskClient) -> None:
    """Each campaign in each of its languages with the others, and when it last changed; no drafts, nothing else."""
    other_campaign("not-open", "draft", "From a draft")
    moment = datetime.now(UTC) + timedelta(days=1)
    retract(tell("Wrong"), "Wrong.", moment)
    answer = client.get("/sitemap.xml")
    assert answer.mimetype == "application/xml"
    space = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}
    urls = ElementTree.fromstring(answer.data).findall("s:url", space)  # noqa: S314 - our own
    base = client.application.config["PUBLIC_URL"]
    places = {url.findtext("s:loc", "", space): url for url in urls}
    pages = [*product(LOCALES, ("", "safety/")), *product(("en", "ur"), (f"{SLUG}/",))]
    assert set(places) == {f"{base}/{code}/{path}" for code, path in pages}
    for place, url in places.items():
        links = {link.get("hreflang"): link.get("href") for link in url.findall("x:link", space)}
        assert set(links) == {*(("en", "ur") if SLUG in place else LOCALES), "x-default"}
        assert place in links.values()
        changed = "" if "/safety/" in place else moment.isoformat(timespec="seconds")
        assert url.findtext("s:lastmod", "", space) == changed


@one_database
def test_robots_are_told_where_they_find_nothing(stack: Stack, client: FlaskClient) -> None:
    """As Python's own robot understands it."""
    answer = client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    robots = RobotFileParser()
    robots.parse(answer.text.splitlines())
    base = client.application.config["PUBLIC_URL"]
    assert robots.site_maps() == [f"{base}/sitemap.xml"]
    for path in ("/console/", "/inbox/", *(f"/{code}/{name}/x" for code in LOCALES for name in ("yours", "confirm"))):
        assert not robots.can_fetch("Robot", base + path), path
    for path in ("/", "/en/", PAGE, FEED_OF_ONE, f"{PAGE}timeline/", "/en/unsubscribed-people/"):
        assert robots.can_fetch("Robot", base + path), path


# The onion address


def onion_of(key: bytes) -> str:
    """The address of an onion service with this public key (Tor's rend-spec-v3, section 6)."""
    checksum = sha3_256(b".onion checksum" + key + b"\x03").digest()[:2]
    return f"http://{b32encode(key + checksum + bytes([3])).decode().lower()}.onion"


ONION = onion_of(bytes(range(32)))
CLEAR = "https://campaign.example"


@pytest.fixture
def torified(stack: Stack) -> Iterator[FlaskClient]:
    """A client of an app with an onion address."""
    app: Flask = create_app(
        Config.read(
            stack.environ | {"CAMPAIGN_ONION_URL": ONION, "CAMPAIGN_PUBLIC_URL": CLEAR, "CAMPAIGN_PAGE_SECONDS": "9"}
        )
    )
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


@one_database
def test_pages_name_their_onion_address_over_https(torified: FlaskClient) -> None:
    """With path and query, kept or not; not on the onion itself, not over http, not on files."""
    for path in (PAGE, PAGE, f"{PAGE}?a=b%20c&d=%D8%B1", "/en/nowhere/%0D%0AX:%20y", "/en/yours/made-up"):
        assert torified.get(path, base_url=CLEAR).headers["Onion-Location"] == ONION + path
        assert "Onion-Location" not in torified.get(path, base_url=ONION).headers
        assert "Onion-Location" not in torified.get(path, base_url="http://campaign.example").headers
    for path in ("/static/style.css", "/robots.txt", FEED_OF_ONE):
        with torified.get(path, base_url=CLEAR) as answer:
            assert "Onion-Location" not in answer.headers, path


@one_database
def test_who_comes_by_tor_stays_there(torified: FlaskClient) -> None:
    """Pages, redirects and forms; what is passed on names the public address. A made-up onion gets nothing."""
    page = torified.get(PAGE, base_url=ONION)
    assert page.status_code == HTTPStatus.OK
    assert tags(page.text, "link", "rel", "href")["canonical"] == CLEAR + PAGE
    assert not re.search(
        r'(?:href|action)="https?://campaign\.example[^"]*"(?! ?hreflang)', page.text.partition("<body")[2]
    )
    for path in ("/", PAGE.rstrip("/"), "/en"):
        answer = torified.get(path, base_url=ONION)
        assert 300 <= answer.status_code < 400
        assert answer.location.startswith("/"), path
    strange = onion_of(b"x" * 32)
    assert torified.get("/en/", base_url=strange).status_code == HTTPStatus.BAD_REQUEST
    typed = torified.post(f"{PAGE}sign", data=SIGNER, base_url=strange, headers={"Origin": strange})
    assert typed.status_code == HTTPStatus.BAD_REQUEST


@one_database
def test_a_form_comes_back_to_the_origin_that_served_it(torified: FlaskClient) -> None:
    """The onion's to the onion, the public one's to the public one; a browser that says more is believed."""
    for host, origin in product((ONION, CLEAR), (ONION, CLEAR, "https://evil.example", "null")):
        answer = torified.post(f"{PAGE}sign", data=SIGNER, base_url=host, headers={"Origin": origin})
        assert (answer.status_code == HTTPStatus.SEE_OTHER) == (host == origin), (host, origin)
        assert answer.status_code in (HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN)
    foreign = {"Origin": ONION, "Sec-Fetch-Site": "cross-site"}
    assert (
        torified.post(f"{PAGE}sign", data=SIGNER, base_url=ONION, headers=foreign).status_code == HTTPStatus.FORBIDDEN
    )
