"""Mailings under way: how far they are, paused, stopped for good, tried again; from the console and the command."""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.errors import Refusal
from campaign.mailing import sending, tasks
from campaign.mailing.models import Delivery, Mailing, Reader
from campaign.mailing.operations import forget_reader
from campaign.mailing.posting import pause, post_digest, resume, retry_failed, stop
from campaign.mailing.queries import failures, letters_a_minute, mailing_progress, wishes
from campaign.organizers.models import AuditEntry, Role
from campaign.timeline.models import Update
from campaign.timeline.progress import failure_sentence
from tests.organizers_in import Organizers
from tests.servers import ACCEPT, Received
from tests.test_composing import SEE_OTHER, UNPROCESSABLE, Desk, campaign, seat
from tests.test_sending import Post, post, refuse

__all__ = ["campaign", "post", "seat"]

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
FORBIDDEN, NOT_FOUND = 403, 404
ADDRESSES = [f"reader{number}@example.org" for number in range(6)]


def told(post: Post, campaign: Campaign) -> Mailing:
    """A mailing to six readers."""
    post.readers(campaign, *ADDRESSES)
    return post.tell(campaign)


def counted(mailing: Mailing) -> dict[str, int]:
    """How many letters of a mailing are in which state, by reading them all."""
    db.session.commit()
    rows = text("SELECT state, count(*) FROM deliveries WHERE mailing_id = :id GROUP BY state")
    return dict(db.session.execute(rows, {"id": mailing.id}).all())


def shown(mailing: Mailing) -> dict[str, int]:
    """The same, as it is shown."""
    db.session.commit()
    return mailing_progress(db.session.get_one(Mailing, mailing.id)).by_state


# Counting


def test_what_is_shown_is_what_is_there(post: Post, campaign: Campaign) -> None:
    """Before, between and after: spread, sent, failed, left out, forgotten; the total is what was owed."""
    mailing = told(post, campaign)
    assert shown(mailing) == {}
    db.session.commit()
    with post.worker.app.app_context():
        post.worker.runs()["mailings"]()
    assert shown(mailing) == counted(mailing) == {"due": 6}
    readers = db.session.query(Reader).filter_by(campaign_id=campaign.id).order_by(Reader.id).all()
    forget_reader(readers[0])
    readers[1].unsubscribe(clock.now())
    db.session.commit()
    assert shown(mailing) == counted(mailing) == {"due": 5}
    post.sink.reply_to_recipient = refuse(ADDRESSES[2], reply="550 5.1.1 no such user")
    post.work()
    assert shown(mailing) == counted(mailing) == {"sent": 3, "skipped": 1, "failed": 1}
    forget_reader(db.session.query(Reader).filter_by(campaign_id=campaign.id).order_by(Reader.id.desc()).first())
    db.session.commit()
    assert shown(mailing) == counted(mailing), "what was sent stays counted"
    assert failures(mailing.id) == {550: 1}
    db.session.commit()
    with post.worker.app.app_context():
        tasks.spread_mailings()
    assert shown(mailing) == counted(mailing)


@one_database
def test_readers_are_counted_by_language_and_wish(post: Post, campaign: Campaign) -> None:
    """Those who read; not those who unsubscribed, want nothing or never confirmed."""
    readers = post.readers(campaign, *ADDRESSES)
    readers[0].locale = readers[1].locale = "ur"
    readers[1].news, readers[2].news = "status", "none"
    readers[3].unsubscribe(clock.now())
    readers[4].confirmed_at = None
    db.session.commit()
    assert wishes(campaign.id) == {"en": {"all": 1}, "ur": {"all": 1, "status": 1}}


@one_database
def test_no_page_reads_all_deliveries(post: Post, campaign: Campaign) -> None:
    """Every count of the progress, and that of the readers, goes by an index of few or by the index alone."""
    mailing = told(post, campaign)
    db.session.commit()
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *about: asked.append((about[2], about[3])))
    mailing_progress(mailing)
    failures(mailing.id)
    letters_a_minute(mailing, clock.now())
    wishes(campaign.id)
    for statement, values in list(asked):
        rows = db.session.connection().exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values)
        plan = " / ".join(row[-1] for row in rows)
        assert "SCAN deliveries" not in plan, statement
        assert "SCAN readers" not in plan, statement
        assert "uq_deliveries" not in plan, statement


