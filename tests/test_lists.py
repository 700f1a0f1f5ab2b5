"""What stands behind the campaign page: names and words by pages and filters, countries, what is chosen, and safety."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from html import unescape
from itertools import count
from urllib.parse import quote

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.campaigns.operations import RESERVED_SLUGS
from campaign.config import Config
from campaign.db import db, is_sqlite
from campaign.i18n import LOCALES
from campaign.importing import import_campaign
from campaign.ledger.models import Change
from campaign.ledger.operations import owe
from campaign.ledger.tasks import append_entries
from campaign.mailing.models import Reader
from campaign.organizers.models import AuditEntry, Role
from campaign.signing.counting.models import SignatureStatistics
from campaign.signing.counting.queries import COUNTED_A_SECOND, FEWEST, changed_campaigns, publicly, statistics
from campaign.signing.counting.tasks import count_changes, count_signatures
from campaign.signing.models import LONGEST_KEY, Signature, new_secret, organisation_key
from campaign.signing.queries import Wanted, listed_signatures
from campaign.statements.models import Act, Statement
from campaign.statements.operations import Moderator, NotToBeDecided, Verdict, choose, decide, propose
from campaign.statements.queries import Backers, Order, published_statements
from campaign.worker import Worker
from tests.organizers_in import Organizers, token_in
from tests.stack import Stack
from tests.test_state_machine import FACTS

OK, SEE_OTHER, FORBIDDEN, NOT_FOUND = 200, 303, 403, 404
START = datetime.fromisoformat("2024-01-02T12:00:00+00:00")
NOBODY = "No names to show for this choice."
UNION = "Postal Workers’ Union"

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    """A campaign."""
    made = import_campaign(FACTS | {"slug": "listed"}, clock.now())
    db.session.commit()
    return made


PAGE = 8
"""So many stand on a page here."""


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer signers make a second page."""
    for name in ("campaign.signing.lists.PAGE", "campaign.statements.views.PAGE"):
        monkeypatch.setattr(name, PAGE)


class Crowd:
    """Signers of a campaign, one after the other."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.numbers = count(1)

    def sign(self, country: str = "GB", of: str | None = None, appear: str = "name", **more: object) -> Signature:
        """Somebody signs and confirms, a second after the last one; the worker has shown what they chose to show."""
        number, (secret, commitment) = next(self.numbers), new_secret()
        at = START + timedelta(seconds=number)
        shared = {"campaign_id": self.campaign.id, "locale": "en", "news": "all", "confirmed_at": at}
        reader = Reader(sealed_address=b"x", fingerprint=secret, created_at=at, **shared)
        made = Signature(
            reader=reader, appear=appear, country=country, sealed=b"x", secret=secret, commitment=commitment,
            signed_at=at, **({"state": "confirmed"} | shared | more),
        )  # fmt: skip
        made.unveil(f"Signer {number}", "Leeds", of)
        if more.get("state") == "pending":
            made.public_name = made.city = made.affiliation = made.organisation_key = None
        db.session.add(made)
        db.session.flush()
        if made.is_confirmed:
            owe(self.campaign.id, Change.ADDED, commitment)
        return made

    def say(self, body: str, *, is_published: bool = True, **of: object) -> Statement:
        """Somebody signs and says something."""
        words = propose(self.sign(**of), body, START)  # type: ignore[arg-type]
        if is_published:
            decide(words, Verdict(Act.PUBLISHED), Moderator(None, START + timedelta(seconds=next(self.numbers))))
        return words

    def counted(self) -> None:
        """The ledger is written, and the worker has counted."""
        db.session.commit()
        append_entries()
        count_signatures()


@pytest.fixture
def crowd(campaign: Campaign) -> Crowd:
    """Those who sign it."""
    return Crowd(campaign)


class Reading:
    """Somebody who reads the pages behind a campaign's page."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def page(self, path: str, locale: str = "en") -> str:
        """A page of the campaign."""
        answer = self.client.get(f"/{locale}/listed/{path}")
        assert answer.status_code == OK, f"{path}: {answer.status}"
        return answer.text

    def through(self, path: str, pattern: str) -> list[list[str]]:
        """What fits the pattern on a page, and on all those that follow."""
        found = []
        page = self.page(path)
        while True:
            found.append(re.findall(pattern, page))
            following = re.search(r'rel="next"\s+href="([^"]+)"', page)
            if following is None:
                return found
            page = self.client.get(unescape(following[1])).text

    def names(self, query: str = "") -> list[list[str]]:
        """The names, page by page."""
        return self.through(f"signatures/{query}", r"<bdi>(Signer \d+|S\. \d+\.?)</bdi>")

    def words(self, query: str = "") -> list[list[str]]:
        """The words, page by page."""
        return self.through(f"statements/{query}", r"<p><bdi>([^<]+)</bdi></p>")

    def choices(self, path: str) -> list[str]:
        """The countries that a list can be read by."""
        chosen = re.search(r'<select id="country".*?</select>', self.page(path), re.DOTALL)
        return re.findall(r'value="(\w+)"', chosen[0]) if chosen else []


