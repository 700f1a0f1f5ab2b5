"""What other programs read and call: documents, oEmbed, OSDI, and their description."""

import json
import re
import shlex
from collections.abc import Iterator
from contextvars import Context
from html import unescape
from io import BytesIO
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from micawber import Provider, ProviderRegistry
from PIL import Image
from schemathesis import CheckContext, Response
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from campaign import clock
from campaign.campaigns.operations import RESERVED_SLUGS
from campaign.campaigns.queries import campaign_by_slug
from campaign.db import db
from campaign.i18n import LOCALES
from campaign.importing import import_campaign
from campaign.opening import Keyring
from campaign.sealing import binding
from campaign.signing.models import Intake, Signature
from campaign.statements.models import Statement
from campaign.statements.operations import approve
from campaign.web import OPEN_TO_OTHER_SITES
from tests import test_attacks
from tests.osdi_client import HELPER, OsdiClient
from tests.stack import SIGNER, Stack
from tests.test_attacks import FOREIGN, House, whole
from tests.test_state_machine import FACTS
from tests.world import add_photos

house = test_attacks.house
with_settings = test_attacks.with_settings
on_sqlite = test_attacks.on_sqlite

SLUG = "release-test"
DOCUMENT, COUNT, PETITION = f"/{SLUG}.json", f"/{SLUG}/count.json", f"/api/osdi/v1/petitions/{SLUG}"
RECORD = f"{PETITION}/record_signature_helper"
READ = (DOCUMENT, COUNT, "/api/osdi/v1/", "/api/osdi/v1/petitions", PETITION, "/api/openapi.json")
PROBLEM = "application/problem+json"
PERSON: dict[str, Any] = {
    "given_name": "Ada",
    "family_name": "Example",
    "email_addresses": [{"address": "old@example.org"}, {"address": "ada@example.org", "primary": True}],
    "postal_addresses": [{"locality": "Leeds", "country": "GB", "address_lines": ["1 Road"]}],
    "phone_numbers": [{"number": "441234567890"}],
}
ADA = {
    "person": PERSON,
    "comments": "You are not forgotten.",
    "referrer_data": {"source": "Union Newsletter"},
    "action_date": "2024-03-18T11:02:15Z",
}


def record(client: FlaskClient, signature: Any = ADA, path: str = RECORD, **named: Any) -> TestResponse:
    """Send a signature."""
    return client.post(path, json=signature, **named)


def problem(response: TestResponse) -> dict[str, Any]:
    """The problem that an answer tells; raises AssertionError where it is none."""
    said: dict[str, Any] = json.loads(response.text)
    assert response.content_type == PROBLEM
    assert said["status"] == response.status_code
    assert said["title"]
    assert said["detail"]
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return said


# Documents


def test_a_photo_is_where_it_is_said_to_be(house: House) -> None:
    """The widest, as WebP."""
    campaign = campaign_by_slug(SLUG)
    assert campaign is not None
    add_photos(campaign)
    db.session.commit()
    photo = house.get(DOCUMENT).get_json()["people"][0]["photo"]
    assert photo["alt"]["en"] == "Looks into the camera"
    answer = house.get(photo["url"])
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert Image.open(BytesIO(answer.data)).width == 960


