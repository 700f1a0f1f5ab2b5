"""Signatures in the console: where people came from, counts and charts, search that forgets what was searched."""

from collections.abc import Iterator
from datetime import timedelta
from xml.etree import ElementTree

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from campaign import clock
from campaign.db import db
from campaign.kept import MANY, kept
from campaign.links import YOURS, link_signer
from campaign.opening import Keyring
from campaign.organizers.models import AuditEntry, Errand, Role
from campaign.signing.counting.charts import bars_by_day, bars_by_name
from campaign.signing.counting.queries import MOST, OTHERS, statistics
from campaign.signing.counting.tasks import count_signatures
from campaign.signing.forms import clean_source
from campaign.signing.models import Signature
from campaign.signing.paper.models import PaperBatch
from campaign.signing.queries import named
from tests.organizers_in import Organizers, token_in
from tests.servers import SmtpSink
from tests.signers_in import Work, settle, signs, the_campaign, working
from tests.stack import SIGNER, Stack

pytestmark = pytest.mark.usefixtures("app", "stack")

ADDRESS = "sought@hidden.example"
only_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def work(app: Flask, installation: Stack) -> Iterator[Work]:
    """The worker in this process."""
    with working(app, installation) as work:
        yield work


def root() -> str:
    """Where the signatures of the campaign are."""
    return f"/console/{the_campaign().id}/signatures"


# Sources and consent


@only_sqlite
def test_source_and_consent(client: FlaskClient, work: Work) -> None:
    """The link's source travels through the cached page and the sealed request; contact only where it was ticked."""
    page = client.get("/en/release-test/?utm_source=Union%20News%3C%22").get_data(as_text=True)
    assert 'name="source" type="hidden" value="union-news"' in page
    assert 'name="source"' not in client.get("/en/release-test/").get_data(as_text=True)
    assert " checked" not in page.partition('name="may_contact"')[2].partition(">")[0]
    client.post("/en/release-test/sign", data=SIGNER | {"source": "Union News", "may_contact": "y"})
    client.post("/en/release-test/sign", data=SIGNER | {"email": "b@example.org"})
    work("intake")
    found = db.session.query(Signature.source, Signature.may_contact).order_by(Signature.id).all()
    assert [tuple(row) for row in found] == [("union-news", True), (None, False)]


def test_clean_sources() -> None:
    """Few characters, lower case, never long."""
    assert clean_source("Face Book/2026") == "face-book-2026"
    assert clean_source("<script>") == "script"
    assert clean_source("ا") == ""
    assert len(clean_source("a" * 500)) == 40


@only_sqlite
def test_consent_can_be_changed(keys: Keyring, client: FlaskClient) -> None:
    """On "yours", both ways."""
    number = signs(keys, "ada@example.org", name="Ada")
    yours = f"/en/yours/{link_signer().sign(YOURS, db.session.get_one(Signature, number).reader.handle)}"
    for typed, expected in (({"may_contact": "y"}, True), ({}, False)):
        client.post(yours, data={"appear": "name", "news": "all", "action": "save", **typed})
        db.session.expire_all()
        assert db.session.get_one(Signature, number).may_contact is expected


# Counts


def test_counted_by_the_worker(keys: Keyring, organizers: Organizers) -> None:
    """Asked for, counted, shown with its charts; counted again only when a minute is over and something changed."""
    console = organizers.as_role(Role.MODERATOR, the_campaign().id)
    assert "being counted" in console.get(f"{root()}/").get_data(as_text=True)
    assert console.get(f"{root()}/chart/day.svg").status_code == 404
    with time_machine.travel(clock.now() - timedelta(minutes=3)):
        signs(keys, "a@example.org", name="A", country="PK", source="rally", locale="ur")
        signs(keys, "b@example.org", name="B", confirms=False)
        settle(keys)
        count_signatures()
    first = statistics(the_campaign().id)
    assert first is not None
    assert first.breakdowns["country"] == {"PK": 1}
    assert first.breakdowns["source"] == {"rally": 1}
    assert first.breakdowns["state"] == {"pending": 1, "confirmed": 1, "invalidated": 0, "withdrawn": 0}
    page = console.get(f"{root()}/").get_data(as_text=True)
    assert "Pakistan" in page
    assert "اردو" in page
    for name in ("day", "country", "language", "source", "state"):
        picture = console.get(f"{root()}/chart/{name}.svg")
        assert picture.mimetype == "image/svg+xml"
    signs(keys, "c@example.org", name="C", country="DE")
    settle(keys)
    count_signatures()
    counted = statistics(the_campaign().id)
    assert counted is not None
    assert counted.breakdowns["country"] == {"DE": 1, "PK": 1}
    at = counted.counted_at
    signs(keys, "d@example.org", name="D", country="FR")
    count_signatures()
    db.session.expire_all()
    assert counted.counted_at == at
    db.session.commit()