@pytest.fixture
def reading(client: FlaskClient) -> Reading:
    """A visitor."""
    return Reading(client)


def flat(pages: list[list[str]]) -> list[str]:
    """What is on all pages."""
    return [one for page in pages for one in page]


# Names


def test_names_by_country_and_organisation(crowd: Crowd, reading: Reading) -> None:
    """Alone and together, through pages; the form keeps what was asked; whoever is only counted is found nowhere."""
    for number in range(4 * PAGE):
        crowd.sign("PK" if number % 2 else "GB", UNION if number % 3 else None)
    crowd.sign("PK", UNION, appear="count")
    crowd.sign("PK", UNION, state="invalidated").choose_appearance("name")  # type: ignore[arg-type]
    crowd.sign("PK", UNION, state="pending")
    crowd.counted()
    shown = {
        "": range(4 * PAGE),
        "?country=PK": range(1, 4 * PAGE, 2),
        f"?organisation={quote(UNION)}": [n for n in range(4 * PAGE) if n % 3],
        f"?country=pk&organisation={quote('postal workers union')}": [n for n in range(1, 4 * PAGE, 2) if n % 3],
    }
    for query, numbers in shown.items():
        pages = reading.names(query)
        assert flat(pages) == [f"Signer {n + 1}" for n in reversed(numbers)], query
        assert {len(page) for page in pages[:-1]} == {PAGE}, query
        assert 0 < len(pages[-1]) <= PAGE, query
    assert reading.choices("signatures/") == ["PK", "GB"]
    asked = reading.page(f"signatures/?country=PK&organisation={quote(UNION)}")
    assert '<option value="PK" selected>' in asked
    assert f'value="{UNION}"' in asked
    assert "organisation=Postal+Workers" in reading.page("signatures/")


NOTHING = ("?country=%00", "?organisation=%00%00", "?country=&organisation=", "?country=%20")
NONSENSE = (
    "?country=ZZ", "?country='", "?country=" + "P" * 5000, "?country=BY&before=2024-01-02T00:00:00_1", "?country=EU",
)  # fmt: skip
NO_ORGANISATION = ("?organisation=!!!", "?organisation=" + quote("\ufdfa" * 500), "?organisation=nobody")


def test_nonsense_is_a_page(crowd: Crowd, reading: Reading) -> None:
    """With a kind sentence and the way back to all; a mark that somebody made up begins at the beginning."""
    crowd.say("Words", country="PK", of=UNION)
    db.session.commit()
    for query in (*NONSENSE, *NO_ORGANISATION):
        page = reading.page(f"signatures/{query}")
        assert NOBODY in page, query
        assert '<a class="more" href="/en/listed/signatures/">All names</a>' in page
        assert "Signer" not in page
    for query in NONSENSE:
        assert "Nothing to show for this choice." in reading.page(f"statements/{query}")
    for query in NOTHING:
        assert "Signer 1" in reading.page(f"signatures/{query}"), query
    assert reading.names("?before=made-up_1") == [["Signer 1"]]
    for mark in ("made-up_1", "chosen_made-up_1", "chosen_", "chosen_chosen_2024-01-01_1", "%00"):
        assert reading.words(f"?before={mark}") == [["Words"]], mark


@one_database
def test_no_names_yet(campaign: Campaign, reading: Reading) -> None:
    """No form where there is nothing to look for."""
    for path, sentence in (("signatures/", "No names to show yet."), ("statements/", "Nobody has written yet."),
                           ("countries/", "Nobody has signed yet."),
                           ("endorsements/", "No organisation has endorsed this yet.")):  # fmt: skip
        page = reading.page(path)
        assert sentence in page
        assert 'name="country"' not in page


