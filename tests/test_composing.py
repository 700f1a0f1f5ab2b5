"""Updates written in the console: drafts, previews, two editors, publishing now, later and with a second person."""

import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from urllib.parse import urlsplit

import pytest
import time_machine
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from playwright.sync_api import Browser, Page
from sqlalchemy import event
from werkzeug.test import TestResponse

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import campaign_by_slug
from campaign.db import db
from campaign.errors import Refusal
from campaign.importing import import_campaign
from campaign.mailing.models import Delivery, Mailing, Reader
from campaign.organizers.models import Approval, AuditEntry, Organizer, Role
from campaign.organizers.operations import NotTheSecond, grant
from campaign.timeline.models import Draft, Update
from campaign.timeline.operations import AlreadyPublished, UpdateDraft, add_update, publish
from campaign.timeline.tasks import publish_due
from tests.letters_in import read
from tests.organizers_in import Organizers
from tests.servers import SmtpSink
from tests.stack import Stack
from tests.test_sending import Post, post
from tests.test_state_machine import FACTS

__all__ = ["post"]

SLUGS = (f"composing-{number}" for number in count())
SEE_OTHER, FORBIDDEN, MISSING, CONFLICT, UNPROCESSABLE = 303, 403, 404, 409, 422
TEXT = {"title": "Free them", "summary": "Taken.", "body": "Taken at night.", "demands": ["Free them."]}

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def campaign(app: object) -> Campaign:
    """An open campaign in English and Urdu, for one person."""
    texts = {"en": TEXT, "ur": TEXT | {"title": "رہا کرو"}}
    found = import_campaign(FACTS | {"slug": next(SLUGS), "texts": texts}, clock.now())
    db.session.commit()
    return found


class Desk:
    """An organizer at the console, with one campaign."""

    def __init__(self, client: FlaskClient, campaign: Campaign) -> None:
        self.client = client
        self.base = f"/console/{campaign.id}/updates"
        self.person = campaign.people[0].id

    def get(self, path: str = "/") -> str:
        """A page that is there."""
        answer = self.client.get(self.base + path)
        assert answer.status_code == 200, answer.status
        return answer.text

    def post(self, path: str, **typed: str) -> TestResponse:
        """Send a form with the session's token, as its pages carry it."""
        return self.client.post(self.base + path, data={"csrf_token": self.token, **typed})

    @property
    def token(self) -> str:
        """What every form of this session carries, also where the role sees no form."""
        app = self.client.application
        with self.client.session_transaction(base_url=app.config["PUBLIC_URL"]) as session:
            plain = session.setdefault("csrf_token", "f" * 40)
        return str(URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(plain))

    def begin(self) -> str:
        """Begin a draft: its path."""
        answer = self.post("/")
        assert answer.status_code == SEE_OTHER
        return answer.location.partition("/updates")[2]

    def whole(self, **typed: str) -> dict[str, str]:
        """A draft in which nothing is missing."""
        said = {
            "revision": "1", "kind": "status", "occurred_on": "2024-02-01", "sources": "Daily\nhttps://example.org/a",
            f"status_{self.person}": "charged", "title_en": "Charged", "body_en": "He was charged.",
            "title_ur": "فرد جرم", "body_ur": "فرد جرم عائد۔",
        }  # fmt: skip
        return said | typed

    def written(self, **typed: str) -> str:
        """A draft in which nothing is missing, saved: its path."""
        path = self.begin()
        assert self.post(path, **self.whole(**typed)).status_code == SEE_OTHER
        return path

    def publish(self, path: str, **typed: str) -> TestResponse:
        """Confirm, on the page that says what it means."""
        page = self.get(path + "publish")
        revision = page.partition('name="revision"')[2].partition('value="')[2].partition('"')[0]
        return self.post(path + "publish", **{"revision": revision, "when": "now"} | typed)


@pytest.fixture
def seat(organizers: Organizers, campaign: Campaign) -> Callable[..., Desk]:
    """Seats an organizer at the console."""

    def take(role: Role = Role.EDITOR, name: str = "", *, fresh: bool = True) -> Desk:
        account = organizers.add(name or role.value, role, campaign.id)
        return Desk(organizers.client(account, fresh=fresh), campaign)

    return take