@only_sqlite
def test_many_sources(keys: Keyring) -> None:
    """Whoever makes up sources makes no endless page."""
    for number in range(MOST + 5):
        signs(keys, f"s{number}@example.org", name="S", source=f"s{number}")
    count_signatures()
    counted = statistics(the_campaign().id)
    assert counted is not None
    assert len(counted.breakdowns["source"]) == MOST + 1
    assert counted.breakdowns["source"][OTHERS] == 5


@only_sqlite
def test_the_page_counts_nothing(keys: Keyring, organizers: Organizers) -> None:
    """No statement of the overview reads the table of signatures."""
    count_signatures()
    console = organizers.as_role(Role.OWNER, the_campaign().id)
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert console.get(f"{root()}/").status_code == 200
    assert asked
    assert not [statement for statement in asked if "FROM signatures" in statement]


def test_charts_are_pictures() -> None:
    """Well-formed, without scripts, without an address to ask, whatever the names."""
    names = {'<b>"&': 3, "پاکستان": 1}
    for picture in (bars_by_name(names, "t"), bars_by_name({}, "t"), bars_by_day({"2026-01-01": 0}, "t")):
        elements = ElementTree.fromstring(picture).iter()  # noqa: S314 - our own
        tags = {str(element.tag).rpartition("}")[2] for element in elements}
        assert "rect" in tags
        assert not tags & {"script", "image", "use", "foreignObject"}
        assert b"href" not in picture
        assert b"url(" not in picture


# Search


def search(console: FlaskClient, **typed: str):  # type: ignore[no-untyped-def]
    """Send the form of the search page."""
    token = token_in(console.get(f"{root()}/search/").get_data(as_text=True))
    return console.post(f"{root()}/search/", data={"csrf_token": token, **typed})


def test_by_name(keys: Keyring, organizers: Organizers) -> None:
    """Names that are shown, whatever their case; not those who only count, and no wildcard."""
    signs(keys, "a@example.org", name="Rosa Firma")
    signs(keys, "b@example.org", name="Rosa Hidden", appear="count")
    settle(keys)
    console = organizers.as_role(Role.MODERATOR, the_campaign().id)
    page = search(console, by="name", name="rOSA").get_data(as_text=True)
    assert "Rosa Firma" in page
    assert "Rosa Hidden" not in page
    assert "No such name is shown" in search(console, by="name", name="%").get_data(as_text=True)
    assert search(console, by="name", name=" ").status_code == 422