def test_how_an_organisation_is_looked_for() -> None:
    """Capitals, punctuation, white space and forms of letters do not matter; the key fits into an index."""
    for one, other in (
        (UNION, "POSTAL  WORKERS' UNION."), ("ﻋﻤﺎﻝ", "عمال"), ("GEW – Köln", "gew köln"), ("مزدور", " مزدور!"),
    ):  # fmt: skip
        assert organisation_key(one) == organisation_key(other)
    assert organisation_key("Ｕｎｉｏｎ") == "union"
    assert organisation_key("!!! …") is None
    assert organisation_key(UNION) != organisation_key("Postal Union")
    assert len(organisation_key("\ufdfa" * 120) or "") == LONGEST_KEY


def test_what_is_no_longer_shown_is_no_longer_found(crowd: Crowd, reading: Reading) -> None:
    """Whoever appears otherwise is in no list from then on, and the database keeps no key of the organisation."""
    signature = crowd.sign("PK", UNION)
    assert reading.names(f"?organisation={quote(UNION)}") == [["Signer 1"]]
    signature = db.session.get_one(Signature, signature.id)
    signature.choose_appearance("initials")  # type: ignore[arg-type]
    assert signature.organisation_key is None
    assert reading.names(f"?organisation={quote(UNION)}") == [[]]
    signature.unveil("Signer 1", "Leeds", UNION)
    db.session.commit()
    assert (signature.public_name, signature.organisation_key) == ("S. 1.", None)


