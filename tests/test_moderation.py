"""Moderation: who decides what; undone, at the same time, by keyboard, and never of another campaign."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.importing import import_campaign
from campaign.mailing.models import Delivery, Reader
from campaign.organizers.models import AuditEntry, Role
from campaign.signing.models import Signature, new_secret
from campaign.statements.models import Act, Decision, Endorsement, Reason, Statement
from campaign.statements.operations import (
    EndorsementDraft,
    Moderator,
    NeedsReason,
    NotToBeDecided,
    Verdict,
    add_endorsement,
    decide,
)
from tests.organizers_in import Organizers, token_in
from tests.stack import Stack
from tests.test_state_machine import FACTS

OK, SEE_OTHER, FORBIDDEN, NOT_FOUND, UNPROCESSABLE = 200, 303, 403, 404, 422

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    """A campaign."""
    made = import_campaign(FACTS | {"slug": "moderated"}, clock.now())
    db.session.commit()
    return made


def said(campaign: Campaign, body: str, appear: str = "name", minutes: int = 0, **of: str) -> Statement:
    """Words of somebody, that wait."""
    now = clock.now() + timedelta(minutes=minutes)
    secret, commitment = new_secret()
    reader = Reader(campaign_id=campaign.id, sealed_address=b"x", fingerprint=secret, locale="en", news="all",
                    created_at=now, confirmed_at=now)  # fmt: skip
    signature = Signature(
        campaign_id=campaign.id, reader=reader, state="confirmed", appear=appear, news="all", locale="en",
        country="GB", sealed=b"x", is_veiled=False, secret=secret, commitment=commitment, signed_at=now,
        confirmed_at=now, public_name={"name": "Ada Example", "initials": "A. E."}.get(appear),
    )  # fmt: skip
    words = Statement(campaign_id=campaign.id, signature=signature, body=body, made_at=now, **({"locale": "en"} | of))
    db.session.add(words)
    db.session.commit()
    return words


def endorsed(campaign: Campaign, organisation: str, minutes: int = 0) -> Endorsement:
    """An endorsement that waits."""
    draft = EndorsementDraft(organisation, "CA", 50, "Rosa", "secretary", True, {"ur": "ہم ساتھ ہیں"})
    made = add_endorsement(campaign.id, draft, clock.now() + timedelta(minutes=minutes))
    made.state, made.proved_domain = "waiting", "union.example"
    made.decided_at = made.published_at = None
    db.session.commit()
    return made


class Desk:
    """A moderator before the queue of a campaign."""

    def __init__(self, client: FlaskClient, campaign: Campaign) -> None:
        self.client = client
        self.url = f"/console/{campaign.id}/moderation/"

    def read(self, **query: str) -> str:
        """A page of the queue."""
        answer = self.client.get(self.url, query_string=query)
        assert answer.status_code == OK
        return answer.text

    def shown(self, **query: str) -> list[str]:
        """The keys of what stands on it, in order."""
        return re.findall(r'<li id="([a-z]+-\d+)"', self.read(**query))

    def press(self, item: Statement | Endorsement, act: str, seen: int = 0, **typed: str) -> TestResponse:
        """Decide on one, by the form that was seen when `seen` was its newest decision."""
        key = f"{item.kind}-{item.id}"
        fields = {f"{key}-{name}": value for name, value in {"act": act, "seen": str(seen), **typed}.items()}
        token = token_in(self.read(tab="decided")) or token_in(self.read())
        return self.client.post(f"{self.url}{item.kind}/{item.id}", data={"csrf_token": token, **fields})

    def newest(self) -> int:
        """The number of the newest decision."""
        return db.session.scalar(select(Decision.id).order_by(Decision.id.desc()).limit(1)) or 0


@pytest.fixture
def desk(organizers: Organizers, campaign: Campaign) -> Desk:
    """Mina's."""
    return Desk(organizers.client(organizers.add("Mina", Role.MODERATOR, campaign.id)), campaign)


@pytest.fixture
def other_desk(organizers: Organizers, campaign: Campaign) -> Desk:
    """Omar's."""
    return Desk(organizers.client(organizers.add("Omar", Role.OWNER, campaign.id)), campaign)


def letters() -> list[tuple[str, int | None]]:
    """The letters that are owed."""
    db.session.rollback()
    return [(row.letter, row.subject_id) for row in db.session.query(Delivery).where(Delivery.letter != "invitation")]