def test_a_campaign_is_told_in_all_its_languages(house: House) -> None:
    """Texts, people, demands, targets, updates, sums and links; what is linked is there, where it is ours to answer."""
    house.confirmed()
    house.publish("He was seen", "In the **north**.")
    told = house.get(DOCUMENT).get_json()
    assert (told["slug"], told["state"], told["language"], told["country"]) == (SLUG, "open", "en", "PK")
    assert (told["count"], told["goal"], told["on_paper"]) == (1, 100, 0)
    assert {locale: text["title"] for locale, text in told["texts"].items()} == {
        "en": "Release the test",
        "ur": "رہا کرو",
    }
    assert told["texts"]["en"]["demands"] == ["Set him free."]
    person = told["people"][0]
    assert (person["name"], person["status"]) == ({"en": "Tariq Example"}, "missing")
    assert (person["since"], person["status_since"]) == ("2024-01-02", "2024-01-02")
    assert told["targets"] == [{"kind": "government", "name": {"en": "Government of Testland"}}]
    assert [update["texts"]["en"]["title"] for update in told["updates"]] == ["He was seen", "Taken"]
    assert told["updates"][1]["changes"] == [{"person": 0, "status": "missing"}]
    assert told["endorsements"] == {"organisations": 0, "people": 0, "personal": 0}
    links = told["links"]
    assert set(links["pages"]) == set(links["feeds"]) == set(links["cards"]) == set(links["embeds"]) == set(LOCALES)
    ours = [links["self"], links["count"], links["petition"]]
    ours += [address for kind in ("pages", "feeds", "embeds") for address in links[kind].values()]
    for address in [*ours, *told["updates"][0]["pages"].values()]:
        assert house.get(address).status_code == 200, address
    assert house.get(COUNT).get_json() == {"count": 1, "goal": 100, "on_paper": 0, "state": "open"}


@on_sqlite
def test_nothing_of_anybody_who_signed_is_told(house: House) -> None:
    """Not the name that stands on the page, nor words that were published; and no query looks at signatures."""
    words = "Unheard-of words"
    house.confirmed(
        name="Zaynab Unmistakable", email="zay@example.org", city="Farawayville", affiliation="Guild", statement=words
    )
    house.followed("follower@example.org")
    for statement in db.session.scalars(select(Statement)):
        approve(statement, clock.now())
    db.session.commit()
    assert words in house.get(f"/en/{SLUG}/").text
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *at: asked.append(at[2]))
    everything = [house.get(path) for path in (*READ, f"/oembed?url={own(house.client)}/en/{SLUG}/")]
    assert [answer.status_code for answer in everything] == [200] * len(everything)
    told = "".join(answer.text for answer in everything)
    assert not re.search("Zaynab|Unmistakable|Farawayville|Guild|Unheard-of|zay@|follower@", told)
    assert len(asked) > 10
    assert not [sql for sql in asked if re.search(r"\b(FROM|JOIN) (signatures|readers|statements|intake)\b", sql)]


@on_sqlite
def test_documents_are_kept_in_front_of_flask(stack: Stack, app: Flask, client: FlaskClient) -> None:
    """As pages are: public, revalidated by their ETag, the same for everybody; and any site may read them."""
    app.config["PAGE_SECONDS"] = 60.0
    first = {path: client.get(path) for path in READ}
    app.view_functions.clear()  # nothing behind the cache can answer
    for path, before in first.items():
        again = client.get(
            path, headers={"Accept-Language": "ur", "Cookie": "session=x", "Origin": "https://a.example"}
        )
        assert (again.status_code, again.data, again.headers["ETag"]) == (200, before.data, before.headers["ETag"])
        assert again.headers["Access-Control-Allow-Origin"] == "*"
        assert "stale-if-error=86400" in again.headers["Cache-Control"]
        assert ("Set-Cookie" in again.headers, again.headers["Vary"]) == (False, "Accept-Encoding"), path
        unchanged = client.get(path, headers={"If-None-Match": before.headers["ETag"]})
        assert (unchanged.status_code, unchanged.data) == (304, b"")
        assert unchanged.headers["Access-Control-Allow-Origin"] == "*"


@on_sqlite
def test_what_changed_is_told(house: House) -> None:
    """The count, an update and the end: each is seen in the next document."""
    assert house.get(COUNT).get_json()["count"] == 0
    house.confirmed()
    assert house.get(COUNT).get_json()["count"] == house.get(DOCUMENT).get_json()["count"] == 1
    campaign = campaign_by_slug(SLUG)
    assert campaign is not None
    campaign.state = "won"
    assert house.get(COUNT).get_json()["state"] == "won"
    assert HELPER not in house.get(PETITION).get_json()["_links"]


@on_sqlite
def test_drafts_are_not_there(house: House) -> None:
    """For programs as for people; and as for what never was."""
    campaign = campaign_by_slug(SLUG)
    assert campaign is not None
    campaign.state = "draft"
    never = problem(house.get("/never.json"))
    for path in (DOCUMENT, COUNT, PETITION, f"/oembed?url={own(house.client)}/en/{SLUG}/"):
        assert problem(house.get(path)) == never, path
    assert problem(record(house.client)) == never
    assert house.get("/api/osdi/v1/petitions").get_json()["total_records"] == 0