@only_sqlite
def test_search_in_steps(keys: Keyring, organizers: Organizers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search looks at so many names, says so, and goes on where it stopped; each name is looked at once."""
    monkeypatch.setattr("campaign.signing.queries.LOOKED_AT", 2)
    for number, name in enumerate(("Rosa", "Ada", "Bo")):
        signs(keys, f"{number}@example.org", name=name)
    settle(keys)
    first = named(the_campaign().id, "rosa", None)
    assert (list(first.signatures), first.is_partial) == ([], True)
    rest = named(the_campaign().id, "rosa", first.end)
    assert ([one.public_name for one in rest.signatures], rest.is_partial, rest.end) == (["Rosa"], False, None)
    console = organizers.as_role(Role.MODERATOR, the_campaign().id)
    page = search(console, by="name", name="rosa").get_data(as_text=True)
    assert "Not among these names" in page
    assert "More names" in page


@only_sqlite
def test_many_are_kept(app: Flask) -> None:
    """A count of very many rows is kept for some seconds, one of few is not."""
    counts = iter(range(9))
    for rows, expected in ((MANY - 1, [0, 1]), (MANY, [2, 2])):
        seen = [kept(("test", rows), lambda: next(counts), lambda _count, rows=rows: rows) for _time in range(2)]
        assert seen == expected


def test_by_address(
    keys: Keyring, stack: Stack, organizers: Organizers, work: Work, sink: SmtpSink, capfd: pytest.CaptureFixture[str]
) -> None:
    """State and nothing else; the letter once more; the address in no page, no address of a page, no row, no log."""
    console = organizers.as_role(Role.EDITOR, the_campaign().id)
    answers = [search(console, by="address", address=ADDRESS)]
    for _time in range(2):
        work()
        answers.append(console.get(answers[0].location))
        signs(keys, ADDRESS, confirms=False, name="Sought", appear="count")
        work("letters")
        answers.append(search(console, by="address", address=ADDRESS))
        shown = answers[-1].location
        work()
        answers.append(console.get(shown))
    assert "no signature with this address" in answers[1].get_data(as_text=True)
    assert "waits for confirmation since" in answers[-1].get_data(as_text=True)
    token = token_in(answers[-1].get_data(as_text=True))
    for _time in range(9):
        answers.append(console.post(f"{shown}resend", data={"csrf_token": token}))
        work()
    answers.append(console.get(shown))
    assert "if the address may be written to today" in answers[-1].get_data(as_text=True)
    assert len(sink.letters) == 5
    answers.append(search(console, by="address", address=f"{ADDRESS}@@"))
    assert answers[-1].status_code == 422
    for answer in answers:
        assert "hidden.example" not in answer.get_data(as_text=True) + (answer.location or "")
    acts = [(entry.act, entry.details) for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    assert ("signatures.searched", {"kind": "address"}) in acts
    assert [act for act, _details in acts].count("signatures.confirmation_resent") == 9
    assert_nowhere("hidden.example", "Sought")
    assert "hidden.example" not in stack.all_output + "".join(capfd.readouterr())


def assert_nowhere(*words: str) -> None:
    """These words stand in no row of any table, in clear or inside a file."""
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(table.select()):
            held = " ".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row)
            assert not any(word in held for word in words), table.name


@only_sqlite
def test_states_that_are_found(keys: Keyring, organizers: Organizers, work: Work) -> None:
    """Confirmed and invalidated; no letter is offered then, nor sent if asked for all the same."""
    number = signs(keys, ADDRESS, name="Sought")
    console = organizers.as_role(Role.OWNER, the_campaign().id)
    for state, words in (("confirmed", "It was confirmed on"), ("invalidated", "It was invalidated")):
        if state == "invalidated":
            db.session.get_one(Signature, number).invalidate("Because.")
        shown = search(console, by="address", address=ADDRESS.upper()).location
        work()
        page = console.get(shown).get_data(as_text=True)
        assert words in page
        assert "resend" not in page
    token = token_in(console.get(f"{root()}/search/").get_data(as_text=True))
    assert console.post(f"{shown}resend", data={"csrf_token": token}).status_code == 404


@only_sqlite
def test_only_ones_own_search(organizers: Organizers) -> None:
    """Neither another organizer nor another campaign sees an answer; a signed-out search carries no address on."""
    first = organizers.as_role(Role.OWNER, the_campaign().id)
    shown = search(first, by="address", address=ADDRESS).location
    second = organizers.as_role(Role.EDITOR, the_campaign().id)
    token = token_in(second.get(f"{root()}/search/").get_data(as_text=True))
    assert second.get(shown).status_code == 404
    assert second.post(f"{shown}resend", data={"csrf_token": token}).status_code == 404
    assert organizers.as_role(Role.TRANSLATOR, the_campaign().id).get(f"{root()}/search/").status_code == 403
    late = organizers.app.test_client().post(f"{root()}/search/", data={"by": "address", "address": ADDRESS})
    assert late.status_code in (302, 403)
    assert ADDRESS not in late.get_data(as_text=True)
    assert db.session.query(Errand).count() == 1


# The ledger for everybody


@only_sqlite
def test_ledger_page(keys: Keyring, client: FlaskClient) -> None:
    """Linked from the names; says what was added and taken back, and what is on paper, in each language."""
    signs(keys, "a@example.org", name="A")
    settle(keys)
    db.session.add(
        PaperBatch(
            campaign_id=the_campaign().id, by="Sana", at=clock.now(), headers=[], on_paper=1240,
            by_country={"PK": 1240}, imported_at=clock.now(),
        )
    )  # fmt: skip
    db.session.commit()
    assert "/en/release-test/ledger/" in client.get("/en/release-test/signatures/").get_data(as_text=True)
    for locale in ("en", "es", "ur"):
        page = client.get(f"/{locale}/release-test/ledger/").get_data(as_text=True)
        assert "<strong>1</strong>" in page or "<strong>۱</strong>" in page
    assert "and 1,240 on paper" in client.get("/en/release-test/").get_data(as_text=True)