def test_the_queue_and_what_is_decided(desk: Desk, campaign: Campaign, client: FlaskClient) -> None:
    """Oldest first, both kinds; approved, rejected with a reason, held; who did what is kept, shown and logged."""
    late, early = said(campaign, "Late words", minutes=2), said(campaign, "Early <b>words</b>", locale="ur")
    union = endorsed(campaign, "A Union", minutes=1)
    assert desk.shown() == [f"statement-{early.id}", f"endorsement-{union.id}", f"statement-{late.id}"]
    page = desk.read()
    for words in ("Early &lt;b&gt;words", 'lang="ur" dir="rtl"', "Ada Example", "United Kingdom", "union.example",
                  "In a personal capacity", "ہم ساتھ ہیں", "Waiting (3)"):  # fmt: skip
        assert words in page
    answer = desk.press(early, "published", next=f"endorsement-{union.id}")
    assert f"at=endorsement-{union.id}" in answer.location
    assert re.search(rf'id="endorsement-{union.id}"[^>]*autofocus', desk.client.get(answer.location).text)
    assert desk.press(union, "held", note="ask them").status_code == SEE_OTHER
    assert desk.press(late, "rejected", reason="spam", note="sells shoes").status_code == SEE_OTHER
    assert desk.shown() == []
    assert desk.shown(tab="held") == [f"endorsement-{union.id}"]
    assert desk.shown(tab="decided") == [f"statement-{late.id}", f"statement-{early.id}"]
    decided = desk.read(tab="decided")
    assert re.search(r"Rejected</strong>\s+by Mina on .*: Advertising or spam: <bdi>sells shoes", decided)
    assert "Early" in client.get("/en/moderated/statements/").text
    assert "Late" not in client.get("/en/moderated/statements/").text
    assert letters() == [("statement_published", early.id)]
    acts = [(row.act, row.organizer, row.details) for row in db.session.query(AuditEntry) if "." in row.act]
    assert acts[-3:] == [
        ("statement.published", "Mina", {"number": early.id}),
        ("endorsement.held", "Mina", {"number": union.id}),
        ("statement.rejected", "Mina", {"number": late.id}),
    ]


def test_nothing_is_rejected_without_a_reason(desk: Desk, campaign: Campaign) -> None:
    """The sentence says so, and what was typed is still there; what nobody may decide is refused."""
    words = said(campaign, "Words")
    answer = desk.press(words, "rejected", reason="other")
    assert answer.status_code == UNPROCESSABLE
    assert "Please say why" in answer.text
    kept = desk.press(words, "rejected", reason="nonsense", note="mine")
    assert kept.status_code == UNPROCESSABLE
    assert 'value="mine"' in kept.text
    assert desk.press(words, "deleted").status_code == UNPROCESSABLE
    with pytest.raises(NeedsReason):
        decide(words, Verdict(Act.REJECTED, Reason.OTHER), Moderator(None, clock.now()))
    with pytest.raises(NotToBeDecided):
        decide(words, Verdict(Act.RETURNED), Moderator(None, clock.now()))


def test_undo(desk: Desk, campaign: Campaign, client: FlaskClient) -> None:
    """Published, taken back, published again: at its old place in between, and told once."""
    words = said(campaign, "Hasty words")
    said(campaign, "Other words", minutes=1)
    desk.press(words, "published")
    db.session.execute(Delivery.__table__.update().values(state="sent"))
    assert "Undo" in desk.read()
    desk.press(words, "returned", seen=desk.newest())
    assert "Undo" not in desk.read()
    assert desk.shown()[0] == f"statement-{words.id}"
    assert "Hasty" not in client.get("/en/moderated/").text
    desk.press(words, "published", seen=desk.newest())
    assert "Hasty" in client.get("/en/moderated/").text
    assert letters() == [("statement_published", words.id)]


@one_database
def test_a_letter_that_is_not_on_its_way_is_taken_back_too(desk: Desk, campaign: Campaign) -> None:
    """And owed anew when it is true again."""
    words = said(campaign, "Hasty words")
    desk.press(words, "published")
    desk.press(words, "returned", seen=desk.newest())
    assert letters() == []
    desk.press(words, "published", seen=desk.newest())
    assert letters() == [("statement_published", words.id)]


def test_two_moderators_at_once(desk: Desk, other_desk: Desk, campaign: Campaign) -> None:
    """The second is told who decided what; nothing is overwritten."""
    words = said(campaign, "Disputed words")
    desk.press(words, "published")
    answer = other_desk.press(words, "rejected", reason="false")
    assert answer.status_code == SEE_OTHER
    assert "Mina has published this in the meantime." in other_desk.client.get(answer.location).text
    db.session.rollback()
    assert db.session.get_one(Statement, words.id).state == "published"
    first = desk.newest()
    desk.press(words, "returned", seen=first)
    other_desk.press(words, "returned", seen=first)
    assert "Mina has taken the decision back in the meantime." in other_desk.read()
    db.session.rollback()
    assert [row.act for row in db.session.query(Decision).order_by(Decision.id)] == ["published", "returned"]