Seat = Callable[..., Desk]


def draft_of(path: str) -> Draft:
    """The draft at a path of the console, read anew."""
    db.session.rollback()
    return db.session.get_one(Draft, int(path.split("/")[2]))


# Writing


def test_a_draft_is_written_seen_and_published(seat: Seat, campaign: Campaign, post: Post) -> None:
    """The whole way: what is missing, the two previews, the confirmation, the timeline, the letters, the log."""
    post.readers(campaign, "a@example.org", "b@example.org")
    db.session.query(Reader).filter_by(campaign_id=campaign.id).first().locale = "es"
    desk = seat()
    path = desk.begin()
    empty = desk.get(path)
    for sentence in ("what kind of news", "the day on which", "Nothing is written yet", "No source is given"):
        assert sentence in empty
    refused = desk.post(path + "publish", revision="1", when="now")
    assert refused.status_code == UNPROCESSABLE
    assert db.session.query(Update).filter_by(campaign_id=campaign.id).count() == 0

    assert desk.post(path, **desk.whole()).status_code == SEE_OTHER
    page = desk.get(path)
    assert "No Spanish text: 1 reader will get it in English." in page
    assert "It will reach 2 readers" in page
    assert "He was charged." in desk.client.get(f"{desk.base}{path}entry/en").text
    letter = desk.client.get(f"{desk.base}{path}letter/ur")
    assert "فرد جرم" in letter.text
    assert "sandbox" in letter.headers["Content-Security-Policy"]
    assert "unsubscribe/…" in letter.text

    confirmed = desk.publish(path)
    assert confirmed.location.endswith("/updates/1/")
    post.work()
    assert sorted(address for address in post.sent) == ["a@example.org", "b@example.org"]
    assert "2" in desk.get("/1/progress")
    assert "Charged" in desk.client.get(f"/en/{campaign.slug}/timeline/").text
    acts = [entry.act for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    assert acts[-3:] == ["update.begun", "update.saved", "update.published"]
    assert desk.client.get(desk.base + path).location.endswith("/updates/1/")


@one_database
def test_half_a_text_is_kept_in_a_draft_and_refused_at_publishing(seat: Seat, campaign: Campaign) -> None:
    """A title without a body; in a file, too."""
    desk = seat()
    path = desk.written(body_ur="")
    assert "a text needs both a title and a body" in desk.get(path)
    assert "Urdu" in desk.get(path + "publish")
    assert desk.post(path + "publish", revision="2", when="now").status_code == UNPROCESSABLE
    for text in (("Title", " "), ("", "Body")):
        with pytest.raises(Refusal, match="both"):
            add_update(campaign, UpdateDraft("news", date(2024, 1, 3), {"en": text}))


@one_database
def test_what_is_typed_wrongly_stays(seat: Seat) -> None:
    """422, the sentence, and every word typed."""
    desk = seat()
    path = desk.begin()
    for wrong in ({"occurred_on": "yesterday"}, {"occurred_on": "0021-02-01"}, {"corrects": "99"}, {"kind": "rumour"}):
        answer = desk.post(path, **desk.whole(title_en="Kept <b>", **wrong))
        assert answer.status_code == UNPROCESSABLE, wrong
        assert "Kept &lt;b&gt;" in answer.text
        assert "yesterday" not in wrong.values() or "yesterday" in answer.text


@one_database
def test_a_script_saves_and_is_told(seat: Seat) -> None:
    """The same address, asked for JSON: the new revision, or the sentence."""
    desk = seat()
    path = desk.begin()
    token = desk.token
    json = {"Accept": "application/json"}

    def save(**typed: str) -> TestResponse:
        return desk.client.post(desk.base + path, data={"csrf_token": token, **desk.whole(**typed)}, headers=json)

    assert save().json == {"revision": 2}
    assert save(revision="2").json == {"revision": 2}, "nothing changed"
    assert "Please check the year" in save(occurred_on="0001-01-01").json["problem"]
    overtaken = save(revision="1", title_en="Other")
    assert (overtaken.status_code, "problem" in overtaken.json) == (CONFLICT, True)
    assert "He was charged" in desk.get(path + "look")


def test_two_editors_of_one_draft_are_told(seat: Seat) -> None:
    """Each sees the other's name; the second save shows both versions, and overwrites only when it is meant."""
    anna, boris = seat(name="Anna"), seat(name="Boris")
    path = anna.written()
    boris.get(path)
    assert "Boris has this draft open" in anna.get(path)
    assert "Anna has this draft open" in boris.client.get(f"{boris.base}{path}others").json["html"]
    assert boris.post(path, **boris.whole(revision="2", title_en="By Boris")).status_code == SEE_OTHER
    both = anna.post(path, **anna.whole(revision="2", title_en="By Anna"))
    assert both.status_code == CONFLICT
    for word in ("By Anna", "By Boris", "Saved by Boris"):
        assert word in both.text
    assert draft_of(path).texts["en"]["title"] == "By Boris"
    assert 'value="3"' in both.text
    assert anna.post(path, **anna.whole(revision="3", title_en="By Anna")).status_code == SEE_OTHER
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=3)):
        assert "has this draft open" not in seat(name="Cleo").get(path)