# oEmbed


def own(client: FlaskClient) -> str:
    """Our public address."""
    return str(client.application.config["PUBLIC_URL"])


def embed(client: FlaskClient, url: str, **asked: object) -> TestResponse:
    """Ask how to embed an address."""
    return client.get("/oembed", query_string={"url": url, **asked})


@on_sqlite
def test_a_frame_speaks_the_language_of_its_address(stack: Stack, client: FlaskClient) -> None:
    """Its title too; a title of the organizers' breaks out of nothing."""
    campaign = campaign_by_slug(SLUG)
    assert campaign is not None
    campaign.texts[0].title = 'Free "Tariq" <now>'
    db.session.commit()
    for page in (f"/en/{SLUG}/", f"/en/{SLUG}", f"/en/{SLUG}/embed", f"/en/{SLUG}/?source=mail#sign"):
        told = embed(client, own(client) + page).get_json()
        assert (told["version"], told["type"], told["title"]) == ("1.0", "rich", 'Free "Tariq" <now>')
        assert f'<iframe src="{own(client)}/en/{SLUG}/embed" width="360" height="560"' in told["html"]
        assert 'title="Free &#34;Tariq&#34; &lt;now&gt;" lang="en"' in told["html"]
        assert told["thumbnail_url"] == f"{own(client)}/en/{SLUG}/card.png"
        assert (told["thumbnail_width"], told["thumbnail_height"]) == (1200, 630)
    discovered = re.search(r'type="application/json\+oembed"\s+href="([^"]+)"', client.get(f"/ur/{SLUG}/").text)
    assert discovered is not None
    urdu = client.get(path_of(unescape(discovered[1]))).get_json()
    assert (urdu["title"], f"/ur/{SLUG}/embed" in urdu["html"]) == ("رہا کرو", True)
    assert 'lang="ur"' in urdu["html"]


@on_sqlite
def test_a_frame_is_no_larger_than_was_asked(stack: Stack, client: FlaskClient) -> None:
    """Nor is the picture: a larger one is left out."""
    told = embed(client, f"{own(client)}/en/{SLUG}/", maxwidth=300, maxheight=9999).get_json()
    assert (told["width"], told["height"]) == (300, 560)
    assert 'width="300" height="560"' in told["html"]
    assert "thumbnail_url" not in told


FOREIGN_PAGES = [
    "https://elsewhere.example/en/release-test/",
    "{own}.elsewhere.example/en/release-test/",
    "{own}@elsewhere.example/en/release-test/",
    "//elsewhere.example/en/release-test/",
    "/en/release-test/",
    "{own}/",
    "{own}/en/",
    "{own}/xx/release-test/",
    "{own}/en/nowhere/",
    "{own}/console/",
    "http://[",
    "",
]


@on_sqlite
def test_what_is_not_ours_is_not_embedded(stack: Stack, client: FlaskClient) -> None:
    """404, as oEmbed says; 501 for XML; what is missing or no number is named."""
    for url in FOREIGN_PAGES:
        assert problem(embed(client, url.replace("{own}", own(client))))["status"] == 404, url
    assert problem(embed(client, f"{own(client)}/en/{SLUG}/", format="xml"))["status"] == 501
    wrong = problem(client.get("/oembed?maxwidth=wide&maxheight=-1"))
    assert wrong["status"] == 422
    assert {fault["parameter"] for fault in wrong["errors"]} == {"url", "maxwidth", "maxheight"}


# OSDI


