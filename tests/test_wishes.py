"""What readers wish for: the letter of the week, one reminder and no more, their language, and the page "yours"."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.mailing.models import REMIND_SIGNATURE, REMINDERS, Delivery, DigestEntry, Mailing, Reader
from campaign.mailing.operations import Owed, owe_letter, suppress
from campaign.mailing.posting import pause, resume, retry_failed, stop
from campaign.mailing.queries import wishes
from campaign.sealing import EmailAddress
from campaign.signing.models import Signature
from campaign.signing.operations import confirm
from campaign.timeline.digest.queries import due_mondays, week_before
from campaign.timeline.drafting.queries import needs_second
from campaign.timeline.models import Draft, Update
from campaign.timeline.operations import UpdateDraft, add_update, publish, retract
from tests.letters_in import Letter, read
from tests.servers import ACCEPT
from tests.stack import SIGNER
from tests.test_sending import Post, post, refuse

__all__ = ["post"]

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

TUESDAY = datetime(2024, 3, 5, 12, tzinfo=UTC)
MONDAY = date(2024, 3, 11)
EIGHT = datetime(2024, 3, 11, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def hands() -> Iterator[time_machine.Traveller]:
    """The clock's hands, on a Tuesday; they stand still."""
    with time_machine.travel(TUESDAY, tick=False) as hands:
        yield hands


def reader(post: Post, campaign: Campaign, name: str, news: str = "weekly") -> Reader:
    """A reader with a wish."""
    [found] = post.readers(campaign, f"{name}@example.org")
    found.news = news
    db.session.commit()
    return found


def news(
    campaign: Campaign, title: str, kind: str = "news", *, is_told: bool = True, corrects: int | None = None
) -> Update:
    """Publish an update."""
    update = add_update(
        campaign, UpdateDraft(kind, clock.today(), {"en": (title, f"{title}: more.")}, corrects=corrects)
    )
    publish(update, clock.now(), is_told=is_told)
    db.session.commit()
    return update


def run(post: Post, *names: str) -> None:
    """Run drains of the worker."""
    db.session.commit()
    with post.worker.app.app_context():
        for name in names:
            post.worker.runs()[name]()


def mondays_work(post: Post) -> None:
    """What the worker does on Mondays."""
    run(post, "digests", "mailings", "letters", "tidy")


def got(post: Post, name: str) -> list[Letter]:
    """The letters that somebody got so far."""
    letters = [read(received.content) for received in post.sink.letters]
    return [letter for letter in letters if letter.to == f"{name}@example.org"]


# The letter of the week


def test_a_week_is_told_once_to_whom_it_is_news(post: Post, hands: time_machine.Traveller) -> None:
    """On Monday at eight, changes first; to weekly readers alone; two workers, or one that starts anew, send one."""
    campaign = post.campaign()
    reader(post, campaign, "weekly")
    reader(post, campaign, "all", "all")
    news(campaign, "A walk")
    news(campaign, "Before we came", is_told=False)
    news(campaign, "He is charged", "status")
    post.work()
    assert [letter.subject for letter in got(post, "all")] == ["A walk", "He is charged"]
    hands.move_to(EIGHT - timedelta(seconds=1))
    mondays_work(post)
    assert got(post, "weekly") == []
    hands.move_to(EIGHT)
    for _again in range(3):
        mondays_work(post)
    [letter] = got(post, "weekly")
    assert letter.subject == "The week: He is charged"
    assert letter.text.index("He is charged: more.") < letter.text.index("A walk: more.")
    assert "Before we came" not in letter.text
    assert len(got(post, "all")) == 2
    hands.move_to(EIGHT + 7 * DAY)
    mondays_work(post)
    assert len(got(post, "weekly")) == 1, "nothing happened, no letter"


def test_two_workers_owe_a_week_once(post: Post, hands: time_machine.Traveller) -> None:
    """At the very same moment."""
    campaign = post.campaign()
    news(campaign, "A walk")
    hands.move_to(EIGHT)
    db.session.commit()
    both = Barrier(2)

    def work() -> None:
        both.wait()
        with post.worker.app.app_context():
            post.worker.runs()["digests"]()
            db.session.remove()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.session.scalar(select(func.count()).select_from(Mailing).where(Mailing.digest_of.is_not(None))) == 1
    assert db.session.scalar(select(func.count()).select_from(DigestEntry)) == 1


@one_database
def test_a_worker_that_was_away_catches_up_but_not_with_the_past(post: Post, hands: time_machine.Traveller) -> None:
    """On Thursday; after nine days, both weeks; what is three weeks old is not told."""
    campaign = post.campaign()
    reader(post, campaign, "weekly")
    news(campaign, "Old")
    hands.move_to(TUESDAY + 21 * DAY)
    news(campaign, "New")
    hands.move_to(TUESDAY + 30 * DAY)
    mondays_work(post)
    assert [letter.subject for letter in got(post, "weekly")] == ["The week: New"]