def test_several_at_once(desk: Desk, other_desk: Desk, campaign: Campaign) -> None:
    """Ticked ones of both kinds; one that another decided on meanwhile stays, and it says so."""
    first, second, union = said(campaign, "One"), said(campaign, "Two", minutes=1), endorsed(campaign, "U", minutes=2)
    page = desk.read()
    ticked = re.findall(r'name="chosen"\s+value="([^"]+)"', page)
    assert len(ticked) == 3
    other_desk.press(second, "rejected", reason="spam")
    typed = {"csrf_token": token_in(page), "chosen": ticked, "chosen-act": "published"}
    answer = desk.client.post(f"{desk.url}chosen", data=typed)
    after = desk.client.get(answer.location).text
    assert "2 are decided." in after
    assert "1 was decided by somebody else in the meantime" in after
    db.session.rollback()
    states = [db.session.get_one(type(item), item.id).state for item in (first, second, union)]
    assert states == ["published", "rejected", "published"]
    for wrong, said_so in (({"chosen": []}, "Nothing was ticked"), ({"chosen-act": "rejected"}, "Please say why")):
        answer = desk.client.post(f"{desk.url}chosen", data=typed | wrong)
        assert said_so in desk.client.get(answer.location).text
    assert desk.client.post(f"{desk.url}chosen", data=typed | {"chosen": "statement-x-0"}).status_code == 400


@one_database
def test_nobody_decides_for_another_campaign(desk: Desk, organizers: Organizers, campaign: Campaign) -> None:
    """Through my own campaign, theirs is 404; what is not confirmed is, too; strangers and other roles stay out."""
    other = import_campaign(FACTS | {"slug": "other"}, clock.now())
    theirs, their_union = said(other, "Their words"), endorsed(other, "Their union")
    sealed = Endorsement(campaign_id=campaign.id, sealed=b"x", state="unconfirmed", made_at=clock.now())
    confirmed = Endorsement(campaign_id=campaign.id, sealed=b"x", state="waiting", made_at=clock.now())
    db.session.add_all([sealed, confirmed])
    db.session.commit()
    mine = said(campaign, "Mine")
    for item in (theirs, their_union, sealed, confirmed):
        assert desk.press(item, "published").status_code == NOT_FOUND
        data = {"csrf_token": token_in(desk.read()), "chosen": f"{item.kind}-{item.id}-0", "chosen-act": "published"}
        assert desk.client.post(f"{desk.url}chosen", data=data).status_code == NOT_FOUND
    assert desk.shown() == [f"statement-{mine.id}"]
    assert desk.client.get(f"/console/{other.id}/moderation/").status_code == NOT_FOUND
    for address in (f"{desk.url}statement/99999999999999999999", f"{desk.url}king/1"):
        assert desk.client.post(address, data={"csrf_token": token_in(desk.read())}).status_code == NOT_FOUND
    editor = organizers.as_role(Role.EDITOR, campaign.id)
    assert editor.get(desk.url).status_code == FORBIDDEN
    db.session.rollback()
    assert {row.state for row in db.session.query(Statement)} == {"waiting"}


@one_database
def test_names_are_shown_as_chosen(desk: Desk, campaign: Campaign) -> None:
    """To moderators, too: initials stay initials, and who is only counted has neither name nor country."""
    said(campaign, "Initials", appear="initials")
    assert "A. E." in desk.read()
    assert "Ada Example" not in desk.read()
    db.session.query(Statement).delete()
    said(campaign, "Counted", appear="count")
    page = desk.read()
    assert "Somebody who signed" in page
    assert "United Kingdom" not in page
    signature = db.session.query(Signature).order_by(Signature.id.desc()).first()
    assert signature is not None
    signature.state = "invalidated"
    assert desk.shown() == []