@one_database
def test_letters_of_the_last_minute(post: Post, campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """While some are due: how many went since."""
    mailing = told(post, campaign)
    monkeypatch.setattr(sending, "MOST", 4)
    post.sink.reply_to_letter = lambda _received: post.worker.sender.stop() or ACCEPT  # type: ignore[func-returns-value]
    post.work()
    assert shown(mailing) == {"sent": 4, "due": 2}
    assert letters_a_minute(db.session.get_one(Mailing, mailing.id), clock.now()) == 4


# Stopping, and trying again


def test_a_stopped_mailing_sends_nothing_more(post: Post, campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped while letters go out: those in flight, and nothing after them; it is not resumed, nor tried again."""
    mailing, in_flight = told(post, campaign), post.worker.sender.carriers.size
    mailing_id = mailing.id
    monkeypatch.setattr(sending, "MOST", 2)

    is_first = iter([True])

    def stop_at_first(received: Received) -> str:
        if next(is_first, False):
            with post.client.application.app_context():
                stop(db.session.get_one(Mailing, mailing_id), clock.now(), "stopped by hand")
                db.session.commit()
                db.session.remove()
        return ACCEPT

    post.sink.reply_to_letter = stop_at_first
    post.work()
    assert len(post.sent) <= in_flight
    for act in (pause, resume):
        act(db.session.get_one(Mailing, mailing_id))
    with pytest.raises(Refusal, match="stopped"):
        retry_failed(db.session.get_one(Mailing, mailing_id), clock.now())
    with pytest.raises(Refusal, match="ended already"):
        stop(db.session.get_one(Mailing, mailing_id), clock.now())
    for _ in range(2):
        post.work()
    assert len(post.sent) <= in_flight
    assert post.reasons() == [("stopped", "stopped by hand")]
    assert shown(mailing)["due"] >= len(ADDRESSES) - in_flight > 0


@one_database
def test_one_stopped_before_it_was_spread_is_not_spread(post: Post, campaign: Campaign) -> None:
    """Nothing is owed any more."""
    mailing = told(post, campaign)
    stop(mailing, clock.now())
    post.work()
    assert (post.sent, post.letters()) == ([], [])


def test_what_failed_is_tried_again(post: Post, campaign: Campaign) -> None:
    """What may succeed goes out; a suppressed address and one that is forgotten get nothing; then there is nothing."""
    mailing = told(post, campaign)
    replies = {ADDRESSES[0]: "550 5.1.1 no such user", ADDRESSES[1]: "554 5.6.0 spam", ADDRESSES[2]: "554 5.6.0 spam"}
    post.sink.reply_to_recipient = lambda address: replies.get(address, ACCEPT) if address == ADDRESSES[0] else ACCEPT
    post.sink.reply_to_letter = lambda received: replies.get(received.recipients[0], ACCEPT)
    post.work()
    assert shown(mailing) == counted(mailing) == {"sent": 3, "failed": 3}
    gone = db.session.query(Delivery).filter_by(state="failed").order_by(Delivery.id.desc()).first()
    forget_reader(gone.reader)
    replies.clear()
    again = db.session.get_one(Mailing, mailing.id)
    assert retry_failed(again, clock.now()) == 2
    assert again.state == "sending"
    post.work()
    assert shown(mailing) == counted(mailing) == {"sent": 4, "skipped": 1, "failed": 1}
    assert post.reasons() == [("done", None)]
    with pytest.raises(Refusal, match="No letter"):
        retry_failed(db.session.get_one(Mailing, mailing.id), clock.now())


# The console


@one_database
def test_letters_are_watched_paused_and_stopped_in_the_console(
    seat: Callable[..., Desk], post: Post, campaign: Campaign
) -> None:
    """The page without a script reads itself again; each act is in the log; no address is shown."""
    mailing = told(post, campaign)
    number = db.session.get_one(Update, mailing.update_id).number
    desk = seat()
    page = desk.get(f"/{number}/")
    assert re.search(r'<noscript>\s*<meta http-equiv="refresh"', page)

    def act(name: str, **typed: str) -> TestResponse:
        return desk.post(f"/{number}/{name}", **typed)

    assert act("pause").status_code == SEE_OTHER
    post.work()
    assert post.sent == []
    assert "Somebody paused it" in desk.get(f"/{number}/")
    assert act("resume").status_code == SEE_OTHER
    post.sink.reply_to_recipient = refuse(ADDRESSES[0], reply="550 5.1.1 no such user")
    post.sink.reply_to_letter = refuse(ADDRESSES[1], reply="552 5.2.2 full")
    post.work()
    page = desk.get(f"/{number}/")
    for sentence in ("There is no such inbox", "The inbox is full", "552", "Try the failed ones again"):
        assert sentence in page
    assert "@example.org" not in page
    assert "refresh" not in page
    assert act("retry").status_code == SEE_OTHER
    assert act("stop", word="yes").status_code == UNPROCESSABLE
    assert "2 letters are not sent yet" in desk.get(f"/{number}/stop")
    assert act("stop", word="stop").status_code == SEE_OTHER
    assert "Somebody stopped it" in desk.get(f"/{number}/progress")
    acts = [entry.act for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    assert acts[-4:] == ["mailing.paused", "mailing.resumed", "mailing.retried", "mailing.stopped"]


@one_database
def test_the_letters_of_a_week_are_paused_and_stopped_in_the_console(
    seat: Callable[..., Desk], post: Post, campaign: Campaign
) -> None:
    """Where the updates are listed, by those who publish, each act in the log; no other campaign's week is reached."""
    for reader in post.readers(campaign, *ADDRESSES):
        reader.news = "weekly"
    update = post.tell(campaign).update_id
    monday = date(2024, 2, 26)
    post_digest(campaign.id, monday, {update: False}, clock.now())
    post.work()
    desk = seat()

    def act(name: str, week: object = monday, **typed: str) -> TestResponse:
        return desk.post(f"/weeks/{week}/{name}", **typed)

    assert len(post.sent) == 6
    assert f"/weeks/{monday}/" not in desk.get("/"), "there is nothing left to do"
    assert act("retry").status_code == UNPROCESSABLE
    next_week = monday + timedelta(weeks=1)
    post_digest(campaign.id, next_week, {update: True}, clock.now())
    db.session.commit()
    with post.worker.app.app_context():
        post.worker.runs()["mailings"]()
    assert f"/weeks/{next_week}/pause" in desk.get("/")
    assert act("pause", next_week).status_code == SEE_OTHER
    post.work()
    assert len(post.sent) == 6
    page = desk.get("/")
    assert "Somebody paused it" in page
    assert f"/weeks/{next_week}/resume" in page
    assert act("resume", next_week).status_code == SEE_OTHER
    assert act("stop", next_week, word="no").status_code == UNPROCESSABLE
    assert "6 letters are not sent yet" in desk.get(f"/weeks/{next_week}/stop")
    assert act("stop", next_week, word="stop").status_code == SEE_OTHER
    post.work()
    assert len(post.sent) == 6
    acts = [(entry.act, entry.details) for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    named = {"week": str(next_week)}
    assert acts[-3:] == [(f"mailing.{done}", named) for done in ("paused", "resumed", "stopped")]
    for week in ("2024-03-05", "yesterday", "0"):
        assert act("pause", week).status_code == NOT_FOUND
    assert seat(Role.TRANSLATOR).post(f"/weeks/{next_week}/pause").status_code == FORBIDDEN
    assert "/weeks/" not in seat(Role.TRANSLATOR).get("/")


@one_database
def test_a_refusal_by_policy_is_told_in_a_sentence(seat: Callable[..., Desk], post: Post, campaign: Campaign) -> None:
    """Why the mailing paused itself, and whom to tell."""
    told(post, campaign)
    post.sink.reply_to_recipient = refuse(reply="550 5.7.1 blocked")
    post.work()
    assert "refuses our letters by its rules (550)" in seat(Role.TRANSLATOR).get("/1/")


@pytest.mark.usefixtures("app")
@one_database
def test_every_code_has_a_sentence() -> None:
    """Whatever a relay answers."""
    sentences = {code: failure_sentence(code) for code in (None, 421, 450, 451, 452, 500, 550, 552, 553, 554, 571)}
    assert len(set(sentences.values())) == 6
    assert all(sentences.values())


@one_database
def test_an_organizer_of_another_campaign_sees_nothing(organizers: Organizers, post: Post, campaign: Campaign) -> None:
    """Neither the page nor the figures."""
    told(post, campaign)
    own = post.campaign()
    db.session.commit()
    desk = Desk(organizers.as_role(Role.OWNER, own.id), own)
    post_digest(campaign.id, date(2024, 2, 26), {1: False}, clock.now())
    db.session.commit()
    for page in ("/1/", "/1/progress", "/1/stop", "/weeks/2024-02-26/stop"):
        assert desk.client.get(desk.base + page).status_code == 404