@one_database
def test_a_translator_writes_the_other_languages_only(seat: Seat) -> None:
    """Whatever is sent; and neither begins, publishes, deletes nor corrects."""
    editor, translator = seat(), seat(Role.TRANSLATOR)
    path = editor.written()
    page = translator.get(path)
    assert 'name="title_ur"' in page
    assert 'name="title_en"' not in page
    sent = translator.whole(revision="2", title_en="Mine", kind="news", sources="none", title_ur="نیا")
    assert translator.post(path, **sent).status_code == SEE_OTHER
    draft = draft_of(path)
    assert (draft.texts["en"]["title"], draft.texts["ur"]["title"]) == ("Charged", "نیا")
    assert (draft.kind, len(draft.sources)) == ("status", 2)
    editor.publish(path)
    for act in ("/", path + "publish", path + "delete", "/1/correct", "/1/retract", "/1/pause", "/1/stop"):
        assert translator.post(act).status_code == FORBIDDEN, act


@one_database
def test_a_draft_of_another_campaign_is_not_there(seat: Seat, organizers: Organizers, campaign: Campaign) -> None:
    """Through the address of one's own campaign: 404 for every page and act."""
    path = seat().written()
    seat(name="Publisher").publish(path)
    path = seat(name="Another").written(title_en="Other")
    own = import_campaign(FACTS | {"slug": next(SLUGS)}, clock.now())
    stranger = Desk(organizers.as_role(Role.OWNER, own.id), own)
    for page in ("", "look", "others", "entry/en", "letter/en", "publish"):
        assert stranger.client.get(stranger.base + path + page).status_code == MISSING, page
    for act in ("", "test", "delete", "publish", "unschedule"):
        assert stranger.post(path + act).status_code == MISSING, act
    for act in ("correct", "retract", "pause", "resume", "stop", "retry"):
        assert stranger.post(f"/1/{act}").status_code == MISSING, act
    assert stranger.client.get(f"/console/{campaign.id}/updates/").status_code == MISSING
    assert draft_of(path).update_id is None


# A test letter


def test_a_test_letter_comes_to_who_asks(seat: Seat, post: Post) -> None:
    """In one language or in all; marked; once while it is on its way; without a list and without a reader's links."""
    desk = seat(name="Anna")
    path = desk.written()
    for language in ("ur", "ur", ""):
        assert desk.post(path + "test", language=language).status_code == SEE_OTHER
    post.work()
    letters = [received.content for received in post.sink.letters]
    assert [received.recipients for received in post.sink.letters] == [("anna@organizers.example.org",)] * 2
    assert {read(letter).headers["Subject"] for letter in letters} == {"Test: Charged", "آزمائش: فرد جرم"}
    for letter in letters:
        assert b"List-" not in letter
        assert b"/unsubscribe/" not in letter
    assert db.session.query(Mailing).count() == 0


# Publishing


