"""Campaigns in the console: founded, written, translated, previewed, opened, closed; versions of what was signed."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from http import HTTPStatus

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from campaign import clock
from campaign.campaigns.models import Campaign, TextVersion
from campaign.campaigns.operations import TextDraft, Writing, version_signed, write_text
from campaign.campaigns.queries import campaign_by_slug
from campaign.db import db
from campaign.organizers.models import AuditEntry, Role
from campaign.organizers.operations import grant, possible_seconds
from campaign.organizers.queries import approval_for
from campaign.signing.models import Signature
from campaign.timeline.operations import UpdateDraft, add_update
from tests import test_state_machine
from tests.letters_in import read
from tests.organizers_in import Account, Organizers, token_in
from tests.servers import SmtpSink
from tests.stack import SIGNER, Stack
from tests.test_state_machine import World

world = test_state_machine.world

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

SLUG = "release-test"
PAGE = f"/en/{SLUG}/"
WORDS = {
    "title": "Release the test",
    "summary": "One was taken at night.",
    "body": "Nobody says where he is.",
    "demands": "Set him free.\nSay where he is.",
}


class Desk:
    """Somebody at the console of one campaign."""

    def __init__(self, client: FlaskClient, campaign_id: int) -> None:
        self.client = client
        self.root = f"/console/{campaign_id}/"

    def get(self, path: str = "") -> TestResponse:
        """A page of the campaign."""
        return self.client.get(f"{self.root}{path}")

    def post(self, path: str, page: str | None = None, **typed: object) -> TestResponse:
        """Send a form as it stands on its page, with what is typed."""
        shown = self.get(page or path).text
        seen = re.search(r'name="seen" type="hidden" value="([^"]*)"', shown)
        data = {"csrf_token": token_in(shown), "seen": seen[1] if seen else "", **typed}
        return self.client.post(f"{self.root}{path}", data=data)


@pytest.fixture
def campaign(stack: Stack, app: Flask) -> Campaign:
    """The campaign of `stack`: open, in English and Urdu, for one person."""
    found = campaign_by_slug(SLUG)
    assert found is not None
    return found


@pytest.fixture
def owner(organizers: Organizers) -> Account:
    """The owner of the campaign."""
    return organizers.add("Olga", Role.OWNER, 1)


@pytest.fixture
def desk(campaign: Campaign, organizers: Organizers, owner: Account) -> Desk:
    """The owner at the console."""
    return Desk(organizers.client(owner), campaign.id)


def desk_of(organizers: Organizers, role: Role) -> Desk:
    """Somebody else at the same campaign."""
    return Desk(organizers.as_role(role, 1), 1)


def draft(title: str = "Release the test", **words: object) -> TextDraft:
    """A text."""
    return TextDraft(**{"title": title, "summary": "", "body": "Taken.", "demands": ["Free him."], **words})  # type: ignore[arg-type]


def write(campaign: Campaign, title: str, locale: str = "en") -> None:
    """Change a text."""
    write_text(campaign, locale, draft(title), Writing("Olga", clock.now()))


def numbers(locale: str = "en") -> list[int]:
    """The versions there are."""
    found = db.session.query(TextVersion).filter_by(locale=locale).order_by(TextVersion.number)
    return [version.number for version in found]


def acts(campaign_id: int = 1) -> list[str]:
    """What a campaign's log says was done, in order."""
    entries = db.session.query(AuditEntry).filter_by(campaign_id=campaign_id)
    return [entry.act for entry in entries.order_by(AuditEntry.id)]


# Versions


def test_before_the_first_signature_a_change_replaces_the_version(campaign: Campaign) -> None:
    """Nobody has signed: one version, with the new words."""
    write(campaign, "Release him")
    write(campaign, "Release him now")
    assert numbers() == [1]
    assert campaign.text_in("en").version.title == "Release him now"


def test_after_the_first_signature_each_change_is_a_new_dated_version(campaign: Campaign) -> None:
    """What was signed stays, in every language; the same words again are no change."""
    first = version_signed(campaign, None, "en", clock.now())
    with time_machine.travel(clock.now() + timedelta(days=2)):
        write(campaign, "Release him")
        write(campaign, "Release him")
        later = clock.now().date()
    assert numbers() == [1, 2]
    assert campaign.text_in("en").version.made_at.date() == later
    assert first.title == "Release the test"
    write(campaign, "رہا", "ur")
    assert numbers("ur") == [1, 2]