def test_pages_of_thousands(desk: Desk, campaign: Campaign) -> None:
    """Each once and in order, also those of one moment; the number of queries does not grow."""
    few = said(campaign, "First", minutes=-9)
    asked = count_queries(desk)
    moment = clock.now()
    secrets = [new_secret() for _ in range(60)]
    for number, (secret, commitment) in enumerate(secrets):
        reader = Reader(campaign_id=campaign.id, sealed_address=b"x", fingerprint=secret, locale="en", news="all",
                        created_at=moment)  # fmt: skip
        signature = Signature(
            campaign_id=campaign.id, reader=reader, state="confirmed", appear="count", news="all", locale="en",
            country="GB", sealed=b"x", is_veiled=False, secret=secret, commitment=commitment, signed_at=moment,
            confirmed_at=moment,
        )  # fmt: skip
        words = Statement(campaign_id=campaign.id, signature=signature, body="x", locale="en", made_at=moment)
        db.session.add(words)
        if number % 3 == 0:
            draft = EndorsementDraft(f"Union {number}")
            add_endorsement(campaign.id, draft, moment).state = "waiting"
    db.session.commit()
    assert count_queries(desk) == asked
    for tab, wanted in (("waiting", 81), ("decided", 81)):
        found: list[str] = []
        place: str | None = ""
        while place is not None:
            page = desk.read(tab=tab, **({"after": place} if place else {}))
            found += re.findall(r'<li id="([a-z]+-\d+)"', page)
            follows = re.search(r'after=([^"&]+)[^"]*"\s+rel="next"', page)
            place = follows[1].replace("%3A", ":").replace("%2B", "+") if follows else None
        assert (len(found), len(set(found))) == (wanted, wanted), tab
        if tab == "waiting":
            assert found[0] == f"statement-{few.id}"
            decide_all()
    assert desk.shown(after="statement_made-up_1") == []


def decide_all() -> None:
    """Approve all at one moment."""
    now = clock.now()
    for item in (*db.session.query(Statement), *db.session.query(Endorsement)):
        decide(item, Verdict(Act.PUBLISHED), Moderator(None, now))
    db.session.commit()


def count_queries(desk: Desk) -> int:
    """How many SELECTs a page of the queue takes."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        desk.read()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len([statement for statement in asked if statement.startswith("SELECT")])


@one_database
def test_by_keyboard(stack: Stack, app: Flask, organizers: Organizers, page: Page) -> None:
    """j, k, a, r, h, x, u, s and ?: a whole queue without a mouse; nothing is decided while a reason is typed."""
    stack.start_web()
    campaign = db.session.query(Campaign).one()
    first, second, third = (said(campaign, body, minutes=at).id for at, body in enumerate(("One", "Two", "Three")))
    url = f"{stack.url}/console/{campaign.id}/moderation/"
    account = organizers.add("Mina", Role.MODERATOR, campaign.id)
    enter(page, stack, organizers, account)
    db.session.commit()  # the test holds no lock while the web works
    page.goto(url)
    expect(page.locator(f"#statement-{first}")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(f"#statement-{second}")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("a")
    expect(page.locator(f"#statement-{second}")).to_be_focused()
    page.keyboard.press("r")
    page.keyboard.press("Tab")
    page.keyboard.type("a rahu reason")
    page.keyboard.press("Enter")
    expect(page.locator(f"#statement-{third}")).to_be_focused()
    expect(page.locator(".last")).to_contain_text("Rejected")
    page.keyboard.press("u")
    expect(page.locator(f"#statement-{second}")).to_be_focused()
    page.keyboard.press("h")
    expect(page.locator(f"#statement-{third}")).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator(f"#statement-{third} [name=chosen]")).to_be_checked()
    page.keyboard.press("?")
    expect(page.locator(".keys dl")).to_be_visible()
    db.session.rollback()
    page.goto(f"{url}?tab=decided")
    for pressed, is_chosen in (("s", True), ("u", False), ("s", True)):
        page.keyboard.press(pressed)
        expect(page.locator(".last")).to_contain_text("Stands first on" if is_chosen else "Stands first no longer")
        assert db.session.get_one(Statement, first).is_chosen == is_chosen
        db.session.rollback()  # likewise
    states = [db.session.get_one(Statement, number).state for number in (first, second, third)]
    assert states == ["published", "held", "waiting"]
    note = db.session.query(Decision).where(Decision.act == "rejected").one().note
    assert note == "a rahu reason"


def enter(page: Page, stack: Stack, organizers: Organizers, account: object) -> None:
    """Sign a browser in, by the cookie of a client that is."""
    client = organizers.client(account)  # type: ignore[arg-type]
    cookie = client.get_cookie("campaign", domain=stack.url.removeprefix("http://").partition(":")[0])
    assert cookie is not None
    page.context.add_cookies([{"name": "campaign", "value": cookie.value, "url": stack.url}])