def test_it_is_published_once(seat: Seat, campaign: Campaign, post: Post) -> None:
    """However often it is confirmed; the same told in a second draft is refused."""
    post.readers(campaign, "a@example.org")
    desk = seat()
    path = desk.written()
    token = desk.token
    for _ in range(2):
        answer = desk.client.post(
            f"{desk.base}{path}publish", data={"csrf_token": token, "revision": "2", "when": "now"}
        )
        assert answer.location.endswith("/updates/1/")
    twin = desk.written()
    refused = desk.publish(twin)
    assert refused.status_code == UNPROCESSABLE
    assert "already" in refused.text
    post.work()
    assert post.sent == ["a@example.org"]
    assert db.session.query(Mailing).count() == 1


@one_database
def test_what_was_changed_since_it_was_looked_at_is_not_published(seat: Seat) -> None:
    """Whoever confirms sees it again first."""
    anna, boris = seat(name="Anna"), seat(name="Boris")
    path = anna.written()
    token = anna.token
    boris.post(path, **boris.whole(revision="2", title_en="Killed"))
    answer = anna.client.post(f"{anna.base}{path}publish", data={"csrf_token": token, "revision": "2", "when": "now"})
    assert answer.location.endswith("/publish")
    assert "changed since you looked" in anna.get(path + "publish")
    assert draft_of(path).update_id is None


@one_database
def test_publishing_asks_for_the_password_again(seat: Seat) -> None:
    """When it was given long ago; so does retracting."""
    desk = seat(fresh=False)
    path = desk.written()
    assert "/verify" in desk.client.get(f"{desk.base}{path}publish").location
    answer = desk.post(path + "publish", revision="2", when="now")
    assert answer.status_code == FORBIDDEN
    assert draft_of(path).update_id is None


def test_a_scheduled_draft_is_published_at_its_time_once(seat: Seat, campaign: Campaign, post: Post) -> None:
    """Typed in the organizer's own time; it cannot be changed meanwhile; it can be taken back."""
    post.readers(campaign, "a@example.org")
    desk = seat()
    path = desk.written()
    at = (clock.now() + timedelta(hours=2)).replace(second=0, microsecond=0)
    local = at + timedelta(hours=5)
    typed = {"when": "later", "day": f"{local:%Y-%m-%d}", "clock": f"{local:%H:%M}", "offset": "20"}
    assert desk.publish(path, **typed).status_code == SEE_OTHER
    assert draft_of(path).publish_at == at
    assert "cannot be changed" in desk.get(path)
    assert desk.post(path, **desk.whole(revision="2", title_en="Other")).status_code == CONFLICT
    assert desk.post(path + "unschedule").status_code == SEE_OTHER
    assert desk.publish(path, **typed).status_code == SEE_OTHER
    assert publish_due() == 0
    with time_machine.travel(at + timedelta(seconds=1)):
        for _ in range(2):
            db.session.commit()
            with post.worker.app.app_context():
                post.worker.runs()["publishing"]()
            post.work()
    assert post.sent == ["a@example.org"]
    assert draft_of(path).update_id is not None
    entry = db.session.query(AuditEntry).filter_by(act="update.published").one()
    assert (entry.organizer, entry.details["scheduled"]) == ("editor", "yes")
    past = desk.publish(desk.written(title_en="Past"), **typed | {"day": "2024-01-01"})
    assert past.status_code == UNPROCESSABLE
    assert "lies ahead" in past.text


@one_database
def test_what_is_missing_at_its_time_is_said(seat: Seat, campaign: Campaign) -> None:
    """By then the campaign asks for a second person: it is not published, and the console says why."""
    desk = seat()
    path = desk.written(**{f"status_{desk.person}": "released"})
    draft = draft_of(path)
    draft.publish_at, db.session.get_one(Campaign, campaign.id).second_for_status = clock.now(), True
    db.session.commit()
    assert publish_due() == 0
    assert "needs a second organizer" in desk.get(path)
    assert "something is missing" in desk.get()
    assert (draft_of(path).publish_at, draft_of(path).update_id) == (None, None)


# A second person


def approval(path: str) -> Approval:
    """What waits for a second person, read anew."""
    db.session.rollback()
    return db.session.query(Approval).filter_by(subject_id=int(path.split("/")[2]), decided_at=None).one()