def test_the_outcome_is_not_what_people_sign(campaign: Campaign) -> None:
    """To say how it ended makes no version, but the translations are then older."""
    version_signed(campaign, None, "en", clock.now())
    present = campaign.text_in("en")
    words = {name: getattr(present, name) for name in ("title", "summary", "body", "demands")}
    write_text(campaign, "en", TextDraft(**words, outcome="He is home."), Writing("Olga", clock.now()))
    assert numbers() == [1]
    assert campaign.text_in("ur").state_beside(present) == "older"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE text_versions SET body = 'other'",
        "UPDATE text_versions SET made_at = '2020-01-01'",
        "UPDATE text_versions SET fixed_at = NULL",
        "DELETE FROM text_versions",
    ],
)
def test_the_database_keeps_what_was_signed(campaign: Campaign, statement: str) -> None:
    """Whoever has the database's password cannot change it by mistake either."""
    version_signed(campaign, None, "en", clock.now())
    db.session.commit()
    with pytest.raises(DBAPIError, match="a text that was signed is not changed"):
        db.session.execute(text(statement))
    db.session.rollback()


def sign(world: World, sink: SmtpSink, email: str = "a@example.org", **typed: str) -> Signature:
    """Sign, and have the request answered."""
    answer = world.client.post(f"{PAGE}sign", data=SIGNER | {"email": email} | typed)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    world.work()
    found = db.session.query(Signature).order_by(Signature.id.desc()).populate_existing().first()
    assert found is not None
    return found


def shown_version(client: FlaskClient, path: str = PAGE) -> str:
    """The number that the form of the page carries."""
    found = re.search(r'name="version"\s+value="(\d+)"', client.get(path).text)
    assert found is not None
    return found[1]


def test_a_signature_knows_which_text_was_signed(campaign: Campaign, world: World, sink: SmtpSink) -> None:
    """The one that was shown, though another stands by the time it arrives; and "yours" leads to it."""
    old = shown_version(world.client)
    assert sign(world, sink, version=old).text_version_id == int(old)
    write(campaign, "Release him at once")
    new = shown_version(world.client)
    assert new != old
    assert sign(world, sink, "late@example.org", version=old).text_version_id == int(old)
    assert sign(world, sink, "new@example.org", version=new).text_version_id == int(new)
    letter = read(sink.wait_for(1, to="late@example.org")[0].content)
    world.client.post(letter.link("/confirm/"))
    yours = re.search(r'href="([^"]*/yours/[^"]*)"', world.client.get(letter.link("/confirm/")).text)
    assert yours is not None
    assert f'href="{PAGE}text/1/"' in world.client.get(yours[1]).text


@one_database
@pytest.mark.parametrize("shown", ["", "999", "-1", "1e3", "99999999999999999999", "٣", "x" * 50])
def test_a_made_up_version_is_the_present_one(campaign: Campaign, world: World, sink: SmtpSink, shown: str) -> None:
    """In the language of whoever signed."""
    assert sign(world, sink, version=shown).text_version_id == campaign.text_in("en").version_id


@one_database
def test_the_version_of_another_campaign_is_not_taken(
    campaign: Campaign, world: World, sink: SmtpSink, organizers: Organizers
) -> None:
    """It is this campaign's text that was signed."""
    other = Desk(organizers.as_role(Role.OWNER), 0)
    shown = other.client.get("/console/campaigns/new").text
    typed = {"csrf_token": token_in(shown), "language": "en", **WORDS, "slug": "other"}
    assert other.client.post("/console/campaigns/new", data=typed).status_code == HTTPStatus.SEE_OTHER
    foreign = campaign_by_slug("other")
    assert foreign is not None
    foreign_version = foreign.text_in("en").version_id
    assert sign(world, sink, version=str(foreign_version)).text_version_id == campaign.text_in("en").version_id


@one_database
def test_readers_see_the_versions(campaign: Campaign, client: FlaskClient) -> None:
    """Linked once there are two; each with its words and its days."""
    assert f"{PAGE}text/" not in client.get(PAGE).text
    version_signed(campaign, None, "en", clock.now())
    write(campaign, "Release him at once")
    assert f'href="{PAGE}text/"' in client.get(PAGE).text
    listed = client.get(f"{PAGE}text/").text
    assert listed.index("Release him at once") < listed.index(f"{PAGE}text/1/")
    assert "Release the test" in client.get(f"{PAGE}text/1/").text
    assert "Release him at once" in client.get(f"{PAGE}text/2/").text
    assert client.get(f"{PAGE}text/3/").status_code == HTTPStatus.NOT_FOUND
    assert "رہا کرو" in client.get(f"/ur/{SLUG}/text/1/").text