@pytest.fixture
def served(stack: Stack, app: Flask) -> Iterator[str]:
    """The app behind a real server; its address."""
    server = make_server("127.0.0.1", stack.port, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield stack.url
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_program_finds_a_petition_by_links_and_records_a_signature(served: str, house: House) -> None:
    """Over HTTP: the letter arrives, in the language that was asked for, and confirming counts."""
    osdi = OsdiClient(f"{served}/api/osdi/v1/", "ur")
    petition = osdi.petition("Release the test")
    assert (petition["total_signatures"], petition["browser_url"]) == (0, f"{served}/en/{SLUG}/")
    assert osdi.sign(petition, ADA) == (200, {})
    house.work()
    letter = house.letters("ada@example.org")[0]
    assert "رہا کرو" in letter.subject
    house.post(letter.link("/confirm/"))
    house.work()
    assert osdi.get(petition["_links"]["self"]["href"])["total_signatures"] == 1
    assert osdi.sign(petition, {"person": {}})[0] == 422


@on_sqlite
def test_a_site_that_embeds_shows_a_frame_in_place_of_an_address(served: str) -> None:
    """A known consumer of oEmbed, over HTTP."""
    pages = ProviderRegistry()
    pages.register(rf"{served}/\w\w/\S+", Provider(f"{served}/oembed"))
    shown = pages.parse_html(f"<p>{served}/en/{SLUG}/</p>", maxwidth=320)
    assert re.search(f'<p><iframe [^>]*src="{served}/en/{SLUG}/embed"[^>]* width="320"', shown)
    assert pages.request(f"{served}/en/{SLUG}/")["thumbnail_width"] == 1200


def opened(keys: Keyring) -> list[dict[str, Any]]:
    """What the worker will read."""
    intakes = db.session.scalars(select(Intake).order_by(Intake.received_at)).all()
    return [json.loads(keys.open(row.sealed, binding("intake", row.campaign_id, row.id.bytes))) for row in intakes]


@on_sqlite
def test_what_is_sent_arrives_sealed_and_quiet(house: House, keys: Keyring) -> None:
    """As the form on our page would send it; of what nobody said, the quietest. What OSDI has besides is not kept."""
    assert record(house.client).status_code == 200
    assert b"ada" not in b"".join(db.session.scalars(select(Intake.sealed)))
    typed = opened(keys)[0]
    expected = {
        "kind": "sign", "name": "Ada Example", "email": "ada@example.org", "country": "GB", "city": "Leeds",
        "statement": "You are not forgotten.", "appear": "count", "news": "none", "may_contact": False,
        "source": "union-newsletter", "locale": "en", "affiliation": "", "text_version_id": None, "details": {},
        "delivery_id": None,
    }  # fmt: skip
    assert typed == expected


@on_sqlite
def test_wishes_that_are_said_are_kept(house: House, keys: Keyring) -> None:
    """In the custom fields. The letters' language is the one wished, else the one asked for, else the campaign's."""
    campaign = campaign_by_slug(SLUG)
    assert campaign is not None
    campaign.locale = "ur"
    wishes = {"campaign:appear": "initials", "campaign:news": "status", "campaign:locale": "es", "other": 1}
    record(house.client, ADA | {"person": PERSON | {"custom_fields": wishes}})
    record(house.client, headers={"Accept-Language": "pt-BR"})
    record(house.client)
    chosen = [(typed["appear"], typed["news"], typed["locale"]) for typed in opened(keys)]
    assert chosen == [("initials", "status", "es"), ("count", "none", "pt"), ("count", "none", "ur")]


@on_sqlite
def test_the_answer_never_tells_who_signed_before(house: House) -> None:
    """Each header, each byte and each query is the same; so is the answer to an address that nobody has."""
    house.confirmed()
    answers, queries = [], []
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *at: asked.append(at[2]))
    for address in ("ada@example.org", "ADA+x@example.org", "nobody-yet@example.org"):
        signature = {"person": PERSON | {"email_addresses": [{"address": address}]}}
        asked.clear()
        answers.append(whole(record(house.client, signature)))
        queries.append(list(asked))
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0][0], answers[0][2].strip()) == (200, b"{}")
    assert queries[0] == queries[1] == queries[2]
    assert not [sql for sql in queries[0] if "readers" in sql or "signatures" in sql]
    house.work()
    assert len(db.session.scalars(select(Signature)).all()) == 2


