"""What an attacker on the network tries: to learn who signed, to sign for others, to break out, to stop us."""

import itertools
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer
from sqlalchemy import event, func, select
from werkzeug.test import TestResponse

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.queries import campaign_by_slug
from campaign.config import Config
from campaign.db import Base, db
from campaign.errors import Refusal
from campaign.importing import import_campaign
from campaign.ledger.queries import public_count
from campaign.links import UNSUBSCRIBE, YOURS, link_signer
from campaign.mailing.models import Reader, Suppression
from campaign.mailing.operations import LETTERS_A_DAY, suppress
from campaign.opening import Keyring
from campaign.sealing import EmailAddress, binding
from campaign.signing.models import Intake, Signature
from campaign.statements.models import Statement
from campaign.statements.operations import approve
from campaign.timeline.operations import UpdateDraft, add_update, publish
from campaign.web import render_markdown
from campaign.worker import Worker
from tests.letters_in import Letter, read
from tests.programs import ROOT
from tests.servers import SmtpSink
from tests.stack import FORM, SIGNER, Stack, campaign_file
from tests.test_state_machine import FACTS, World

OK, SEE_OTHER, FORBIDDEN, NOT_FOUND, GONE, TOO_LARGE, UNFIT, TOO_MANY = 200, 303, 403, 404, 410, 413, 422, 429

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
PAGE = "/en/release-test/"
SIGN, FOLLOW, LINK = f"{PAGE}sign", f"{PAGE}follow", f"{PAGE}link"
SCRIPT = "\"'></textarea></bdi><script>alert(1)</script>"


class House(World):
    """A world with the campaign release-test, and what people do there."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with self.worker.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def get(self, address: str, **named: Any) -> TestResponse:
        """GET a path, or an address as it stands in a letter."""
        return self.client.get(self.path(address), **named)

    def post(self, address: str, data: Any = None, **named: Any) -> TestResponse:
        """POST a form."""
        return self.client.post(self.path(address), data=data or {}, **named)

    def path(self, address: str) -> str:
        """The path of an address of ours."""
        return address.removeprefix(self.client.application.config["PUBLIC_URL"])

    def work(self) -> None:
        """Let the worker do all that there is to do."""
        db.session.commit()
        super().work()

    def run(self, *names: str) -> None:
        """Let the worker do these."""
        db.session.commit()
        with self.worker.app.app_context():
            for name in names:
                self.worker.runs()[name]()

    def do_what_was_woken(self) -> None:
        """Let the worker do what the web has woken it for, and nothing else."""
        db.session.commit()
        huey = self.worker.engine.huey
        while (task := huey.dequeue()) is not None:
            huey.execute(task)

    def sign(self, locale: str = "en", **typed: str) -> TestResponse:
        """Post the form as SIGNER but for what is typed, and let the worker answer."""
        answer = self.post(f"/{locale}/release-test/sign", SIGNER | typed)
        self.work()
        return answer

    def letters(self, to: str = SIGNER["email"]) -> list[Letter]:
        """All letters that an address has got."""
        return [read(received.content) for received in self.sink.sent_to(to)]

    def signed(self, locale: str = "en", **typed: str) -> Letter:
        """Sign, and return the newest letter."""
        answer = self.sign(locale, **typed)
        assert answer.status_code == SEE_OTHER, answer.text
        return self.letters(typed.get("email", SIGNER["email"]))[-1]

    def confirmed(self, locale: str = "en", **typed: str) -> Letter:
        """Sign, confirm, and return the letter that asked for it."""
        letter = self.signed(locale, **typed)
        assert self.post(letter.link("/confirm/")).status_code == SEE_OTHER
        self.work()
        return letter

    def confirmed_unseen(self, **typed: str) -> None:
        """Sign and confirm, but let the worker not open the name yet."""
        self.post(SIGN, SIGNER | typed)
        self.run("intake", "letters")
        assert self.post(self.letters(typed["email"])[-1].link("/confirm/")).status_code == SEE_OTHER

    def followed(self, email: str, news: str = "all") -> Letter:
        """Follow, confirm, and return the letter that asked for it."""
        self.post(FOLLOW, {"email": email, "news": news})
        self.work()
        letter = self.letters(email)[-1]
        self.post(letter.link("/confirm/"))
        return letter

    def yours(self, letter: Letter) -> str:
        """The path of "yours" behind a letter's confirmation."""
        found = re.search(r'href="(/\w\w/yours/[^"]+)"', self.get(letter.link("/confirm/")).text)
        assert found is not None
        return found[1]

    def publish(self, title: str = "News", body: str = "News.", days: int = 0) -> None:
        """Publish an update and send its letters."""
        campaign = campaign_by_slug("release-test")
        assert campaign is not None
        draft = UpdateDraft("news", date(2024, 3, 1) + timedelta(days), {"en": (title, body)})
        publish(add_update(campaign, draft), clock.now())
        self.work()

    def count(self) -> int:
        """How many signatures count."""
        db.session.rollback()
        return public_count(1)

    def tables(self) -> dict[str, list[str]]:
        """Every row of every table."""
        db.session.rollback()
        tables = Base.metadata.sorted_tables
        rows = {table.name: sorted(map(repr, db.session.execute(select(table)))) for table in tables}
        db.session.rollback()
        return rows


@pytest.fixture
def house(client: FlaskClient, stack: Stack, sink: SmtpSink) -> Iterator[House]:
    """Everything but processes."""
    with House(client, Worker(Config.read(stack.environ)), sink) as house:
        yield house


@pytest.fixture
def with_settings(stack: Stack, app: Flask) -> Iterator[Callable[..., FlaskClient]]:
    """Make a client of another app over the same database, with other settings."""
    with ExitStack() as apps:

        def make(**changed: str) -> FlaskClient:
            named = {f"CAMPAIGN_{name}": value for name, value in changed.items()}
            other = create_app(Config.read(stack.environ | named))
            other.test_client_class = app.test_client_class
            apps.callback(_dispose, other)
            return other.test_client()

        yield make