def organizer(name: str) -> Organizer:
    """An organizer by name."""
    return db.session.query(Organizer).filter_by(username=name).one()


@pytest.mark.parametrize("why", ["status", "readers"])
@one_database
def test_a_second_person_publishes(seat: Seat, campaign: Campaign, post: Post, why: str) -> None:
    """Asked for a release, or for many readers; nobody grants what they asked for; a change makes it void."""
    post.readers(campaign, "a@example.org", "b@example.org")
    campaign.second_for_status, campaign.second_above = why == "status", 1 if why == "readers" else None
    anna, _boris = seat(name="Anna"), seat(Role.OWNER, "Boris")
    free = {f"status_{anna.person}": "released"}
    path = anna.written(**free)
    assert "a second organizer must agree" in anna.get(path + "publish")
    assert anna.publish(path).status_code == SEE_OTHER
    assert draft_of(path).update_id is None
    assert "waits for a second organizer" in anna.get(path)
    assert "Waits for a second organizer" in anna.get()
    with pytest.raises(NotTheSecond):
        grant(approval(path), organizer("Anna"), clock.now())
    db.session.rollback()
    assert anna.post(path, **anna.whole(revision="2", title_en="Other", **free)).status_code == SEE_OTHER
    with pytest.raises(Refusal, match="changed since"):
        grant(approval(path), organizer("Boris"), clock.now())
    db.session.rollback()
    assert "is void" in anna.get(path)
    assert draft_of(path).update_id is None
    assert anna.publish(path).status_code == SEE_OTHER
    grant(approval(path), organizer("Boris"), clock.now())
    db.session.commit()
    assert draft_of(path).update_id is not None
    post.work()
    assert sorted({address for address in post.sent if "organizers" not in address}) == [
        "a@example.org",
        "b@example.org",
    ]


@one_database
def test_what_a_second_person_agreed_to_waits_for_its_time(seat: Seat, campaign: Campaign, post: Post) -> None:
    """It is scheduled then, and published without asking again; a change would void it, so there is none."""
    campaign.second_above = 0
    post.readers(campaign, "a@example.org")
    anna, _boris = seat(name="Anna"), seat(Role.OWNER, "Boris")
    path = anna.written()
    at = clock.now() + timedelta(hours=2)
    anna.publish(path, when="later", day=f"{at:%Y-%m-%d}", clock=f"{at:%H:%M}", offset="0")
    grant(approval(path), organizer("Boris"), clock.now())
    db.session.commit()
    assert draft_of(path).publish_at is not None
    with time_machine.travel(at):
        assert publish_due() == 1


# Setting right


@one_database
def test_a_wrong_entry_is_corrected_and_retracted_in_the_open(seat: Seat, campaign: Campaign) -> None:
    """The correction begins with what was wrong; the retraction tells its reason in each language it has."""
    desk = seat()
    desk.publish(desk.written(**{f"status_{desk.person}": "released"}))
    corrected = desk.post("/1/correct")
    path = corrected.location.partition("/updates")[2]
    page = desk.get(path)
    assert "He was charged." in page
    assert desk.post(path, **desk.whole(kind="correction", corrects="1", title_en="Not so")).status_code == SEE_OTHER
    assert desk.publish(path).location.endswith("/updates/2/")
    assert "This was corrected in entry 2" in desk.client.get(f"/en/{campaign.slug}/timeline/1/").text

    empty = desk.post("/2/retract", reason_en=" ", reason_ur="")
    assert empty.status_code == UNPROCESSABLE
    done = desk.post("/2/retract", reason_en="A rumour.", reason_ur="افواہ۔")
    assert done.status_code == SEE_OTHER
    assert "A rumour." in desk.client.get(f"/en/{campaign.slug}/timeline/2/").text
    assert "افواہ۔" in desk.client.get(f"/ur/{campaign.slug}/timeline/2/").text
    assert "A rumour." in desk.client.get(f"/es/{campaign.slug}/timeline/2/").text


# The list