# Founding


def found(client: FlaskClient, **typed: str) -> TestResponse:
    """Send the form that founds a campaign."""
    token = token_in(client.get("/console/campaigns/new").text)
    return client.post("/console/campaigns/new", data={"csrf_token": token, "language": "en", **WORDS, **typed})


@pytest.fixture
def founder(stack: Stack, organizers: Organizers) -> FlaskClient:
    """Somebody who may found campaigns."""
    return organizers.client(organizers.add("Founder", Role.OWNER))


def test_a_campaign_is_founded_as_a_draft(founder: FlaskClient, client: FlaskClient) -> None:
    """Its address is made from the title; who founds it owns it; nobody else sees it."""
    answer = found(founder, title="Release Ámar Fayaz!", person_name="Amar Fayaz", person_since="2020-11-08")
    made = campaign_by_slug("release-amar-fayaz")
    assert made is not None
    assert answer.location == f"/console/{made.id}/"
    assert (made.state, made.goal_grows, made.texts[0].demands) == (
        "draft",
        True,
        ["Set him free.", "Say where he is."],
    )
    assert [(person.name, person.since) for person in made.people] == [({"en": "Amar Fayaz"}, date(2020, 11, 8))]
    assert founder.get(answer.location).status_code == HTTPStatus.OK
    assert client.get("/en/release-amar-fayaz/").status_code == HTTPStatus.NOT_FOUND
    assert "campaign.founded" in acts(made.id)