def _dispose(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def whole(response: TestResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that goes over the wire, but for the date."""
    return response.status_code, [pair for pair in response.headers if pair[0] != "Date"], response.data


class Form(HTMLParser):
    """What stands in the fields of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._inside: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a field."""
        given = dict(attrs)
        name = given.get("name")
        if tag == "input" and name and (given.get("type") != "radio" or "checked" in given):
            self.values[name] = given.get("value") or ""
        if tag in ("textarea", "select"):
            self._inside = name
            self.values[name or ""] = ""
        if tag == "option" and "selected" in given and self._inside:
            self.values[self._inside] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        """Note what stands in a text area."""
        if self._inside and self.values[self._inside] is not None and self.lasttag == "textarea":
            self.values[self._inside] += data

    def handle_endtag(self, tag: str) -> None:
        """Leave a field."""
        if tag in ("textarea", "select"):
            self._inside = None


# To learn who signed.

WHO = ["new@example.org", "pending@example.org", "ada@example.org", "refused@example.org", "follower@example.org"]
WHO += ["nobody@no-such-domain.zz", "ada@exmaple.orgg", "ADA+x@example.org", "o'neill/x=y@example.org"]


def test_the_answer_does_not_tell_who_signed(house: House, keys: Keyring) -> None:
    """The same bytes, and the same statements to the database, for whomever; so the same time."""
    house.confirmed()
    house.followed("follower@example.org")
    house.sign(email="pending@example.org")
    suppress(keys.suppression_key(EmailAddress.parse("refused@example.org")), "refused", clock.now())
    db.session.commit()
    for path, typed in ((SIGN, SIGNER), (FOLLOW, {"news": "all"}), (LINK, {})):
        seen = set()
        for address in WHO:
            asked: list[str] = []
            event.listen(db.engine, "before_cursor_execute", lambda *event, asked=asked: asked.append(event[2]))
            seen.add(repr((whole(house.post(path, {**typed, "email": address})), asked)))
            assert any("INSERT INTO intake" in statement for statement in asked), (asked, path, address)
        assert len(seen) == 1, f"{path} tells: {seen}"
        house.work()
    assert {letter.recipients[0] for letter in house.sink.letters} >= {"new@example.org", "ada@example.org"}
    assert not house.letters("refused@example.org")


@on_sqlite
def test_a_link_does_not_tell_either(house: House) -> None:
    """What was made up is answered like what is gone."""
    letter = house.signed()
    token = letter.link("/confirm/").rpartition("/")[2]
    made_up = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    before = house.get(f"/en/confirm/{made_up}")
    house.confirmed(email="other@example.org")
    assert before.status_code == NOT_FOUND
    assert whole(house.get(f"/en/confirm/{made_up}")) == whole(before)


@on_sqlite
@pytest.mark.parametrize(
    ("path", "typed"), [(SIGN, SIGNER), (FOLLOW, {"email": "a@b.org", "news": "all"}), (LINK, {"email": "a@b.org"})]
)
def test_machines_are_thanked_and_not_heard(house: House, path: str, typed: dict[str, str]) -> None:
    """Who fills the field that people do not see gets the same answer, and nothing happens."""
    person = house.post(path, typed)
    machine = house.post(path, typed | {"website": "https://spam.example"})
    assert whole(machine) == whole(person)
    assert machine.status_code == SEE_OTHER
    assert db.session.scalar(select(func.count()).select_from(Intake)) == 1


@on_sqlite
def test_machines_leave_no_statement(house: House) -> None:
    """That form has such a field, too."""
    place = house.path(house.confirmed().link("/confirm/")) + "/statement"
    assert 'name="website"' in house.get(place).text
    assert house.post(place, {"statement": "Buy!", "website": "https://spam.example"}).status_code == SEE_OTHER
    assert db.session.scalars(select(Statement.body)).all() == []


# To make others sign.

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
    {"Origin": "https://evil.example"},
    {"Origin": "{own}.evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://evil.example?{own}"},
    {"Origin": "null"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "{own}"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
]


@on_sqlite
def test_other_sites_cannot_make_a_browser_sign(house: House) -> None:
    """Not by Fetch Metadata, nor by the Origin where a browser sends no other."""
    own = house.client.application.config["PUBLIC_URL"]
    for headers, path in itertools.product(FOREIGN, (SIGN, FOLLOW, LINK)):
        sent = {name: value.replace("{own}", own) for name, value in headers.items()}
        assert house.post(path, SIGNER, headers=sent).status_code == FORBIDDEN, headers
    assert db.session.scalar(select(func.count()).select_from(Intake)) == 0


@on_sqlite
def test_our_own_pages_can(house: House) -> None:
    """Old browsers, too, and mail programs that unsubscribe with one click."""
    own = house.client.application.config["PUBLIC_URL"]
    for at, headers in enumerate(OWN):
        sent = {name: value.replace("{own}", own) for name, value in headers.items()}
        assert house.post(SIGN, SIGNER, headers=sent).status_code == SEE_OTHER, headers
        house.followed(f"reader{at}@example.org")
        house.publish(days=at)
        address = house.letters(f"reader{at}@example.org")[-1].headers["List-Unsubscribe"].strip("<>")
        assert house.post(address, {"List-Unsubscribe": "One-Click"}, headers=sent).status_code == OK, headers
        newest = select(Reader.unsubscribed_at).where(Reader.confirmed_at.is_not(None)).order_by(Reader.id.desc())
        assert db.session.scalars(newest).first() is not None


@on_sqlite
def test_the_buttons_behind_a_letter_work_in_old_browsers(house: House) -> None:
    """On a page whose policy is no-referrer, a form's Origin is "null" (Fetch, "append a request Origin header").

    A browser without Fetch Metadata (Safari before 16.4; any, where the site is not https) says nothing else, and
    must still be able to confirm.
    """
    letter = house.signed()
    policy = r'<meta name="referrer" content="no-referrer">'
    for address in (letter.link("/confirm/"), house.yours(house.confirmed(email="other@example.org"))):
        page = house.get(address)
        is_null = re.search(policy, page.text) or page.headers["Referrer-Policy"] == "no-referrer"
        origin = "null" if is_null else house.client.application.config["PUBLIC_URL"]
        answer = house.post(address, {"appear": "name", "news": "all"}, headers={"Origin": origin})
        assert answer.status_code == SEE_OTHER, f"Origin: {origin}"


def test_looking_changes_nothing(house: House) -> None:
    """Mail scanners follow every link; so do browsers that fetch ahead."""
    unsubscribed = house.confirmed(email="un@example.org", statement="Free him.")
    house.followed("follower@example.org")
    house.publish()
    letters = [unsubscribed, house.signed(email="pending@example.org"), *house.letters("follower@example.org")]
    letters += house.letters("un@example.org")
    house.post(house.letters("un@example.org")[-1].headers["List-Unsubscribe"].strip("<>"))
    house.work()
    links = {house.path(link) for letter in letters for link in letter.links}
    links |= {house.path(letter.headers["List-Unsubscribe"].strip("<>")) for letter in letters}
    links |= {house.yours(unsubscribed), house.path(unsubscribed.link("/confirm/")) + "/statement"}
    pages = [house.get(link).text for link in (PAGE, "/en/", *links)]
    links |= {found for page in pages for found in re.findall(r'(?:href|action|src)="(/[^"]*)"', page)}
    links = {link for link in links if not link.startswith(("/es/", "/ur/", "/static/"))}
    assert len(links) > 10
    before = house.tables()
    for method, link in itertools.product(("HEAD", "GET", "OPTIONS"), sorted(links)):
        assert house.client.open(link, method=method).status_code < 500, f"{method} {link}"
        if "/yours/" in link or link == max(links):
            changed = [table for table, rows in house.tables().items() if rows != before[table]]
            assert changed == [], f"{method} {link}"


# To use a link for what it is not for.


@on_sqlite
def test_a_link_serves_one_purpose(house: House) -> None:
    """Tokens put into other places, or signed with the right key for something else, open nothing."""
    letter = house.signed()
    follower = house.followed("follower@example.org")
    house.publish()
    update = house.letters("follower@example.org")[-1]
    key = house.client.application.config["SECRET_KEY"]
    handle = db.session.scalars(select(Reader.handle)).first()
    assert handle is not None
    forged = [
        URLSafeSerializer(key, salt=salt).dumps(handle.hex())
        for salt in ("link yours", "link unsubscribe", "itsdangerous", "cookie-session", "link ")
    ]
    tokens = {
        "confirm": [letter.link("/confirm/"), follower.link("/confirm/")],
        "yours": [update.link("/yours/")],
        "unsubscribe": [update.link("/unsubscribe/")],
    }
    before = house.tables()
    for purpose, place in itertools.permutations(tokens, 2):
        for token in [address.rpartition("/")[2] for address in tokens[purpose]] + forged:
            for ask in (house.get, house.post):
                assert ask(f"/en/{place}/{token}").status_code == NOT_FOUND, f"{purpose} as {place}"
    assert house.tables() == before


def spellings(token: str) -> list[str]:
    """Other texts that some decoders read as the same token."""
    signature = token.rpartition(".")[2]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place = letters.index(token[-1]) // 4 * 4  # the last letter of 32 bytes has two bits that mean nothing
    last = [token[:-1] + char for char in letters[place : place + 4]]
    return [
        *last,
        f"{token}=",
        f"{token}==",
        f"{token}%3D",
        f"{token}%0A",
        f"{token}%00",
        f".{token}",
        f"{token}.{signature}",
        token.replace("-", "+"),
        token.swapcase(),
        f"%20{token}",
        f"{token}\u200b",
    ]


@on_sqlite
def test_other_spellings_of_a_token_win_nothing(house: House) -> None:
    """Single use hangs on what a token stands for, never on its text."""
    letter = house.confirmed()
    confirm, yours = house.path(letter.link("/confirm/")), house.yours(letter)
    for address in (confirm, yours):
        place, _slash, token = address.rpartition("/")
        for other in spellings(token):
            assert house.post(f"{place}/{other}", {"appear": "name", "news": "all"}).status_code in (303, 404, 308)
    for other in spellings(confirm.rpartition("/")[2]):
        if other.rstrip("=") != confirm.rpartition("/")[2]:
            assert house.get(f"/en/confirm/{other}").status_code == NOT_FOUND
    house.work()
    assert house.count() == 1
    for other in [yours.rpartition("/")[2], *spellings(yours.rpartition("/")[2])]:
        house.post(f"/en/yours/{other}", {"action": "withdraw"})
    house.work()
    assert house.count() == 0
    house.post(yours, {"action": "erase"})
    before = house.tables()
    for other in [yours.rpartition("/")[2], *spellings(yours.rpartition("/")[2])]:
        assert house.post(f"/en/yours/{other}", {"action": "erase"}).status_code in (404, 410, 308)
    assert house.tables() == before


def test_a_link_expires(house: House) -> None:
    """After 72 hours, as the letter says; a new one comes for the asking, to the address alone."""
    letter = house.signed()
    link = letter.link("/confirm/")
    now = clock.now()
    with time_machine.travel(now + timedelta(hours=71)):
        assert house.get(link).status_code == OK
    with time_machine.travel(now + timedelta(hours=73)):
        before = house.tables()
        assert house.get(link).status_code == GONE
        assert house.post(link).status_code == GONE
        assert house.tables() == before
        assert house.post(f"{house.path(link)}/again").status_code == SEE_OTHER
        house.work()
        fresh = house.letters()[-1].link("/confirm/")
        assert fresh != link
        assert house.post(fresh).status_code == SEE_OTHER
        house.work()
        assert house.count() == 1


@on_sqlite
def test_an_expired_link_leaves_no_statement(house: House) -> None:
    """A letter found after a year does not speak for its reader."""
    place = house.path(house.confirmed().link("/confirm/")) + "/statement"
    with time_machine.travel(clock.now() + timedelta(days=365)):
        house.post(place, {"statement": "Not mine."})
    assert db.session.scalars(select(Statement.body)).all() == []


# To overload or break a form.


@on_sqlite
def test_too_much_is_refused(house: House) -> None:
    """More than 64 kB, more than 50 parts; one field or many; said or not said how long."""
    long = SIGNER | {"statement": "x" * 70_000}
    many = SIGNER | {f"field{number}": "x" for number in range(60)}
    assert house.post(SIGN, long).status_code == TOO_LARGE
    assert house.post(SIGN, long, content_type="multipart/form-data").status_code == TOO_LARGE
    assert house.post(SIGN, many, content_type="multipart/form-data").status_code == TOO_LARGE
    assert house.post(SIGN, {f"f{number}": "x" for number in range(10_000)}).status_code == TOO_LARGE
    endless = {"environ_overrides": {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}}
    assert house.post(SIGN, urlencode(long), content_type=FORM, **endless).status_code in (TOO_LARGE, UNFIT)
    assert house.post(SIGN, b"\xff" * 1000, content_type=FORM).status_code == UNFIT
    assert house.post(SIGN, b"--x\r\n", content_type="multipart/form-data; boundary=x").status_code < 500
    assert db.session.scalar(select(func.count()).select_from(Intake)) == 0


JSON = ['{"name": 5}', "[1, 2]", "{", '{"email": {"a": "b"}, "name": ["x", 1]}', "null", '"text"', "[" * 9000]


@on_sqlite
def test_what_is_no_form(house: House) -> None:
    """JSON, of whatever shape, is not taken for one."""
    house.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    for path, body in itertools.product((SIGN, FOLLOW, LINK), JSON):
        answer = house.post(path, body, content_type="application/json")
        assert answer.status_code in (400, 415, UNFIT), f"{body[:50]} at {path}"


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
NASTY = st.sampled_from(
    [
        "\0",
        "\ud800",
        "\u202eevil",
        "a\r\nBcc: evil@example.org",
        "x" * 10_000,
        SCRIPT,
        "{{7*7}}",
        "%s%n",
        "%(name)s",
        "\u2028",
        "\ufffe",
        "\U0010ffff",
        "e\u0301" * 100,
        "\u200b",
        "' OR 1=1 --",
        "\x1b[31m",
        "=1+1",
    ]
)
TYPED = st.fixed_dictionaries(
    {},
    optional={
        name: ANY_TEXT | NASTY | st.just(value) for name, value in (SIGNER | {"website": "", "csrf": ""}).items()
    },
)
PLAIN = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def seen(text: str) -> str:
    """What is left of a text that is cleaned of all that is no character, and of its white space.

    Bytes that are no UTF-8, such as those of a surrogate, Werkzeug leaves as they came: percent-encoded.
    """
    whole = "".join(char if char.isprintable() else _as_it_comes(char) for char in text)
    return "".join(whole.split())


def _as_it_comes(char: str) -> str:
    if unicodedata.category(char) == "Cs":
        return quote(char.encode("utf-8", "surrogatepass"))
    return char if unicodedata.category(char) == "Cf" and char not in BIDI else ""


BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_whatever_is_typed(house: House, backend: str) -> None:
    """Never an error of ours; what was typed stands in the form that comes back; the worker opens what was taken."""

    @PLAIN
    @given(typed=TYPED, path=st.sampled_from([SIGN, FOLLOW, LINK]))
    def check(typed: dict[str, str], path: str) -> None:
        sent = {**SIGNER, **typed}
        body = urlencode(sent, errors="surrogatepass").encode()
        answer = house.post(path, body, content_type=FORM)
        assert answer.status_code in (SEE_OTHER, UNFIT)
        if answer.status_code == UNFIT:
            shown = Form(answer.text).values
            for name in {"name", "email", "city", "affiliation", "statement"} & shown.keys():
                assert seen(shown[name]) == seen(sent[name]), f"{name}: {sent[name]!r} became {shown[name]!r}"

    check()
    house.work()
    db.session.rollback()
    assert db.session.scalars(select(Intake.failed_at)).all() == []


def test_whatever_is_typed_at_yours_and_as_a_statement(house: House) -> None:
    """The forms behind a letter."""
    letter = house.confirmed()
    yours, place = house.yours(letter), house.path(letter.link("/confirm/")) + "/statement"

    @settings(PLAIN, max_examples=25)
    @given(words=ANY_TEXT | NASTY, appear=ANY_TEXT, news=ANY_TEXT | st.just("all"), action=ANY_TEXT)
    def check(words: str, appear: str, news: str, action: str) -> None:
        typed = urlencode({"appear": appear, "news": news, "action": action}, errors="surrogatepass").encode()
        assert house.post(yours, typed, content_type=FORM).status_code in (SEE_OTHER, UNFIT)
        said = urlencode({"statement": words}, errors="surrogatepass").encode()
        assert house.post(place, said, content_type=FORM).status_code in (SEE_OTHER, UNFIT)

    check()


MADE_UP = [
    f"{PAGE}signatures/?before=2024-01-01_1",
    f"{PAGE}signatures/?before=2024-01-01T00:00:00%2B00:00_99999999999999999999999",
    f"{PAGE}signatures/?before=0001-01-01T00:00:00%2B23:59_1",
    f"{PAGE}signatures/?before=9999-12-31T23:59:59-23:59_1",
    f"{PAGE}statements/?before=2024-01-01_1",
    f"{PAGE}statements/?before=2024-01-01T00:00:00%2B00:00_-99999999999999999999999",
    f"{PAGE}statements/?before=0001-01-01T00:00:00%2B23:59_1",
    f"{PAGE}timeline/?before=2024-01-01_99999999999999999999999",
    f"{PAGE}timeline/99999999999999999999999/",
    f"{PAGE}timeline/?before=%00",
    "/en/a%00b/",
    "/en/a%00b/sign",
    "/en/%ff%fe/",
    "/en/%ed%a0%80/",
    "/en/confirm/%00",
    "/en/confirm/%ed%a0%80",
    "/en/yours/%00.%00",
    "/en/yours/" + "x" * 10_000,
    "/en/unsubscribe/%ff.%ff",
    "/en/unsubscribe/IiI.x",
    "/%00",
    "/xx/",
    "/en/" + "x" * 10_000 + "/",
]


def test_an_address_that_somebody_made_up(house: House) -> None:
    """Is not found, or shows a page; it is never an error of ours."""
    house.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    assert [address for address in MADE_UP if house.get(address).status_code >= 500] == []


@on_sqlite
def test_whatever_stands_in_an_address(house: House) -> None:
    """Any text in any place."""
    house.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    places = (
        "/{}",
        "/en/{}/",
        f"{PAGE}timeline/?before={{}}",
        f"{PAGE}{{}}",
        "/en/confirm/{}",
        "/en/yours/{}",
        "/en/unsubscribe/{}",
        "/en/confirm/{}/statement",
        "/static/{}",
        "/en/{}/feed",
    )

    @settings(PLAIN, max_examples=80)
    @given(place=st.sampled_from(places), text=ANY_TEXT)
    def check(place: str, text: str) -> None:
        assert house.get(place.format(quote(text.encode("utf-8", "surrogatepass"), safe=""))).status_code < 500

    check()


@on_sqlite
def test_what_turns_text_around_or_is_none(house: House) -> None:
    """Bidirectional overrides, NUL, line breaks, escapes: gone from a name; no name pretends to be another."""
    house.confirmed(name="Ada\u202e\u2066 gnp\0\x1b[2J\r\nExample\u2028\x85!", city="\u202dLeeds\t\tNorth")
    page = house.get(f"{PAGE}signatures/").text
    assert "Ada gnp[2J Example !" in page
    assert "Leeds North" in page
    for too_long in ({"name": "n" * 10_000}, {"city": "c" * 10_000}, {"statement": "s" * 10_000}):
        answer = house.post(SIGN, SIGNER | too_long)
        assert answer.status_code == UNFIT
        assert next(iter(too_long.values())) in answer.text


# To break out of a field.

HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
]
BREAKS = [
    "\r\nBcc: evil@example.org",
    "\nBcc: evil@example.org\n\nevil",
    "\rBcc: evil@example.org",
    "%0d%0aBcc: evil@example.org",
    "\u2028Bcc: evil@example.org",
    "\x0bBcc: evil@example.org",
    "\x85Bcc: evil@example.org",
    "\0\r\nBcc: evil@example.org",
]


@on_sqlite
@pytest.mark.parametrize("half", [0, 1])
def test_no_field_writes_a_header(house: House, half: int) -> None:
    """Line breaks in the address, the name, the words, the titles."""
    for at, breaks in enumerate(BREAKS[half::2]):
        for field in ("name", "city", "affiliation", "statement"):
            house.post(SIGN, SIGNER | {field: SIGNER[field] + breaks, "email": f"{field}{at}@example.org"})
        house.post(SIGN, SIGNER | {"email": f"ada@example.org{breaks}"})
        house.post(SIGN, SIGNER | {"email": f"ada{breaks}@example.org"})
        house.confirmed(email=f"said{at}@example.org", statement=f"Said{breaks}")
        title = FACTS["texts"]["en"] | {"title": f"Free them{breaks}"}  # type: ignore[index]
        import_campaign(FACTS | {"slug": f"other-{at}", "texts": {"en": title}}, clock.now())
        db.session.commit()
        house.post(f"/en/other-{at}/sign", SIGNER | {"email": f"other{at}@example.org"})
        house.publish(f"News{breaks}", f"Body{breaks}", days=at)
        assert house.letters(f"other{at}@example.org")
        assert house.letters(f"said{at}@example.org")[-1].subject.startswith("News")
    for statement in db.session.scalars(select(Statement)):
        approve(statement, clock.now())
    house.work()
    assert house.sink.refused == []
    for received in house.sink.letters:
        assert "evil" not in "".join(received.recipients)
        assert len(received.recipients) == 1
        assert read(received.content).headers.keys() == HEADERS


@on_sqlite
def test_no_campaign_is_named_like_that(house: House) -> None:
    """A slug stands in letters' headers and in every address."""
    for slug in ("a\r\nBcc: evil@example.org", "a b", "../a", "a>", "", "A", "confirm", "é"):
        with pytest.raises(Refusal):
            import_campaign(FACTS | {"slug": slug}, clock.now())
        db.session.rollback()


@on_sqlite
def test_who_holds_the_host_header_holds_nothing(house: House) -> None:
    """Letters and redirects lead to the public address whatever a request calls us."""
    own = house.client.application.config["PUBLIC_URL"]
    forgeries: list[dict[str, str]] = [
        {"Host": "evil.example"},
        {"Host": f"evil.example:{urlsplit(own).port}"},
        {"Host": f"{urlsplit(own).netloc}.evil.example"},
        {"Host": f"{urlsplit(own).netloc}@evil.example"},
        {"Host": "localhost:6666"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Proto": "gopher"},
        {"Forwarded": "host=evil.example"},
        {"X-Original-URL": "/console/", "X-Rewrite-URL": "/console/"},
        {"X-Host": "evil.example"},
    ]
    for at, headers in enumerate(forgeries):
        for path in ("/", "/en", "/en/release-test", PAGE, SIGN, "/en/confirm"):
            answer = house.get(path, headers=headers)
            location = answer.headers.get("Location", "/")
            assert location.startswith(("/en", own)) or location == "/", f"{headers} at {path}: {location}"
            assert "evil" not in answer.text + str(answer.headers)
            assert "6666" not in answer.text
        answer = house.post(SIGN, SIGNER | {"email": f"a{at}@example.org"}, headers=headers)
        assert answer.status_code in (SEE_OTHER, 400)
        assert answer.headers.get("Location", f"{PAGE}sent") == f"{PAGE}sent"
    house.work()
    assert len(house.sink.letters) >= 6
    for received in house.sink.letters:
        letter = read(received.content)
        assert all(link.startswith(f"{own}/") for link in letter.links)
        assert not re.search(r"evil\.|6666|gopher", f"{letter.headers}{letter.text}{letter.html}")


TRICKS = [
    "../wsgi.py",
    "..%2fwsgi.py",
    "%2e%2e/wsgi.py",
    "%2e%2e%2fwsgi.py",
    "..%252fwsgi.py",
    "..\\wsgi.py",
    "..%5cwsgi.py",
    "....//wsgi.py",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "style.css/../../app.py",
    "%00",
    "style.css%00",
    "../templates/base.html",
    "../app.py",
    ".",
    "..",
    "%2e",
    "",
    "../../keys/pepper",
    "%c0%ae%c0%ae/app.py",
    "..%c0%afapp.py",
    "file:///etc/passwd",
    "~root/.profile",
]


@on_sqlite
@pytest.mark.parametrize("prefix", ["/static/", "/inbox/", "/en/", "/"])
def test_no_path_leads_out(with_settings: Callable[..., FlaskClient], stack: Stack, prefix: str) -> None:
    """Nor into the keys or the source."""
    client = with_settings(DEMO="yes")
    new = stack.instance / "inbox" / "new"
    new.mkdir(parents=True)
    (new / "letter").write_bytes(b"Subject: Known\r\nTo: a@example.org\r\n\r\nKnown.")
    (stack.instance / "inbox" / "secret").write_bytes(b"Subject: Secret\r\n\r\nroot:")
    own = [
        (ROOT / "wsgi.py").read_bytes()[:60],
        (stack.instance / "keys" / "pepper").read_bytes(),
        b"root:",
        b"create_app",
    ]
    assert b"Known" in client.get("/inbox/letter/").data
    for trick in [
        *TRICKS,
        "../secret",
        "..%2fsecret",
        f"{stack.instance}/inbox/secret",
        "letter%00",
        "letter/../../secret",
    ]:
        for end in ("", "/", "/html"):
            answer = client.get(f"{prefix}{trick}{end}")
            assert answer.status_code < 500, trick
            assert not any(secret in answer.data for secret in own), f"{prefix}{trick}"


@on_sqlite
def test_the_inbox_is_of_the_demonstration_only(house: House, stack: Stack) -> None:
    """Elsewhere no page shows letters."""
    new = stack.instance / "inbox" / "new"
    new.mkdir(parents=True)
    (new / "letter").write_bytes(b"Subject: Known\r\n\r\nKnown.")
    for path in ("/inbox/", "/inbox", "/inbox/letter/", "/inbox/letter/html"):
        assert house.get(path).status_code == NOT_FOUND


class Tags(HTMLParser):
    """What a browser makes of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))

    def check(self) -> None:
        """Nothing that runs, loads or covers the page."""
        for tag, attributes in self.found:
            assert tag in [
                "p",
                "em",
                "strong",
                "a",
                "ul",
                "ol",
                "li",
                "blockquote",
                "br",
                "h3",
                "h4",
                "code",
                "pre",
                "hr",
            ]
            assert attributes.keys() <= (
                {"href", "rel", "title"} if tag == "a" else {"start"} if tag == "ol" else set()
            )
            address = re.sub(r"[\x00-\x20]", "", attributes.get("href") or "").lower()
            assert not re.match(r"(?!https?:|mailto:)[a-z0-9+.&#;-]*:", address), address


XSS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java&#115;cript:alert(1))",
    "[a](java\tscript:alert(1))",
    "[a](&#x6A;avascript&colon;alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "[a](vbscript:x)",
    "[a](<javascript:alert(1)>)",
    "![a](javascript:alert(1))",
    "![a](https://evil.example/pixel.png)",
    "<javascript:alert(1)>",
    '<https://a"onmouseover=alert(1)>',
    "[a](https://a 'x\" onclick=\"alert(1)')",
    "[a]: javascript:alert(1)\n\n[a]",
    "[a](\x01javascript:alert(1))",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>'>",
    "<a href=javascript:alert(1)>",
    "`<script>`",
    "```html\n<script>\n```",
    '```" onload=alert(1)\nx\n```',
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>]]>",
    "&lt;script&gt;",
    "<style>*{}</style>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "> > > <script>\n> > x",
    "* [a](javascript:1\n)\n  * <b>",
    "[<img src=x>](https://a)",
    '[a](https://b"onclick="x)',
    "<form action=https://evil.example><input>",
    "<base href=https://evil.example>",
    "<meta http-equiv=refresh content=0>",
    "[a](ftp://x)",
    "[a](file:///etc/passwd)",
    "[a](blob:x)",
    "[a](javascript&#58;alert(1))",
    "\0<script\0>",
    "<scr\0ipt>",
]


@pytest.mark.parametrize("text", XSS)
def test_markdown_runs_nothing(text: str) -> None:
    """No raw HTML, no images, no address but of the web or of mail."""
    html = str(render_markdown(text))
    Tags(html).check()
    assert not re.search(r"<(script|img|svg|iframe|style|form|base|meta)", html, re.IGNORECASE)


@settings(PLAIN, max_examples=200)
@given(st.lists(st.sampled_from([*XSS, *'[]()<>`&x"\\\n', "\n\n", "> ", "* "]), max_size=8).map("".join))
def test_markdown_of_pieces_runs_nothing(text: str) -> None:
    """However they are put together."""
    Tags(str(render_markdown(text))).check()


def test_what_people_say_is_text(house: House) -> None:
    """On every page and in every letter's HTML."""
    letter = house.confirmed(
        name=f"Ada{SCRIPT}", city=f"L{SCRIPT}", affiliation=f"U{SCRIPT}", statement=f"Free{SCRIPT}"
    )
    for statement in db.session.scalars(select(Statement)):
        approve(statement, clock.now())
    house.work()
    house.publish(f"News{SCRIPT}", f"Body{SCRIPT}")
    pages = ["/en/", PAGE, f"{PAGE}signatures/", f"{PAGE}statements/", f"{PAGE}timeline/", f"{PAGE}timeline/2/"]
    answers = [house.get(path) for path in [*pages, letter.link("/confirm/"), house.yours(letter)]]
    answers.append(
        house.post(SIGN, {"name": SCRIPT, "email": SCRIPT, "country": SCRIPT, "city": SCRIPT, "statement": SCRIPT})
    )
    answers.append(house.get(f"{PAGE}{quote(SCRIPT)}"))
    shown = [answer.text for answer in answers]
    assert sum("&lt;script&gt;alert(1)" in page for page in shown) >= 7
    letters = [read(received.content) for received in house.sink.letters]
    assert sum("&lt;script&gt;alert(1)" in letter.html for letter in letters) == 2
    for page in [*shown, *(letter.html for letter in letters)]:
        assert "<script>alert" not in page
    for answer in answers:
        assert "'unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@on_sqlite
def test_a_statement_comes_back_as_it_was_said(house: House) -> None:
    """Whatever it holds that the letters' making could take for its own."""
    words = "slotAto slotAyours slotAconfirm slotAunsubscribe {{ yours_url }} %(title)s =\r\nslotA=\r\nto ."
    house.confirmed(statement=words)
    approve(db.session.scalars(select(Statement)).one(), clock.now())
    house.work()
    assert " ".join(words.split()) in " ".join(house.letters()[-1].text.split())


# To stop us or to bother others.


@on_sqlite
@pytest.mark.parametrize(("setting", "clients"), [("LIMIT_PER_CLIENT", 1), ("LIMIT_PER_CAMPAIGN", 9)])
@pytest.mark.parametrize("path", [SIGN, FOLLOW, LINK])
def test_too_many_at_once(with_settings: Callable[..., FlaskClient], setting: str, clients: int, path: str) -> None:
    """By one client, or in one campaign by however many: not now, and what was typed is still there."""
    client = with_settings(**{setting: "3 per hour"})

    def ask(number: int, path: str = path, **headers: str) -> TestResponse:
        origin = {"REMOTE_ADDR": f"192.0.2.{number % clients}"}
        return client.post(path, data=SIGNER | {"statement": "My words."}, headers=headers, environ_overrides=origin)

    assert [ask(number).status_code for number in range(3)] == [SEE_OTHER] * 3
    refused = ask(3, **{"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.8"})
    assert refused.status_code == TOO_MANY
    shown = Form(refused.text).values
    typed = {name: value for name, value in (SIGNER | {"statement": "My words."}).items() if name in shown}
    assert {name: shown[name].strip() for name in typed} == typed
    assert client.get(path, environ_overrides={"REMOTE_ADDR": "192.0.2.0"}).status_code == OK
    other = client.post(path, data=SIGNER, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert other.status_code == (SEE_OTHER if clients == 1 else TOO_MANY)
    with time_machine.travel(clock.now() + timedelta(hours=2)):
        assert ask(4).status_code == SEE_OTHER


@on_sqlite
@pytest.mark.parametrize("setting", ["LIMIT_PER_CLIENT", "LIMIT_PER_CAMPAIGN"])
def test_how_long_to_wait(with_settings: Callable[..., FlaskClient], setting: str) -> None:
    """A Retry-After in seconds (RFC 6585)."""
    client = with_settings(**{setting: "1 per hour"})
    client.post(SIGN, data=SIGNER)
    refused = client.post(SIGN, data=SIGNER)
    assert refused.status_code == TOO_MANY
    assert 0 < int(refused.headers.get("Retry-After", 0)) <= 3600


@on_sqlite
def test_a_campaign_under_attack_leaves_the_others_alone(
    with_settings: Callable[..., FlaskClient], stack: Stack
) -> None:
    """Its bucket is its own; other languages of it share it."""
    import_campaign(tomllib.loads(campaign_file(stack.folder, "other").read_text()), clock.now())
    db.session.commit()
    client = with_settings(LIMIT_PER_CAMPAIGN="2 per hour")
    for path in (SIGN, "/ur/release-test/sign"):
        assert client.post(path, data=SIGNER).status_code == SEE_OTHER
    assert client.post("/es/release-test/sign", data=SIGNER).status_code == TOO_MANY
    assert client.post("/en/other/sign", data=SIGNER).status_code == SEE_OTHER


@on_sqlite
def test_words_are_not_lost_to_a_limit(house: House, with_settings: Callable[..., FlaskClient]) -> None:
    """Neither those of a statement that is left after signing."""
    place = house.path(house.confirmed().link("/confirm/")) + "/statement"
    client = with_settings(LIMIT_PER_CLIENT="1 per hour")
    client.post(SIGN, data=SIGNER)
    refused = client.post(place, data={"statement": "Long thought about."})
    assert refused.status_code == TOO_MANY
    assert Form(refused.text).values.get("statement", "").strip() == "Long thought about."


@on_sqlite
def test_proxies_are_believed_as_far_as_they_are_ours(with_settings: Callable[..., FlaskClient]) -> None:
    """Behind one proxy the last address counts; what a client wrote before it does not."""
    client = with_settings(LIMIT_PER_CLIENT="2 per hour", PROXIES="1")

    def ask(forwarded: str) -> int:
        return client.post(SIGN, data=SIGNER, headers={"X-Forwarded-For": forwarded}).status_code

    assert [ask(f"198.51.100.{number}, 192.0.2.1") for number in range(3)] == [SEE_OTHER, SEE_OTHER, TOO_MANY]
    assert ask("192.0.2.1, 192.0.2.2") == SEE_OTHER


@pytest.mark.parametrize(
    "addresses",
    [
        ["ada@example.org", "ADA@Example.ORG", "ada+1@example.org", "Ada+2+3@example.org", "ada@EXAMPLE.org"],
        ["c.d@gmail.com", "cd@gmail.com", "c.d+x@googlemail.com", "C.D@GMAIL.com", "c..d@gmail.com", ".cd@gmail.com"],
    ],
)
def test_one_inbox_is_one_signer_and_gets_few_letters(house: House, addresses: list[str]) -> None:
    """However the address is spelt: it counts once, and at most five letters a day go there."""
    first = house.confirmed(email=addresses[0])
    for number, address in enumerate(addresses * 3):
        house.post((SIGN, FOLLOW, LINK)[number % 3], SIGNER | {"email": address, "news": "all"})
        house.work()
    assert len(house.sink.letters) == LETTERS_A_DAY
    for received in house.sink.letters[1:]:
        letter = read(received.content)
        assert "/confirm/" not in letter.text
        assert house.post(letter.link("/yours/"), {"appear": "name", "news": "all"}).status_code == SEE_OTHER
    house.post(first.link("/confirm/"))
    house.work()
    assert house.count() == 1
    with time_machine.travel(clock.now() + timedelta(days=1)):
        house.post(LINK, {"email": addresses[0]})
        house.work()
    assert len(house.sink.letters) == LETTERS_A_DAY + 1


@on_sqlite
def test_letters_are_few_in_all_campaigns_together(house: House) -> None:
    """An inbox is one, however many appeals there are."""
    for number in range(LETTERS_A_DAY + 2):
        import_campaign(FACTS | {"slug": f"appeal-{number}"}, clock.now())
        db.session.commit()
        house.post(f"/en/appeal-{number}/sign", SIGNER)
    house.work()
    assert len(house.sink.letters) == LETTERS_A_DAY


@on_sqlite
def test_who_is_suppressed_hears_nothing(house: House, keys: Keyring) -> None:
    """Nor by another spelling; it is kept without the address."""
    house.sink.reply_to_recipient = lambda _address: "550 5.1.1 who?"
    house.sign()
    house.sink.reply_to_recipient = lambda _address: "250 ok"
    assert db.session.scalars(select(Suppression.key)).one() == keys.suppression_key(EmailAddress("ada", "example.org"))
    for address in ("ada@example.org", "Ada+2@example.org"):
        house.sign(email=address)
        house.post(FOLLOW, {"email": address, "news": "all"})
    house.work()
    assert house.sink.letters == []


# To speak for others.


@pytest.mark.parametrize("pressed", [0, 1])
def test_each_letter_confirms_what_was_typed_with_it(house: House, pressed: int) -> None:
    """Somebody else signs with my address: my letter still confirms mine, and theirs is gone."""
    typed = [
        {"name": "Ada Mine", "appear": "name", "news": "all", "statement": "Mine."},
        {"name": "Eve Theirs", "appear": "initials", "news": "none", "statement": "Theirs."},
    ]
    letters = [house.signed(**one) for one in typed]
    assert letters[0].link("/confirm/") != letters[1].link("/confirm/")
    chosen, other = letters[pressed], letters[1 - pressed]
    house.post(chosen.link("/confirm/"))
    house.work()
    house.post(other.link("/confirm/"))
    house.work()
    assert house.count() == 1
    signature = db.session.scalars(select(Signature)).one()
    assert signature.public_name == ("Ada Mine", "E. T.")[pressed]
    assert signature.reader.news == typed[pressed]["news"]
    assert db.session.scalars(select(Statement.body)).one() == typed[pressed]["statement"]


def test_nobody_else_decides_what_i_get(house: House) -> None:
    """A request that I have not confirmed changes no wish of mine."""
    letter = house.followed("reader@example.org", news="all")
    yours = house.yours(letter)
    assert house.post(yours, {"news": "none"}).status_code in (SEE_OTHER, UNFIT)
    reader = db.session.scalars(select(Reader)).one()
    reader.news = "none"
    db.session.commit()
    house.post(FOLLOW, {"email": "reader@example.org", "news": "all"})
    house.work()
    house.sink.clear()
    house.publish()
    assert house.sink.letters == []


def test_nobody_else_brings_back_letters(house: House) -> None:
    """Who unsubscribed stays unsubscribed until that inbox confirms otherwise."""
    house.followed("reader@example.org")
    house.publish()
    house.post(house.letters("reader@example.org")[-1].link("/unsubscribe/"))
    for path in (SIGN, FOLLOW, LINK):
        house.post(path, SIGNER | {"email": "reader@example.org", "news": "all"})
    house.work()
    house.sink.clear()
    house.publish(days=1)
    assert house.sink.letters == []


# Pages that anybody may keep.


@on_sqlite
def test_kept_pages_are_of_nobody(house: House) -> None:
    """No cookie, no token, the same for all; what is behind a letter is not kept by anyone."""
    letter = house.confirmed()
    house.publish()
    tokens = [letter.link("/confirm/").rpartition("/")[2], house.yours(letter).rpartition("/")[2]]
    for path in ("/en/", PAGE, "/ur/release-test/", f"{PAGE}timeline/", f"{PAGE}timeline/2/"):
        first = house.get(path, headers={"Cookie": "session=x", "User-Agent": "One", "Accept-Language": "ur"})
        second = house.get(path, headers={"User-Agent": "Other", "Referer": house.yours(letter)})
        assert whole(first) == whole(second)
        assert first.headers["Cache-Control"].startswith("public")
        assert "Set-Cookie" not in first.headers
        assert "Vary" not in first.headers or "Cookie" not in first.headers["Vary"]
        assert not any(token in first.text for token in tokens)
        assert not re.search(r'name="(csrf|token|nonce)|nonce=|/(confirm|yours|unsubscribe)/', first.text)
    private = [
        letter.link("/confirm/"),
        house.yours(letter),
        letter.link("/confirm/") + "/statement",
        SIGN,
        f"{PAGE}sent",
    ]
    private.append(f"/en/unsubscribe/{tokens[1]}")
    for address in private:
        answer = house.get(address)
        assert answer.headers["Cache-Control"] == "no-store", address
        assert "Set-Cookie" not in answer.headers


@on_sqlite
def test_nobody_puts_a_page_into_the_store(with_settings: Callable[..., FlaskClient]) -> None:
    """What a crooked request was answered is not given to the next visitor."""
    client = with_settings(PAGE_SECONDS="60")
    crooked: list[dict[str, Any]] = [
        {"headers": {"Host": "evil.example"}},
        {"headers": {"Host": "localhost:6666", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}},
        {"headers": {"If-None-Match": "*"}},
        {"headers": {"Range": "bytes=0-3"}},
        {"headers": {"Accept-Language": "ur", "Cookie": "locale=evil"}},
        {"method": "HEAD"},
        {"method": "POST", "headers": {"X-HTTP-Method-Override": "GET"}},
        {"query_string": "evil=evil"},
        {"environ_overrides": {"SCRIPT_NAME": "/evil"}},
    ]
    for request in crooked:
        client.open(PAGE, **request)
    page = client.get(PAGE)
    assert page.status_code == OK
    assert not re.search(r"evil|6666", page.text + str(page.headers))
    assert 'lang="en"' in page.text
    assert client.get(PAGE).data == page.data


# To leave something that stops the worker.


def test_a_poisoned_request_stops_no_other(house: House, keys: Keyring) -> None:
    """Garbage, a seal over nonsense, a request for another campaign: set aside; all others are answered."""
    sealed = [
        b"",
        b"garbage",
        b"\0" * 200,
        *(text.encode() for text in ("{", "[]", "null", '{"kind": "nonsense"}', '{"kind": "sign", "locale": "en"}')),
        b'{"kind": "sign", "locale": "en", "email": "a@example.org", "appear": "nonsense", "country": "GB"}',
        b'{"kind": "sign", "locale": "en", "email": "a@example.org", "country": "\\u0000"}',
        b'{"kind": "sign", "locale": "en", "email": ["a"], "country": "GB"}',
        b'{"kind": "sign", "locale": "en", "email": "a@example.org", "country": ' + b"[" * 5000 + b"}",
        b"\xff\xfe",
    ]
    for number, content in enumerate(sealed):
        intake = Intake(campaign_id=1, sealed=content, received_at=clock.now() - timedelta(minutes=1))
        db.session.add(intake)
        db.session.flush()
        if number > 2:
            intake.sealed = keys.sealer.seal(content, binding("intake", 1, intake.id.bytes))
    db.session.commit()
    assert house.signed()
    db.session.rollback()
    assert all(at is not None for at in db.session.scalars(select(Intake.failed_at)))
    with time_machine.travel(clock.now() + timedelta(days=8)):
        house.run("forget")
    assert db.session.scalar(select(func.count()).select_from(Intake)) == 0


def test_a_poisoned_name_stops_no_other(house: House) -> None:
    """A signature whose seal does not open keeps its name; those after it show theirs."""
    poisoned = house.signed(email="poisoned@example.org", name="Poi Soned")
    signature = db.session.scalars(select(Signature)).one()
    signature.sealed = b"garbage"
    house.post(poisoned.link("/confirm/"))
    house.confirmed_unseen(email="other@example.org", name="Other Person")
    house.worker.engine.drains["names"]()
    assert "Other Person" in house.get(f"{PAGE}signatures/").text


def test_two_statements_stop_no_other(house: House) -> None:
    """One left with the form, another on the page of thanks before the worker has unsealed the first."""
    letter = house.signed(email="twice@example.org", name="Twice", statement="First words.")
    house.post(letter.link("/confirm/"))
    house.post(house.path(letter.link("/confirm/")) + "/statement", {"statement": "Second words."})
    house.confirmed_unseen(email="other@example.org", name="Other Person")
    house.worker.engine.drains["names"]()
    shown = house.get(f"{PAGE}signatures/").text
    assert "Other Person" in shown
    assert "Twice" in shown


@on_sqlite
def test_a_poisoned_wake_up_stops_nothing(house: House) -> None:
    """Whoever can write to the queue can run no code by it, and cannot stop what follows."""
    huey = house.worker.engine.huey
    for data in (b"\x80\x04cos\nsystem\n(S'false'\ntR.", b"{", b"[]", b"[1, 2, 3, 4, 5, 6, 7, 8, 9]", b"\xff"):
        huey.storage.enqueue(data)
    house.post(SIGN, SIGNER)
    for _ in range(10):
        try:
            task = huey.dequeue()
        except Exception:  # noqa: S112 - the consumer logs it, and goes on
            continue
        if task is None:
            break
        huey.execute(task)
    house.run("letters")
    assert house.letters()


def test_a_link_is_signed_with_the_key_of_this_installation(house: House) -> None:
    """Nobody else can make one, though the handle in it may be known from a stolen dump."""
    house.confirmed()
    handle = db.session.scalars(select(Reader.handle)).one()
    own = link_signer()
    assert own.read(YOURS, own.sign(YOURS, handle)) == handle
    assert own.read(UNSUBSCRIBE, own.sign(YOURS, handle)) is None
    forged = type(own)(b"\0" * 32).sign(YOURS, handle)
    assert house.post(f"/en/yours/{forged}", {"action": "erase"}).status_code == NOT_FOUND