@contextmanager
def explained() -> Iterator[list[str]]:
    """How the database goes about the SELECTs that are asked meanwhile, as it plans for large tables."""
    plans: list[str] = []

    def explain(connection, cursor, statement: str, parameters, *_rest) -> None:  # type: ignore[no-untyped-def]
        if statement.startswith("SELECT") and ("FROM signatures" in statement or "FROM statements" in statement):
            own = connection.connection.cursor()
            own.execute(f"EXPLAIN {'QUERY PLAN ' if is_sqlite() else ''}{statement}", parameters)
            plans.append("\n".join(str(row[-1]) for row in own.fetchall()))

    if not is_sqlite():
        db.session.execute(text("SET enable_seqscan = off"))
        db.session.execute(text("SET enable_sort = off"))
    event.listen(db.engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(db.engine, "before_cursor_execute", explain)


AFTER = START, 7


def test_each_list_is_read_through_its_index(crowd: Crowd) -> None:
    """In the order of the index, so that nothing is sorted or counted; the first page and those after it."""
    crowd.say("Hello", country="PK", of=UNION)
    db.session.commit()
    for before in (None, AFTER):
        for index, read in lists_of(crowd.campaign.id, before).items():
            with explained() as plans:
                read()
            (plan,) = plans
            assert re.findall(r"ix_\w+", plan)[0] == index, plan
            assert not re.search(r"TEMP B-TREE|Sort|Seq Scan|SCAN \w+$", plan, re.MULTILINE), plan


def lists_of(number: int, before: tuple[datetime, int] | None) -> dict[str, Callable[[], object]]:
    """Each way to read a list, by the index that it is read through."""
    key = organisation_key(UNION)
    place = before and (True, *before)
    return {
        "ix_signatures_listed": lambda: listed_signatures(number, before),
        "ix_signatures_listed_country": lambda: listed_signatures(number, before, Wanted("PK")),
        "ix_signatures_listed_of": lambda: listed_signatures(number, before, Wanted(None, key)),
        "ix_signatures_listed_of_country": lambda: listed_signatures(number, before, Wanted("PK", key)),
        "ix_statements_published": lambda: published_statements(number, 30, place),
        "ix_statements_chosen": lambda: published_statements(number, 30, place, Order.CHOSEN),
        "ix_statements_country": lambda: published_statements(number, 30, place, country="PK"),
        "ix_statements_country_chosen": lambda: published_statements(number, 30, place, Order.CHOSEN, "PK"),
    }


# Words


def test_words_chosen_first_and_newest(crowd: Crowd, reading: Reading) -> None:
    """Through pages, also those of one moment; those of a country only where their signers show where they are from."""
    words = [crowd.say(f"Words {n}", country="PK" if n % 2 else "GB") for n in range(2 * PAGE)]
    for one in words:
        one.published_at = START  # all at once
    for n in (2, 5, 8):
        choose(words[n], is_chosen=True)
    crowd.say("Of one who only counts", country="PK", appear="count").published_at = START
    crowd.say("Not published", country="PK", is_published=False)
    crowd.counted()
    newest = ["Of one who only counts", *(f"Words {n}" for n in reversed(range(2 * PAGE)))]
    first = ["Words 8", "Words 5", "Words 2"]
    assert flat(reading.words("?order=newest")) == newest
    assert flat(reading.words()) == first + [one for one in newest if one not in first]
    from_pakistan = [f"Words {n}" for n in reversed(range(1, 2 * PAGE, 2))]
    assert flat(reading.words("?country=PK&order=newest")) == from_pakistan
    assert flat(reading.words("?country=PK")) == ["Words 5", *(one for one in from_pakistan if one != "Words 5")]
    assert flat(reading.words("?country=PK&order=made-up"))[0] == "Words 5"
    on_the_page = re.findall(r"<p><bdi>(Words \d+|Of [^<]+)</bdi></p>", reading.page(""))
    assert on_the_page[:4] == [*first, "Of one who only counts"]


@one_database
def test_words_say_their_language(crowd: Crowd, reading: Reading) -> None:
    """Where it is not the page's: by name, with lang and dir, as they were written."""
    crowd.say("ہم ساتھ ہیں", locale="ur")
    assert 'lang="ur" dir="rtl"' in reading.page("statements/")
    assert "<span>Urdu</span>" in reading.page("statements/")
    assert "<span>Urdu</span>" not in reading.page("statements/", "ur")
    assert "<span>الأوردية</span>" in reading.page("statements/", "ar")


# What organizers choose


@pytest.fixture
def moderator(organizers: Organizers, campaign: Campaign) -> FlaskClient:
    """Mina."""
    return organizers.client(organizers.add("Mina", Role.MODERATOR, campaign.id))


def star(client: FlaskClient, words: Statement, value: str) -> str:
    """Press the star of some words; the page that comes then."""
    queue = f"/console/{words.campaign_id}/moderation/"
    token = token_in(client.get(f"{queue}?tab=decided").text) or token_in(client.get(queue).text)
    data = {"csrf_token": token, "star": value}
    answer = client.post(f"{queue}statement/{words.id}/star?tab=decided", data=data)
    assert answer.status_code == SEE_OTHER
    return client.get(answer.location).text


def test_words_are_chosen(crowd: Crowd, moderator: FlaskClient, reading: Reading) -> None:
    """They stand first at once, in a list of their own, in the log; undone on the spot; pressed twice logged once."""
    early, late = crowd.say("Early words"), crowd.say("Late words")
    db.session.commit()
    assert reading.words() == [["Late words", "Early words"]]
    page = star(moderator, early, "on")
    assert re.search(r"Stands first on the campaign(&#39;|’|')s page:</strong>\s*<bdi>Early words", page)
    assert re.search(r'value="off"\s+data-undo', page)
    assert reading.words() == [["Early words", "Late words"]]
    star(moderator, early, "on")
    chosen = moderator.get(f"/console/{crowd.campaign.id}/moderation/?tab=chosen").text
    assert re.findall(r'<li id="statement-(\d+)"', chosen) == [str(early.id)]
    assert "Stands first no longer" in star(moderator, early, "off")
    assert reading.words() == [["Late words", "Early words"]]
    acts = [
        (row.act, row.organizer, row.details) for row in db.session.scalars(select(AuditEntry)) if "chosen" in row.act
    ]
    assert acts == [
        ("statement.chosen", "Mina", {"number": early.id}),
        ("statement.unchosen", "Mina", {"number": early.id}),
    ]
    assert late.is_chosen is False


def test_only_what_is_published_is_chosen(crowd: Crowd, moderator: FlaskClient, reading: Reading) -> None:
    """What is taken back stands first no longer, also when it is published again; the database itself refuses."""
    words, waiting = crowd.say("Words"), crowd.say("Waiting", is_published=False)
    choose(words, is_chosen=True)
    decide(words, Verdict(Act.RETURNED), Moderator(None, START))
    assert words.is_chosen is False
    db.session.commit()
    assert "Only words that are published can stand first." in star(moderator, waiting, "on")
    with pytest.raises(NotToBeDecided):
        choose(waiting, is_chosen=True)
    db.session.rollback()
    with pytest.raises(IntegrityError):
        db.session.execute(text("UPDATE statements SET is_chosen = true"))
    db.session.rollback()


@one_database
def test_who_may_choose(crowd: Crowd, organizers: Organizers, moderator: FlaskClient) -> None:
    """Owners and moderators of this campaign; what is not there is 404, and a number that is none is no error."""
    words = crowd.say("Words")
    db.session.commit()
    path = f"/console/{crowd.campaign.id}/moderation/statement/{words.id}/star"
    editor = organizers.as_role(Role.EDITOR, crowd.campaign.id)
    data = {"csrf_token": token_in(editor.get("/console/account").text), "star": "on"}
    assert editor.post(path, data=data).status_code == FORBIDDEN
    data = {"csrf_token": token_in(moderator.get("/console/account").text), "star": "on"}
    assert moderator.post(path.replace(f"/{words.id}/", "/987654/"), data=data).status_code == NOT_FOUND
    queue = f"/console/{crowd.campaign.id}/moderation/"
    for number in ("9" * 5000, "x", "987654", str(words.id)):
        assert moderator.get(f"{queue}?tab=chosen&starred={number}").status_code == OK
    ticked = data | {"chosen": f"statement-{'9' * 5000}-0", "chosen-act": "published"}
    assert moderator.post(f"{queue}chosen", data=ticked).status_code == 400


# Countries


def test_small_countries_are_not_named(crowd: Crowd, reading: Reading) -> None:
    """In the table, in the choices of both lists, in any language: they are summed, and the page says why."""
    for country, signers in (("PK", 7), ("GB", FEWEST), ("BY", FEWEST - 1), ("IR", 1)):
        for _ in range(signers):
            crowd.say("With you", country=country, appear="count")
    crowd.counted()
    page = reading.page("countries/")
    rows = re.findall(
        r'<th scope="row">\s*(?:<a[^>]*>)?([^<]+?)(?:</a>)?\s*</th>\s*<td class="number">(\d+)</td>', page
    )
    assert rows == [("Pakistan", "7"), ("United Kingdom", "5"), ("Other countries", "5")]
    assert f"fewer than {FEWEST} signatures is not named here" in page
    everything = [
        reading.page(path, locale) for path in ("", "countries/", "signatures/", "statements/") for locale in LOCALES
    ]
    for hidden in ("BY", "Belarus", "بيلاروس", "بیلاروس", "Bielorr", "Bélarus"):
        assert not [one for one in map(_without_the_form, everything) if hidden in one], hidden
    assert reading.choices("statements/") == ["PK", "GB"]
    assert "from 4 countries" in reading.page("")
    assert "17" in reading.page("countries/")


def _without_the_form(page: str) -> str:
    """A page without the form in which a signer chooses among all countries."""
    return re.sub(r'<form class="form"\s+method="post".*?</form>', "", page, flags=re.DOTALL)


def test_the_rule() -> None:
    """Five are many enough, four are not; nobody is lost in between."""
    counts = {"PK": 70, "IR": 4, "GB": 5, "BY": 1}
    assert publicly(counts) == ({"PK": 70, "GB": 5}, 5)
    assert publicly({}) == ({}, 0)
    assert publicly({"IR": 4}) == ({}, 4)


@one_database
def test_one_country_is_not_worth_a_sentence(crowd: Crowd, reading: Reading) -> None:
    """Nor one that nobody has counted yet; then the page of countries says that it is being counted."""
    crowd.sign("PK")
    db.session.commit()
    append_entries()
    assert "The signatures are being counted." in reading.page("countries/")
    crowd.counted()
    assert "countries/" not in reading.page("").partition('class="poster')[2].partition("</header>")[0]
    crowd.sign("GB")
    with time_machine.travel(clock.now() + timedelta(minutes=3)):
        crowd.counted()
        assert "from 2 countries" in reading.page("")
        assert "All countries" in reading.page("countries/?n=1")


def test_what_changed_is_counted_unasked(crowd: Crowd) -> None:
    """And nothing else; a count shows on the campaign's page although nothing else there has changed."""
    idle = import_campaign(FACTS | {"slug": "idle"}, clock.now())
    db.session.commit()
    crowd.sign("PK")
    crowd.sign("GB")
    db.session.commit()
    append_entries()
    number, revision = crowd.campaign.id, crowd.campaign.revision
    assert changed_campaigns(clock.now()) == [number]
    count_changes()
    counted = statistics(number)
    assert counted is not None
    assert (counted.countries, counted.breakdowns["country"]) == (2, {"GB": 1, "PK": 1})
    assert statistics(idle.id) is None
    db.session.refresh(crowd.campaign)
    assert crowd.campaign.revision > revision
    assert changed_campaigns(clock.now() + timedelta(days=1)) == []
    crowd.sign("DE")
    db.session.commit()
    append_entries()
    assert changed_campaigns(clock.now()) == []
    assert changed_campaigns(clock.now() + timedelta(minutes=2)) == [number]


def test_counting_costs_so_much_and_no_more(crowd: Crowd) -> None:
    """The more there are the longer it waits: so many signatures a second, whoever signs meanwhile."""
    crowd.sign("PK")
    crowd.counted()
    crowd.sign("PK")
    db.session.commit()
    append_entries()
    waits = timedelta(minutes=1, seconds=2 / COUNTED_A_SECOND)
    known = db.session.get_one(SignatureStatistics, crowd.campaign.id)
    assert changed_campaigns(known.counted_at + waits - timedelta(milliseconds=2)) == []
    assert changed_campaigns(known.counted_at + waits) == [crowd.campaign.id]


@one_database
def test_the_sweep_has_it_counted(crowd: Crowd, installation: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each minute, in another thread than its own."""
    worker = Worker(Config.read(installation.environ))
    woken: list[str] = []
    monkeypatch.setattr(worker.engine, "wake", lambda name, **_how: woken.append(name))
    db.session.commit()
    for minutes in (0, 0, 2):
        with time_machine.travel(clock.now() + timedelta(minutes=minutes)):
            worker.sweep()
    assert woken.count("countries") == 2
    assert worker.runs()["countries"] is count_changes
    with worker.app.app_context():
        db.engine.dispose()


# Endorsements


SUMS = (
    (Backers(0, 0, 0), ""),
    (Backers(0, 0, 3), ""),
    (Backers(1, 0, 0), ""),
    (Backers(1, 1, 0), "1 organisation that speaks for 1 person"),
    (Backers(2, 0, 0), "2 organisations"),
    (Backers(12, 310_000, 4), "12 organisations that speak for 310,000 people"),
)


@one_database
def test_how_many_stand_with_them(app: Flask) -> None:
    """None, one, many; whoever speaks in a personal capacity speaks for nobody else."""
    with app.test_request_context("/en/"):
        parts = app.jinja_env.get_template("pages/_endorsement.html").make_module({"locale": "en", "comma": ", "})
        for sums, said in SUMS:
            assert re.sub(r"<[^>]+>|\s+", " ", parts.summed(sums)).strip() == said  # type: ignore[attr-defined]


# The goal


@one_database
def test_a_goal_is_ahead_until_it_is_reached(crowd: Crowd, reading: Reading) -> None:
    """Then it has been reached; and where nobody can sign any more, none is ahead."""
    crowd.campaign.goal = 2
    for bars, said, isnt in ((1, "The goal is 2", "is reached"), (0, "The goal of 2 is reached", "The goal is")):
        crowd.sign()
        crowd.counted()
        shown = reading.page(f"countries/?n={bars}")
        assert (shown.count("<progress"), said in shown, isnt in shown) == (bars, True, False)
    crowd.campaign.goal, crowd.campaign.state = 3, "ended"
    db.session.commit()
    assert "goal" not in reading.page("countries/").partition("<main")[2].replace('class="goal"', "")


# Is it safe to sign?


@one_database
def test_is_it_safe(crowd: Crowd, client: FlaskClient) -> None:
    """In every language, for everybody, without a cookie; linked from where people sign; no campaign stands there."""
    for locale in LOCALES:
        answer = client.get(f"/{locale}/safety/")
        assert answer.status_code == OK
        assert len(re.findall("<h2>", answer.text)) == 6
        assert "Set-Cookie" not in answer.headers
        assert "public" in answer.headers["Cache-Control"]
        for path in ("", "listed/", "listed/sign", "listed/sent"):
            assert f'href="/{locale}/safety/"' in client.get(f"/{locale}/{path}").text, path
    assert client.get("/en/nowhere/").text.count("/en/safety/") == 1
    assert client.get("/en/listed/").text.count("/en/safety/") == 2
    assert "safety" in RESERVED_SLUGS