@one_database
def test_who_changes_the_wish_in_mid_week_hears_nothing_twice_and_misses_nothing(
    post: Post, hands: time_machine.Traveller
) -> None:
    """Switched after all of it was told: no letter. Before the last of it: the letter. Switched back on Monday: it."""
    campaign = post.campaign()
    told, late, back = (reader(post, campaign, name, "all") for name in ("told", "late", "back"))
    news(campaign, "First")
    post.work()
    late.news = back.news = "weekly"
    db.session.commit()
    news(campaign, "Second")
    post.work()
    told.news = "weekly"
    hands.move_to(EIGHT)
    run(post, "digests", "mailings")
    db.session.refresh(back)
    back.news = "all"
    run(post, "letters")
    assert [len(got(post, name)) for name in ("told", "late", "back")] == [2, 2, 2]
    assert got(post, "late")[1].subject == got(post, "back")[1].subject == "The week: First"


@one_database
def test_wishes_hold_until_the_letter_goes(post: Post, hands: time_machine.Traveller) -> None:
    """Who unsubscribed, wants nothing, or was held after the week's letters were owed gets none."""
    campaign = post.campaign()
    gone, quiet, held = (reader(post, campaign, name) for name in ("gone", "quiet", "held"))
    news(campaign, "A walk")
    hands.move_to(EIGHT)
    run(post, "digests", "mailings")
    db.session.expire_all()
    gone.unsubscribe(clock.now())
    quiet.news = "none"
    held.held_at = clock.now()
    run(post, "letters", "tidy")
    assert (post.sent, {state for state, _tries, _code in post.letters()}) == ([], {"skipped"})


@one_database
def test_what_was_wrong_is_told_in_the_week_in_which_that_was_found(post: Post, hands: time_machine.Traveller) -> None:
    """Retracted in its own week, and in a later one; a correction. What was stopped on its way is not told."""
    campaign = post.campaign()
    reader(post, campaign, "weekly")
    told = news(campaign, "He is free", "report")
    hands.move_to(EIGHT)
    mondays_work(post)
    hands.shift(DAY)
    retract(told, "He is not.", clock.now())
    stopped = news(campaign, "Never mind")
    stop(db.session.scalars(select(Mailing).where(Mailing.update_id == stopped.id)).one(), clock.now())
    hands.move_to(EIGHT + 7 * DAY)
    mondays_work(post)
    first, second = got(post, "weekly")
    assert first.subject == "The week: He is free"
    assert second.subject == "Taken back: He is free"
    assert "He is not." in second.text
    assert "Never mind" not in second.text


@one_database
def test_a_weekly_mailing_is_paused_resumed_stopped_and_tried_again(post: Post, hands: time_machine.Traveller) -> None:
    """As others are; an unread week is listed by the command (see test_cli)."""
    campaign = post.campaign()
    reader(post, campaign, "weekly")
    news(campaign, "A walk")
    hands.move_to(EIGHT)
    run(post, "digests")
    mailing = db.session.scalars(select(Mailing).where(Mailing.digest_of == MONDAY)).one()
    pause(mailing, "paused by hand")
    run(post, "mailings", "letters")
    assert post.sent == []
    db.session.refresh(mailing)
    resume(mailing)
    post.sink.reply_to_letter = lambda _received: "554 5.6.0 spam"
    run(post, "mailings", "letters", "tidy")
    db.session.refresh(mailing)
    post.sink.reply_to_letter = refuse(reply=ACCEPT)
    assert retry_failed(mailing, clock.now()) == 1
    run(post, "letters", "tidy")
    db.session.refresh(mailing)
    assert (mailing.state, len(got(post, "weekly"))) == ("done", 1)


@one_database
def test_weekly_readers_count_for_the_second_person(post: Post) -> None:
    """Whoever may not write to many alone may not do so by way of Monday's letter."""
    campaign = post.campaign()
    for name in ("a", "b", "c"):
        reader(post, campaign, name)
    campaign.second_above = 2
    draft = Draft(campaign=campaign, kind="news", saved_at=clock.now(), statuses={}, texts={})
    assert wishes(campaign.id) == {"en": {"weekly": 3}}
    assert needs_second(draft, wishes(campaign.id))
    db.session.rollback()


def test_weeks_end_on_mondays_at_eight() -> None:
    """They follow one another without a gap, whatever the hour."""
    assert due_mondays(EIGHT - timedelta(microseconds=1))[-1] == MONDAY - timedelta(7)
    assert due_mondays(EIGHT) == [MONDAY - timedelta(7), MONDAY]
    assert due_mondays(EIGHT + 6 * DAY)[-1] == MONDAY
    assert week_before(MONDAY)[0] == week_before(MONDAY - timedelta(7))[1]