@one_database
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"slug": SLUG}, "taken"),
        ({"slug": "Console"}, "taken"),
        ({"slug": "not here"}, "may hold only"),
        ({"slug": "../etc"}, "may hold only"),
        ({"title": "رہا کرو"}, "No address can be made"),
        ({"title": ""}, "Please give a title"),
        ({"person_name": "Amin"}, "the day on which"),
        ({"person_name": "Amin", "person_since": "2999-01-01"}, "has not come yet"),
        ({"title": "x" * 121}, "too long"),
        ({"language": "xx"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_founded(founder: FlaskClient, typed: dict[str, str], sentence: str) -> None:
    """A kind sentence; what was typed is still there; nothing is made."""
    before = db.session.query(Campaign).count()
    answer = found(founder, **typed)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert sentence in answer.text
    assert "Nobody says where he is." in answer.text
    assert db.session.query(Campaign).count() == before


@one_database
def test_only_founders_found(stack: Stack, organizers: Organizers) -> None:
    """An editor somewhere may not."""
    client = organizers.as_role(Role.EDITOR, 1)
    assert client.get("/console/campaigns/new").status_code == HTTPStatus.FORBIDDEN


# Texts


def test_writing_a_text(desk: Desk, client: FlaskClient) -> None:
    """Saved, shown, logged; the translation is then older, until it is said to be right."""
    assert desk.post("text/en/", **WORDS | {"title": "Let him go"}).status_code == HTTPStatus.SEE_OTHER
    assert "Let him go" in client.get(PAGE).text
    assert "Olga" in desk.get("text/").text
    assert "Older than the original" in desk.get("text/").text
    assert "older than the original" in desk.get().text
    assert desk.post("text/ur/right", "text/ur/").status_code == HTTPStatus.SEE_OTHER
    assert "Older than the original" not in desk.get("text/").text
    assert acts()[-2:] == ["text.changed", "text.found_right"]


@one_database
def test_a_long_text_in_urdu_arrives_whole(desk: Desk, client: FlaskClient) -> None:
    """Thirty thousand letters, six bytes each on their way."""
    body = "کوئی نہیں بتاتا " * 1800
    assert desk.post("text/ur/", **WORDS | {"body": body}).status_code == HTTPStatus.SEE_OTHER
    assert client.get(f"/ur/{SLUG}/").text.count("کوئی نہیں بتاتا") == 1800


@one_database
def test_two_write_one_text(desk: Desk, organizers: Organizers) -> None:
    """Who comes second is told, keeps what was typed, and may then save."""
    other = desk_of(organizers, Role.EDITOR)
    page = desk.get("text/en/").text
    seen = re.search(r'name="seen" type="hidden" value="([^"]*)"', page)
    assert seen is not None
    other.post("text/en/", **WORDS | {"title": "From the editor"})
    answer = desk.client.post(
        "/console/1/text/en/", data={**WORDS, "title": "Mine", "csrf_token": token_in(page), "seen": seen[1]}
    )
    assert answer.status_code == HTTPStatus.CONFLICT
    assert 'value="Mine"' in answer.text
    assert "in the meantime" in answer.text
    assert desk.post("text/en/", **WORDS | {"title": "Mine"}).status_code == HTTPStatus.SEE_OTHER


@one_database
def test_a_translator_translates_and_nothing_else(desk: Desk, organizers: Organizers, campaign: Campaign) -> None:
    """Any text but the original; of a person, the words in other languages."""
    translator = desk_of(organizers, Role.TRANSLATOR)
    assert translator.get("text/en/").status_code == HTTPStatus.FORBIDDEN
    assert translator.post("text/en/", "text/ur/", **WORDS).status_code == HTTPStatus.FORBIDDEN
    assert translator.post("text/es/", **WORDS | {"title": "Libertad"}).status_code == HTTPStatus.SEE_OTHER
    person = campaign.people[0]
    typed = {"name_en": "Somebody else", "name_ur": "طارق", "since": "2020-01-01", "age": "99"}
    assert translator.post(f"people/{person.id}/", **typed).status_code == HTTPStatus.SEE_OTHER
    db.session.refresh(person)
    assert person.name == {"en": "Tariq Example", "ur": "طارق"}
    assert (person.age, person.since) == (None, date(2024, 1, 2))
    for path in ("people/new", "targets/new", "state/", "settings/"):
        assert translator.get(path).status_code == HTTPStatus.FORBIDDEN, path
    assert campaign_by_slug(SLUG).text_of("es").version.number == 1  # type: ignore[union-attr]


# Preview


@one_database
def test_the_preview_is_the_page_and_keeps_nothing(desk: Desk, client: FlaskClient, campaign: Campaign) -> None:
    """The typed words in the real page, in its language; framed by us alone; nothing else may be framed."""
    before = client.get(f"/ur/{SLUG}/").text
    answer = desk.post("preview/ur/", "text/ur/", **WORDS | {"title": "<b>نیا</b>", "body": "*typed*"})
    assert answer.status_code == HTTPStatus.OK
    assert 'lang="ur" dir="rtl"' in answer.text
    assert "&lt;b&gt;نیا&lt;/b&gt;" in answer.text
    assert "<em>typed</em>" in answer.text
    assert client.get(f"/ur/{SLUG}/").text == before
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy
    assert "script-src 'self'" in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "no-store" in answer.headers["Cache-Control"]
    for path in ("", "text/en/", "people/"):
        assert "frame-ancestors 'none'" in desk.get(path).headers["Content-Security-Policy"]


@one_database
def test_a_draft_is_seen_by_its_organizers_only(founder: FlaskClient, client: FlaskClient, desk: Desk) -> None:
    """As a page, before it opens."""
    found(founder, slug="draft-test", title="Not yet")
    made = campaign_by_slug("draft-test")
    assert made is not None
    path = f"/console/{made.id}/preview/en/"
    assert "Not yet" in founder.get(path).text
    assert desk.client.get(path).status_code == HTTPStatus.NOT_FOUND
    assert client.get(path).status_code == HTTPStatus.FOUND
    assert client.get("/en/draft-test/text/").status_code == HTTPStatus.NOT_FOUND


# Opening and closing


def test_open_win_and_open_again(founder: FlaskClient, client: FlaskClient) -> None:
    """What is missing is said first; the outcome stands on the page."""
    found(founder, slug="new-one", demands="")
    made = campaign_by_slug("new-one")
    assert made is not None
    mine = Desk(founder, made.id)
    assert "There is no demand yet" in mine.get().text
    answer = mine.post("state/open", "text/en/")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "neither a person nor anybody" in answer.text
    mine.post("text/en/", **WORDS)
    mine.post("targets/new", kind="government", name_en="Government of Testland")
    assert mine.post("state/open", "state/").status_code == HTTPStatus.SEE_OTHER
    assert "Add your name" in client.get("/en/new-one/").text
    assert mine.post("state/close", "state/", state="won", outcome_en="They gave in.").status_code == 303
    assert "They gave in." in client.get("/en/new-one/").text
    assert mine.post("state/open", "state/").status_code == HTTPStatus.SEE_OTHER
    assert mine.post("state/open", "text/en/").status_code == HTTPStatus.CONFLICT
    assert mine.post("state/close", "state/", state="draft").status_code == HTTPStatus.BAD_REQUEST
    assert [act for act in acts(made.id) if act.startswith("campaign.")] == [
        "campaign.founded",
        "campaign.opened",
        "campaign.won",
        "campaign.reopened",
    ]


# People and targets


def test_people_are_added_changed_moved_and_removed(desk: Desk, campaign: Campaign) -> None:
    """Of whom the timeline tells, stays; the sentence says why."""
    assert desk.post("people/new", name_en="Amin", name_ur="امین", since="2020-07-01").status_code == 303
    amin = campaign_by_slug(SLUG).people[1]  # type: ignore[union-attr]
    assert (
        desk.post(f"people/{amin.id}/", name_en="Amin", role_en="Student", age="24", since="2020-07-02").status_code
        == 303
    )
    assert desk.post(f"people/{amin.id}/up", "people/").status_code == HTTPStatus.SEE_OTHER
    db.session.expire_all()
    assert [person.name["en"] for person in campaign.people] == ["Amin", "Tariq Example"]
    assert (amin.role, amin.age, amin.since) == ({"en": "Student"}, 24, date(2020, 7, 2))
    tariq = campaign.people[1]
    answer = desk.post(f"people/{tariq.id}/remove", f"people/{tariq.id}/")
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "cannot be removed" in answer.text
    assert 'value="Tariq Example"' in answer.text
    add_update(campaign, UpdateDraft("status", date(2020, 7, 3), {"en": ("Seen", "…")}, statuses={"Amin": "missing"}))
    assert desk.post(f"people/{amin.id}/remove", f"people/{amin.id}/").status_code == HTTPStatus.CONFLICT
    db.session.execute(text("DELETE FROM status_changes WHERE person_id = :id"), {"id": amin.id})
    assert desk.post(f"people/{amin.id}/remove", f"people/{amin.id}/").status_code == HTTPStatus.SEE_OTHER
    assert acts()[-4:] == ["person.added", "person.changed", "person.moved", "person.removed"]


@one_database
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"since": "2020-01-01"}, "give a name"),
        ({"name_en": "Amin"}, "the day on which"),
        ({"name_en": "Amin", "since": "2999-01-01"}, "has not come yet"),
        ({"name_en": "Amin", "since": "2020-01-01", "age": "500"}, "between 0 and 120"),
        ({"name_en": "A" * 121, "since": "2020-01-01"}, "too long"),
    ],
)
def test_people_who_cannot_be(desk: Desk, typed: dict[str, str], sentence: str) -> None:
    """A kind sentence, and nothing is lost."""
    answer = desk.post("people/new", role_en="A student", **typed)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert sentence in answer.text
    assert 'value="A student"' in answer.text