ALL_NEEDED = {"#/person/given_name", "#/person/email_addresses/0/address", "#/person/postal_addresses/0/country"}
LOUD = {"campaign:appear": "loud", "campaign:news": "much"}
UNFIT: list[tuple[Any, set[str]]] = [
    ([], {"#"}),
    ({}, ALL_NEEDED),
    ({"person": None, "comments": None}, ALL_NEEDED),
    ({"person": {"email_addresses": [], "postal_addresses": None}}, ALL_NEEDED),
    ({"person": PERSON | {"email_addresses": [{}, {"primary": True, "address": "no"}]}},
     {"#/person/email_addresses/1/address"}),
    ({"person": PERSON | {"given_name": "\u202e\ud800\x00", "family_name": None}}, {"#/person/given_name"}),
    ({"person": PERSON, "comments": "x" * 2001}, {"#/comments"}),
    ({"person": PERSON, "comments": ["a"]}, {"#/comments"}),
    ({"person": "Ada"}, {"#/person"}),
    ({"person": {"email_addresses": [None, {"address": 1}]}},
     {"#/person/email_addresses/0", "#/person/email_addresses/1/address"}),
    ({"person": {"custom_fields": {"campaign:locale": "xx"}}}, {"#/person/custom_fields/campaign:locale"}),
    ({"person": PERSON | {"custom_fields": LOUD}}, {f"#/person/custom_fields/{name}" for name in LOUD}),
]  # fmt: skip


@on_sqlite
def test_what_cannot_be_taken_is_named(house: House) -> None:
    """422 with the place and a sentence for each fault; nothing is taken in, and nothing that was sent comes back."""
    for signature, pointers in UNFIT:
        said = problem(record(house.client, signature))
        assert said["status"] == 422
        assert {fault["pointer"] for fault in said["errors"]} == pointers
        assert all(len(fault["detail"]) > 10 for fault in said["errors"])
        assert "ada@" not in json.dumps(said)
    assert db.session.scalars(select(Intake)).all() == []


@on_sqlite
def test_what_does_not_arrive_whole_is_refused(house: House) -> None:
    """Not JSON, broken, too large; and a form, which another site's page could send without asking first."""
    sent = json.dumps(ADA)
    for data, content_type, status in (
        (sent[:-5], "application/json", 400),
        (b"\xff", "application/json", 400),
        (sent, "text/plain", 415),
        ("name=Ada", "application/x-www-form-urlencoded", 415),
        (json.dumps(ADA | {"comments": "x" * 70_000}), "application/json", 413),
    ):
        answer = house.client.post(RECORD, data=data, content_type=content_type)
        assert problem(answer)["status"] == status, content_type
    assert db.session.scalars(select(Intake)).all() == []


@on_sqlite
def test_a_closed_petition_says_so(house: House) -> None:
    """Won or ended."""
    campaign = campaign_by_slug(SLUG)
    assert campaign is not None
    for state in ("won", "ended"):
        campaign.state = state
        said = problem(record(house.client))
        assert (said["status"], said["detail"]) == (409, "This campaign takes no signatures any more.")


@on_sqlite
def test_the_limits_of_the_form_are_its_limits(stack: Stack, with_settings: Any) -> None:
    """One bucket for both; the answer says when to come again."""
    client = with_settings(LIMIT_PER_CLIENT="2 per hour")
    assert client.post(f"/en/{SLUG}/sign", data=SIGNER).status_code == 303
    assert record(client).status_code == 200
    refused = record(client)
    assert problem(refused)["status"] == 429
    assert int(refused.headers["Retry-After"]) > 0