# Reminders


def asked(post: Post, hands: time_machine.Traveller) -> tuple[Campaign, Letter]:
    """Somebody signed, and got the letter that asks."""
    campaign = post.campaign()
    post.sign(campaign.slug)
    post.work()
    assert len(post.sink.letters) == 1
    return campaign, read(post.sink.letters[0].content)


def reminders(post: Post) -> list[Letter]:
    """The letters after the first."""
    run(post, "reminders", "letters")
    run(post, "reminders", "letters")
    return [read(received.content) for received in post.sink.letters[1:]]


def test_one_reminder_with_a_link_that_works_then_nothing(
    post: Post, hands: time_machine.Traveller, client: FlaskClient
) -> None:
    """After two days, and not before; the link confirms; the forgetting is not put off by it."""
    asked(post, hands)
    hands.shift(2 * DAY - timedelta(seconds=1))
    assert reminders(post) == []
    hands.shift(timedelta(seconds=1))
    [reminder] = reminders(post)
    assert reminder.subject == "Not confirmed yet: Free them"
    assert "within 5 days" in reminder.text
    hands.shift(4.9 * DAY.total_seconds())
    assert len(reminders(post)) == 1
    assert "One press to go" in client.get(reminder.link("/confirm/")).text
    hands.shift(0.2 * DAY.total_seconds())
    run(post, "forget")
    assert db.session.scalar(select(func.count()).select_from(Reader)) == 0
    assert db.session.scalar(select(func.count()).select_from(Signature)) == 0
    assert client.get(reminder.link("/confirm/")).status_code in (404, 410)


def test_the_link_of_the_reminder_confirms(post: Post, hands: time_machine.Traveller, client: FlaskClient) -> None:
    """The signature of which it reminds."""
    asked(post, hands)
    hands.shift(2 * DAY)
    [reminder] = reminders(post)
    assert client.post(reminder.link("/confirm/")).status_code == 303
    assert "Thank you" in client.get(reminder.link("/confirm/")).text
    assert db.session.scalars(select(Signature.state)).one() == "confirmed"


@one_database
@pytest.mark.parametrize("what", ["confirmed", "unsubscribed", "suppressed", "signed again", "campaign ended", "never"])
@pytest.mark.parametrize("when", ["before", "on its way"])
def test_nobody_is_reminded_who_should_not_be(post: Post, hands: time_machine.Traveller, what: str, when: str) -> None:
    """Who did it, does not want it, cannot get it, or was asked anew; even where the reminder was owed already."""
    campaign, _letter = asked(post, hands)
    hands.shift(2 * DAY)
    if when == "on its way":
        run(post, "reminders")
    signature = db.session.scalars(select(Signature)).one()
    if what == "confirmed":
        confirm(signature, clock.now())
    elif what == "unsubscribed":
        signature.reader.unsubscribe(clock.now())
    elif what == "suppressed":
        suppress(post.worker.keys.suppression_key(EmailAddress.parse(SIGNER["email"])), "refused", clock.now())
    elif what == "signed again":
        post.sign(campaign.slug)
        run(post, "intake")
    elif what == "campaign ended":
        campaign.state = "ended"
    else:
        post.worker.patience = type(post.worker.patience)(timedelta(0), 7 * DAY)
    if when == "on its way" and what in ("campaign ended", "never"):
        return  # what is owed is sent
    subjects = [letter.subject for letter in reminders(post)]
    assert subjects == (["Please confirm your signature: Free them"] if what == "signed again" else [])


@one_database
def test_no_second_reminder_whatever_doubles(post: Post, hands: time_machine.Traveller) -> None:
    """Even where the note that it was decided is lost, the database refuses to owe it again."""
    asked(post, hands)
    hands.shift(2 * DAY)
    assert len(reminders(post)) == 1
    signature = db.session.scalars(select(Signature)).one()
    signature.reminded_at = None
    assert len(reminders(post)) == 1
    signature = db.session.scalars(select(Signature)).one()
    with pytest.raises(IntegrityError):
        owe_letter(Owed(signature.reader, REMIND_SIGNATURE, signature.id), clock.now(), post.worker.keys.link_token)
    db.session.rollback()


@one_database
def test_a_reminder_waits_for_the_letter_of_which_it_reminds(post: Post, hands: time_machine.Traveller) -> None:
    """While the relay was away, and for two days after the letter came; it counts to what an address gets in a day."""
    campaign = post.campaign()
    post.sink.stop()
    post.sign(campaign.slug)
    post.work()
    hands.shift(2 * DAY)
    run(post, "reminders")
    assert [delivery.letter for delivery in db.session.scalars(select(Delivery))] == ["confirm_signature"]