@one_database
def test_targets_are_added_changed_moved_and_removed(desk: Desk, campaign: Campaign) -> None:
    """In the order that the organizers choose."""
    desk.post("targets/new", kind="embassy", name_en="Embassy")
    target = campaign_by_slug(SLUG).targets[1]  # type: ignore[union-attr]
    assert desk.post(f"targets/{target.id}/", kind="company", name_en="Company").status_code == 303
    desk.post(f"targets/{target.id}/up", "people/")
    db.session.expire_all()
    assert (campaign.targets[0].kind, campaign.targets[0].name["en"]) == ("company", "Company")
    assert desk.post("targets/new", kind="planet", name_en="X").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert desk.post("targets/new", kind="company").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert desk.post(f"targets/{target.id}/remove", f"targets/{target.id}/").status_code == 303
    db.session.expire_all()
    assert len(campaign.targets) == 1


@one_database
def test_nothing_of_another_campaign_is_reached_through_ones_own(
    desk: Desk, founder: FlaskClient, campaign: Campaign
) -> None:
    """Its person, its target: 404, for reading and writing alike; its address: 404 too."""
    found(founder, slug="foreign", person_name="Foreign", person_since="2020-01-01")
    foreign = campaign_by_slug("foreign")
    assert foreign is not None
    Desk(founder, foreign.id).post("targets/new", kind="company", name_en="Foreign")
    db.session.expire_all()
    person, target = foreign.people[0].id, foreign.targets[0].id
    token = token_in(desk.get("people/new").text)
    for path in (f"people/{person}/", f"targets/{target}/"):
        for root in (desk.root, f"/console/{foreign.id}/"):
            assert desk.client.get(f"{root}{path}").status_code == HTTPStatus.NOT_FOUND
            for act in ("", "up", "remove", "photo", "photo/remove"):
                answer = desk.client.post(
                    f"{root}{path}{act}", data={"csrf_token": token, "name_en": "Mine", "since": "2020-01-01"}
                )
                assert answer.status_code == HTTPStatus.NOT_FOUND, (root, path, act)
    db.session.expire_all()
    assert foreign.people[0].name == {"en": "Foreign"}