@one_database
def test_the_list_asks_the_same_with_few_and_with_many(seat: Seat, campaign: Campaign) -> None:
    """A fixed number of queries, with 500 updates as with 20; page by page to the end; a draft is deleted."""
    desk = seat()
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *about: asked.append(about[2]))
    sizes = []
    for total in (25, 500):
        for number in range(db.session.query(Update).filter_by(campaign_id=campaign.id).count(), total):
            told = UpdateDraft("news", date(2022, 1, 3) + timedelta(number), {"en": (f"News {number}", "News.")})
            publish(add_update(campaign, told), clock.now(), is_told=number % 2 == 0)
        for _ in range(2):
            asked.clear()
            first = desk.get()
            queries = len(asked)
        sizes.append(queries)
    assert sizes[0] == sizes[1] < 25
    assert "News 499" in first
    page = first
    for _ in range(24):
        page = desk.get("/" + re.findall(r'href="[^"]*/updates/([^"]*)" rel="next"', page)[0])
    assert "News 0<" in page
    path = desk.begin()
    assert "Without a title" in desk.get()
    assert desk.post(path + "delete").status_code == SEE_OTHER
    assert desk.client.get(desk.base + path).status_code == MISSING


@one_database
def test_a_file_is_published_beside_the_console(campaign: Campaign) -> None:
    """The command line's way: the operation refuses a second time."""
    update = add_update(campaign, UpdateDraft("news", date(2024, 1, 3), {"en": ("News", "News.")}))
    publish(update, clock.now())
    with pytest.raises(AlreadyPublished):
        publish(update, clock.now())
    assert db.session.query(Delivery).count() == 0


# In a browser


@one_database
@pytest.mark.parametrize("has_scripts", [True, False])
def test_composed_in_a_browser(
    stack: Stack, organizers: Organizers, browser: Browser, sink: SmtpSink, has_scripts: bool
) -> None:
    """Compose, look, publish, watch, correct: with scripts, which save by themselves, and without."""
    campaign = campaign_by_slug("release-test")
    assert campaign is not None
    account = organizers.add("Anna", Role.EDITOR, campaign.id)
    cookie = organizers.client(account).get_cookie("campaign", domain=urlsplit(stack.url).hostname or "")
    assert cookie is not None
    base, person = f"{stack.url}/console/{campaign.id}/updates/", campaign.people[0].id
    db.session.commit()
    stack.start_web()
    stack.start_worker()
    context = browser.new_context(java_script_enabled=has_scripts, viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "campaign", "value": cookie.value, "url": stack.url}])
    page = context.new_page()
    page.goto(base)
    page.get_by_role("button", name="Write an update").click()
    page.get_by_label("What happened").select_option("status")
    page.get_by_label("On which day").fill("2024-02-01")
    page.locator(f"[name=status_{person}]").select_option("charged")
    page.get_by_label("Title in English").fill("He is charged")
    page.get_by_label("Text in English").fill("A judge charged him.")
    if has_scripts:
        page.get_by_text("Saved.", exact=True).wait_for()
    else:
        page.get_by_role("button", name="Save and look").click()
    frame = page.frame_locator("#look-en ~ .pair iframe").first
    frame.get_by_text("A judge charged him.").wait_for()
    letter = page.frame_locator("#look-en ~ .pair iframe").nth(1)
    letter.get_by_text("A judge charged him.").wait_for()
    assert page.get_by_text("No source is given.").is_visible()
    look_at(page, f"compose-{has_scripts}")

    page.get_by_role("link", name="Publish").click()
    look_at(page, f"publish-{has_scripts}")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("heading", name="Letters").wait_for()
    look_at(page, f"page-{has_scripts}")
    page.get_by_role("button", name="Correct it").click()
    assert page.get_by_label("Title in English").input_value() == "He is charged"
    page.get_by_label("Title in English").fill("He is not charged")
    page.get_by_role("button", name="Save and look").click()
    page.get_by_role("link", name="Publish").click()
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("link", name="All updates").click()
    page.get_by_role("link", name="He is not charged").wait_for()
    look_at(page, f"list-{has_scripts}")
    context.close()


def look_at(page: Page, name: str) -> None:
    """No page is wider than a phone; with LOOK set to a folder, pictures go there."""
    if folder := os.environ.get("LOOK"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    if folder:
        page.screenshot(path=f"{folder}/{name}-phone.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