def test_a_follower_is_reminded_once_too_and_reads(
    post: Post, hands: time_machine.Traveller, client: FlaskClient
) -> None:
    """The whole way without a signature: form, letter, reminder, confirmation, news, "yours", unsubscribing."""
    campaign = post.campaign()
    form = client.get(f"/en/{campaign.slug}/follow").text
    assert 'value="weekly"' in form
    typed = {"email": "follower@example.org", "news": "weekly"}
    assert client.post(f"/ur/{campaign.slug}/follow", data=typed).status_code == 303
    post.work()
    hands.shift(2 * DAY)
    [reminder] = reminders(post)
    assert "/ur/confirm/" in reminder.text
    assert client.post(reminder.link("/confirm/")).status_code == 303
    hands.shift(3 * DAY)
    news(campaign, "A walk")
    hands.move_to(EIGHT)
    mondays_work(post)
    [_first, _second, week] = got(post, "follower")
    yours = week.link("/yours/")
    assert client.post(yours, data={"news": "all", "language": "en"}).status_code == 303
    found = db.session.scalars(select(Reader)).one()
    assert (found.news, found.locale) == ("all", "en")
    db.session.commit()
    assert client.post(week.link("/unsubscribe/")).status_code == 200
    news(campaign, "Another")
    post.work()
    assert len(got(post, "follower")) == 3
    assert {delivery.letter for delivery in db.session.scalars(select(Delivery))} & set(REMINDERS) == {"remind_follow"}


@one_database
def test_a_follower_who_does_nothing_is_forgotten(
    post: Post, hands: time_machine.Traveller, client: FlaskClient
) -> None:
    """Seven days after asking, reminder or not."""
    campaign = post.campaign()
    client.post(f"/en/{campaign.slug}/follow", data={"email": "follower@example.org", "news": "all"})
    post.work()
    for _day in range(7):
        hands.shift(DAY)
        assert len(reminders(post)) <= 1
        run(post, "forget")
        assert db.session.scalar(select(func.count()).select_from(Reader)) == 1
    hands.shift(1)
    run(post, "forget")
    assert db.session.scalar(select(func.count()).select_from(Reader)) == 0


# "Yours"


def test_yours_lists_all_that_may_be_changed(post: Post, client: FlaskClient) -> None:
    """Appearance, news, language, the tick, words, withdrawal, erasing, the receipt; saved, and without a script."""
    _campaign, letter = asked_now(post)
    client.post(letter.link("/confirm/"))
    post.work()
    yours = re.search(r'href="([^"]*/yours/[^"]+)"', client.get(letter.link("/confirm/")).text)
    assert yours is not None
    page = client.get(yours[1]).text
    for name in ("appear", "news", "language", "may_contact"):
        assert f'name="{name}"' in page
    for words in (
        "Your receipt",
        "Your words",
        "Take back my signature",
        "Delete everything of mine",
        'value="weekly"',
    ):
        assert words in page
    assert "<script" not in page.partition("<main")[2]
    typed = {"appear": "count", "news": "weekly", "language": "ur", "may_contact": "y", "action": "save"}
    assert client.post(yours[1], data=typed).status_code == 303
    found = db.session.scalars(select(Reader)).one()
    assert (found.news, found.locale) == ("weekly", "ur")
    assert db.session.scalars(select(Signature.may_contact)).one()
    db.session.commit()
    assert client.post(yours[1], data=typed | {"language": "xx"}).status_code == 422
    assert client.post(yours[1], data={"appear": "count", "news": "all"}).status_code == 303
    assert db.session.scalars(select(Reader.locale)).one() == "ur", "who says nothing keeps it"


def asked_now(post: Post) -> tuple[Campaign, Letter]:
    """Somebody signed, and got the letter that asks."""
    campaign = post.campaign()
    post.sign(campaign.slug)
    post.work()
    return campaign, read(post.sink.letters[-1].content)


def test_words_are_left_changed_and_taken_back_on_yours(post: Post, client: FlaskClient) -> None:
    """Long after the link that confirmed has ended. Other words are read again before they show."""
    _campaign, letter = asked_now(post)
    client.post(letter.link("/confirm/"))
    post.work()
    yours = re.search(r'href="([^"]*/yours/[^"]+)"', client.get(letter.link("/confirm/")).text)
    assert yours is not None
    place = f"{yours[1]}/statement"
    assert client.post(place, data={"statement": " "}).status_code == 422
    for words in ("You are <b>not</b> alone.", "We are with you.", "We are with you."):
        assert client.post(place, data={"statement": words}).status_code == 303
    page = client.get(place).text
    assert "We are with you." in page
    assert "have not decided yet" in page
    assert "not</b> alone" not in page
    assert "We are with you." in client.get(yours[1]).text
    assert client.post(place, data={"action": "take_back"}).status_code == 303
    assert "We are with you." not in client.get(yours[1]).text + client.get(place).text
    assert client.get(place.replace("/yours/", "/yours/x")).status_code == 404