# Settings


SETTINGS = {"second_above": "", "country": "PK", "hashtag": "#New", "goal": "250", "goal_grows": "y"}
PROTECTED = {"second_above": "100", "second_for_status": "y", "second_for_export": "y"}


def protections() -> tuple[int | None, bool, bool]:
    """What needs a second organizer."""
    db.session.expire_all()
    found = campaign_by_slug(SLUG)
    assert found is not None
    return found.second_above, found.second_for_status, found.second_for_export


def test_to_loosen_takes_a_second_organizer_and_to_tighten_none(
    desk: Desk, organizers: Organizers, owner: Account, campaign: Campaign
) -> None:
    """What protects less waits; all else is done at once; who is alone cannot free themselves."""
    desk.post("settings/", **SETTINGS | PROTECTED)
    assert protections() == (100, True, True)
    alone = desk.post("settings/", **SETTINGS | {"hashtag": "#Typed"}, second_for_status="y")
    assert alone.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "no second owner or editor" in alone.text
    assert "#Typed" in alone.text
    assert protections() == (100, True, True)
    second = organizers.add("Second", Role.EDITOR, 1)
    answer = desk.post("settings/", **SETTINGS | {"goal": "500", "second_above": "1000"}, second_for_status="y")
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert protections() == (100, True, True)
    assert campaign.goal == 500
    assert "waits for a second organizer" in desk.get("settings/").text
    assert "waits for a second organizer" in desk.get().text
    asked = approval_for("loosen", campaign.id)
    assert asked is not None
    (member,) = possible_seconds(campaign.id, asked.asked_by, clock.now())
    assert member.organizer_id == second.id
    grant(asked, member.organizer, clock.now())
    assert protections() == (1000, True, False)
    desk.post("settings/", **SETTINGS | {"second_above": "0"}, second_for_status="y")
    assert protections() == (0, True, False), "to tighten needs nobody"
    assert "settings.loosen_asked" in acts()


@one_database
@pytest.mark.parametrize("goal", ["0", "-5", "many", "99999999999999999999", ""])
def test_goals_that_cannot_be(desk: Desk, goal: str) -> None:
    """A sentence, and the page with what was typed."""
    answer = desk.post("settings/", **SETTINGS | {"goal": goal})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "#New" in answer.text


@one_database
def test_settings_are_for_owners_who_were_just_asked_for_their_password(
    desk: Desk, organizers: Organizers, owner: Account
) -> None:
    """An hour later the password is asked for again; an editor has no business there."""
    assert Desk(organizers.client(owner, fresh=False), 1).get("settings/").status_code == HTTPStatus.FOUND
    assert desk_of(organizers, Role.EDITOR).get("settings/").status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("goal", "count", "shown"),
    [
        (100, 0, 100), (100, 99, 100), (100, 100, 250), (100, 249, 250), (100, 250, 500), (100, 500, 1000),
        (1000, 10, 1000), (1000, 1000, 2500), (1000, 2500, 5000), (1000, 5000, 10_000), (300, 0, 500),
        (100, 1_000_000, 2_500_000),
    ],
)  # fmt: skip
def test_a_goal_grows_in_steps(goal: int, count: int, shown: int) -> None:
    """1, 2.5, 5: the first that is still ahead, and none below the goal."""
    assert Campaign(goal=goal, goal_grows=True).goal_at(count) == shown
    assert Campaign(goal=goal, goal_grows=False).goal_at(count) == goal


# Home


@pytest.fixture
def queries(app: Flask) -> Callable[[], int]:
    """How many statements the database was asked so far."""
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    return lambda: len(asked)


@one_database
def test_home_shows_my_campaigns_and_costs_the_same_for_many(
    desk: Desk, founder: FlaskClient, queries: Callable[[], int]
) -> None:
    """Those of others do not show; two campaigns take as many queries as eight."""
    assert "Release the test" in desk.client.get("/console/").text
    assert "Release the test" not in founder.get("/console/").text
    costs = []
    for number in range(8):
        found(founder, slug=f"one-{number}", title=f"Release number {number}")
        before = queries()
        page = founder.get("/console/").text
        costs.append(queries() - before)
    assert "Release number 7" in page
    assert "the campaign can open" not in page
    assert len(set(costs[1:])) == 1, costs