@on_sqlite
def test_petitions_come_by_pages(stack: Stack, client: FlaskClient) -> None:
    """Links lead through all of them and back; each says what it is addressed to and asks for."""
    for number in range(4):
        import_campaign(FACTS | {"slug": f"campaign-{number}"}, clock.now())
    db.session.commit()
    first = client.get("/api/osdi/v1/petitions?per_page=2").get_json()
    assert (first["total_pages"], first["total_records"], first["page"]) == (3, 5, 1)
    seen, page = [], first
    while True:
        seen += [petition["name"] for petition in page["_embedded"]["osdi:petitions"]]
        assert len(page["_links"]["osdi:petitions"]) == len(page["_embedded"]["osdi:petitions"])
        if "next" not in page["_links"]:
            break
        page = client.get(page["_links"]["next"]["href"]).get_json()
    assert sorted(seen) == sorted({*seen}) == sorted([SLUG, *(f"campaign-{number}" for number in range(4))])
    assert "previous" in page["_links"]
    told = client.get(PETITION).get_json()
    assert (told["petition_text"], told["target"]) == ("Set him free.", [{"name": "Government of Testland"}])
    assert told["description"].startswith("<p>Nobody says")
    for asked in ("page=0", "page=x", "per_page=26", "page=1e9", "per_page="):
        assert problem(client.get(f"/api/osdi/v1/petitions?{asked}"))["status"] == 422, asked
    assert client.get("/api/osdi/v1/petitions?page=9999").get_json()["_embedded"] == {"osdi:petitions": []}


# Other sites


@on_sqlite
def test_pages_of_other_sites_may_record_a_signature(house: House) -> None:
    """The browser asks first, and is told that it may; without cookies."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for headers in FOREIGN:
        sent = {name: value.replace("{own}", own(house.client)) for name, value in headers.items()}
        told = house.client.options(RECORD, headers=sent | asked).headers
        assert (told["Access-Control-Allow-Origin"], told["Access-Control-Allow-Methods"]) == ("*", "POST")
        assert told["Access-Control-Allow-Headers"] == "Content-Type"
        answer = record(house.client, headers=sent)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert not {"Set-Cookie", "Access-Control-Allow-Credentials"} & {*answer.headers.keys(), *told.keys()}


@on_sqlite
def test_they_may_send_nothing_else(stack: Stack, app: Flask, client: FlaskClient) -> None:
    """Every other address that takes a POST refuses it, whatever stands behind; and tells no browser that it may."""
    assert {"osdi.record_signature"} == OPEN_TO_OTHER_SITES
    paths = [path for endpoint, path in posts(app) if endpoint not in OPEN_TO_OTHER_SITES]
    assert len(paths) > 60
    for path in [*paths, "/nowhere", "/oembed", DOCUMENT, PETITION]:
        answer = client.post(path, json=ADA, headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://a.example"})
        assert answer.status_code == 403, path
        assert "Access-Control-Allow-Methods" not in client.options(path).headers
    assert "Access-Control-Allow-Origin" not in client.get(f"/en/{SLUG}/").headers


def posts(app: Flask) -> list[tuple[str, str]]:
    """(endpoint, path) of everything that takes a POST, with made-up values."""
    fitting = {"IntegerConverter": 1, "UUIDConverter": UUID(int=0), "LocaleConverter": "en"}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        return [
            (
                rule.endpoint,
                adapter.build(
                    rule.endpoint,
                    {name: fitting.get(type(kind).__name__, "x") for name, kind in rule._converters.items()},
                    "POST",
                ),
            )
            for rule in app.url_map.iter_rules()
            if "POST" in (rule.methods or ())
        ]


# Problems


def database_away(slug: str) -> str:
    """A view that waits for a database in vain."""
    raise OperationalError("SELECT secret", {}, Exception("no route to host"))


@on_sqlite
def test_problems_speak_the_language_that_is_asked_for(stack: Stack, app: Flask, client: FlaskClient) -> None:
    """Whatever goes wrong, known address or not; people get pages as before."""
    app.testing = False
    app.view_functions |= {"api.count": lambda slug: 1 / 0, "osdi.petition": database_away}
    for ask, status in (
        (lambda headers: client.get("/never.json", headers=headers), 404),
        (lambda headers: client.get("/api/nowhere", headers=headers), 404),
        (lambda headers: client.put(PETITION, headers=headers), 405),
        (lambda headers: client.delete("/oembed", headers=headers), 405),
        (lambda headers: record(client, {}, headers=headers), 422),
        (lambda headers: client.get(COUNT, headers=headers), 500),
    ):
        answers = [ask({"Accept-Language": language}) for language in ("en", "es", "ur-PK")]
        details = {problem(answer)["detail"] for answer in answers}
        assert [answer.status_code for answer in answers] == [status] * 3
        assert len(details) == 3, status
        assert [answer.headers["Content-Language"] for answer in answers] == ["en", "es", "ur"]
        assert answers[0].headers["Vary"] == "Accept-Language"
        assert not re.search(r"Traceback|ZeroDivision|Werkzeug", "".join(answer.text for answer in answers))
        assert (status != 405) or "GET" in answers[0].headers["Allow"]
    away = client.get(PETITION)
    assert (problem(away)["status"], "SELECT" in away.text) == (503, False)
    assert int(away.headers["Retry-After"]) > 0
    page = client.get("/en/nowhere/")
    assert (page.status_code, page.mimetype) == (404, "text/html")


# The description


def described(client: FlaskClient) -> dict[str, Any]:
    """The OpenAPI description."""
    found: dict[str, Any] = client.get("/api/openapi.json").get_json()
    return found


@on_sqlite
def test_all_that_programs_may_call_is_described(stack: Stack, app: Flask, client: FlaskClient) -> None:
    """No more and no less; nothing of it comes from elsewhere."""
    found = described(client)
    paths = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(("api.", "osdi."))
    }
    assert found["openapi"] == "3.1.0"
    assert set(found["paths"]) == paths
    assert found["servers"] == [{"url": own(client)}]
    assert not [rule.rule for rule in app.url_map.iter_rules() if re.search("swagger|redoc|rapidoc", rule.endpoint)]


@on_sqlite
def test_the_page_shows_the_description(stack: Stack, client: FlaskClient) -> None:
    """In each language: every operation with its parameters, fields and answers; and each example can be tried."""
    paths = described(client)["paths"]
    for locale in LOCALES:
        page = client.get(f"/{locale}/api/")
        assert (page.status_code, page.cache_control.public) == (200, True)
        shown = set(re.findall(r"<code>([^<]+)</code>", page.text))
        assert shown >= {*paths, "slug", "url", "per_page", "people[].status", "person.custom_fields.campaign:appear"}
        assert "409 Conflict" in page.text
        assert f'href="/{locale}/api/"' in client.get(f"/{locale}/{SLUG}/").text
    examples = re.findall(r'<pre class="plaintext">(.*?)</pre>', page.text, re.DOTALL)
    assert len(examples) == sum(len(methods.keys() - {"parameters"}) for methods in paths.values())
    for _curl, *options, address in (shlex.split(unescape(example)) for example in examples):
        path = path_of(address)
        answer = record(client, json.loads(options[1]), path) if options else client.get(path)
        assert answer.status_code == 200, address


def path_of(address: str) -> str:
    """The path and the query of an address."""
    return address.removeprefix("{0.scheme}://{0.netloc}".format(urlsplit(address)))


@on_sqlite
def test_no_campaign_takes_an_address_of_ours(app: Flask) -> None:
    """What stands first in an address of ours is reserved, unless no slug can look like it."""
    first = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules() if rule.rule != "/"}
    words = {word for word in first if "<" not in word and "." not in word}
    assert not words - RESERVED_SLUGS


def no_fault_of_ours(context: CheckContext, response: Response, case: schemathesis.Case) -> bool | None:
    """No server error; but oEmbed wants a 501 for formats that are not there."""
    return None if response.status_code == 501 else not_a_server_error(context, response, case)


CHECKS = [
    no_fault_of_ours,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # the stricter of the two
def test_whatever_the_description_allows_is_answered_as_it_says(stack: Stack, app: Flask) -> None:
    """Schemathesis asks, in this process, of a campaign that is there and of some that are not."""
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    for found in schema.get_all_operations():
        operation = found.ok()
        here = {"slug": SLUG} if "{slug}" in operation.path else {}
        cases = [operation.as_strategy(path_parameters=here), operation.as_strategy()]
        if operation.body or operation.query:
            cases.append(operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=here))

        @seed(20240102)
        @settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=st.one_of(cases))
        def ask(case: schemathesis.Case) -> None:
            Context().run(case.call_and_validate, checks=CHECKS, headers={"Accept-Encoding": "identity"})

        ask()
