"""Letters and relays: what every answer of a relay does to a letter, that each goes once, and who wakes whom."""

import re
import smtplib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.config import Config
from campaign.db import db
from campaign.importing import import_campaign
from campaign.mailing import sending, settling
from campaign.mailing.claiming import Outcome
from campaign.mailing.models import Delivery, DeliveryState, Mailing, Reader, Suppression
from campaign.mailing.operations import Addressee, find_or_add_reader
from campaign.mailing.posting import pause, resume
from campaign.opening import Keyring
from campaign.sealing import EmailAddress, binding
from campaign.signing.operations import erase
from campaign.timeline.operations import UpdateDraft, add_update, publish
from campaign.work import QUIET_SECONDS
from campaign.worker import Worker
from tests.letters_in import read
from tests.servers import ACCEPT, HANG_UP, KEEP_AND_HANG_UP, LOOPBACK, STALL, Received, Redis, SmtpSink, until
from tests.stack import SIGNER, Stack
from tests.test_state_machine import FACTS, World

SLUGS = (f"sending-{number}" for number in count())
DAYS = count()

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@dataclass
class Post(World):
    """A relay, a worker in this process, readers put there directly, and what became of their letters."""

    client: FlaskClient
    worker: Worker
    sink: SmtpSink

    def campaign(self) -> Campaign:
        """One more open campaign."""
        return import_campaign(FACTS | {"slug": next(SLUGS)}, clock.now())

    def readers(self, campaign: Campaign, *addresses: str) -> list[Reader]:
        """Confirmed readers who want all news."""
        return [self._reader(campaign, address) for address in addresses]

    def _reader(self, campaign: Campaign, text: str) -> Reader:
        keys, address = self.worker.keys, EmailAddress.parse(text)
        fingerprint = keys.fingerprint(address, campaign.id)
        sealed = keys.sealer.seal(str(address).encode(), binding("reader", campaign.id, fingerprint))
        reader = find_or_add_reader(
            Addressee(campaign.id, fingerprint, "en", lambda: sealed), clock.now(), may_add=True
        )
        assert reader is not None
        reader.confirm(clock.now())
        reader.news = "all"
        return reader

    def tell(self, campaign: Campaign) -> Mailing:
        """Publish news."""
        draft = UpdateDraft("news", date(2024, 1, 3) + timedelta(next(DAYS)), {"en": ("News", "News.")})
        mailing = publish(add_update(campaign, draft), clock.now())
        assert mailing is not None
        return mailing

    def sign(self, slug: str, address: str = SIGNER["email"]) -> None:
        """Somebody signs."""
        assert self.client.post(f"/en/{slug}/sign", data=SIGNER | {"email": address}).status_code == 303

    def work(self) -> None:
        """Let the worker do all that there is to do; nothing of ours is held meanwhile."""
        db.session.commit()
        super().work()

    def letters(self) -> list[tuple[str, int, int]]:
        """(state, attempts, the relay's code or 0) of each delivery, sorted."""
        found = [(row.state, row.attempts, row.code or 0) for row in db.session.query(Delivery)]
        db.session.commit()
        return sorted(found)

    def reasons(self) -> list[tuple[str, str | None]]:
        """(state, reason) of each mailing."""
        found = [(row.state, row.reason) for row in db.session.query(Mailing).order_by(Mailing.id)]
        db.session.commit()
        return found

    @property
    def sent(self) -> list[str]:
        """Whom the relay has letters for, in the order in which they came."""
        return [received.recipients[0] for received in self.sink.letters]


@contextmanager
def working(installation: Stack, **changed: str) -> Iterator[Worker]:
    """A worker in this process, with some settings changed."""
    worker = Worker(Config.read(installation.environ | {f"CAMPAIGN_{name}": value for name, value in changed.items()}))
    try:
        yield worker
    finally:
        with worker.app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def post(client: FlaskClient, installation: Stack, sink: SmtpSink) -> Iterator[Post]:
    """A post office with a relay that takes everything."""
    with working(installation) as worker:
        yield Post(client, worker, sink)


@pytest.fixture
def impatient(client: FlaskClient, installation: Stack, sink: SmtpSink) -> Iterator[Post]:
    """One that waits for its relay for a third of a second."""
    with working(installation, SMTP_TIMEOUT="0.3") as worker:
        yield Post(client, worker, sink)


@pytest.fixture
def hands() -> Iterator[time_machine.Traveller]:
    """The clock's hands; they stand still."""
    with time_machine.travel(datetime.now(UTC), tick=False) as hands:
        yield hands


def refuse(*addresses: str, reply: str) -> Callable[[object], str]:
    """A relay's answer: this reply for these addresses, or for all when there is none."""

    def answer(asked: object) -> str:
        whom = asked.recipients[0] if isinstance(asked, Received) else str(asked)
        return reply if not addresses or whom in addresses else ACCEPT

    return answer


# Later


@one_database
def test_later_means_later_and_ever_later(post: Post, hands: time_machine.Traveller) -> None:
    """4xx: 30 s, 60 s, 120 s …; the others go at once; twelve tries, then it has failed, and is not suppressed."""
    campaign = post.campaign()
    post.readers(campaign, "slow@example.org", "quick@example.org")
    post.tell(campaign)
    post.sink.reply_to_letter = refuse("slow@example.org", reply="451 4.3.0 try later")
    post.work()
    assert post.letters() == [("due", 1, 451), ("sent", 1, 250)]
    for tries in range(1, 12):
        wait = 30 * 2 ** (tries - 1)
        hands.shift(wait - 2)
        post.work()
        assert len(post.sink.refused) == tries, "too early"
        hands.shift(3)
        post.work()
        assert len(post.sink.refused) == tries + 1
    assert post.letters() == [("failed", 12, 451), ("sent", 1, 250)]
    hands.shift(10_000_000)
    post.work()
    assert post.reasons() == [("done", None)]
    assert (len(post.sink.refused), db.session.query(Suppression).count()) == (12, 0)


@one_database
def test_what_was_refused_for_now_comes_later(post: Post, hands: time_machine.Traveller) -> None:
    """Greylisting at the recipient: a confirmation comes once the relay takes it, the same letter, once."""
    campaign = post.campaign()
    post.sink.reply_to_recipient = refuse(reply="450 4.2.0 greylisted")
    post.sign(campaign.slug)
    post.work()
    assert post.letters() == [("due", 1, 450)]
    post.sink.reply_to_recipient = refuse(reply=ACCEPT)
    hands.shift(31)
    post.work()
    post.work()
    assert (post.sent, post.letters()) == ([SIGNER["email"]], [("sent", 2, 250)])


# Never


@one_database
def test_an_address_that_is_refused_for_good_is_never_written_to_again(post: Post) -> None:
    """5xx at RCPT, other spellings of the inbox and other campaigns included; nobody else is hit."""
    here, there = post.campaign(), post.campaign()
    post.readers(here, "gone@example.org", "b@example.org")
    post.readers(there, "gone+news@example.org", "b@example.org")
    post.sink.reply_to_recipient = refuse("gone@example.org", reply="550 5.1.1 no such user")
    post.tell(here)
    post.work()
    assert post.letters() == [("failed", 1, 550), ("sent", 1, 250)]
    post.sink.reply_to_recipient = refuse(reply=ACCEPT)
    post.tell(there)
    post.tell(here)
    for campaign in (here, there):
        post.sign(campaign.slug, "GONE@example.org")
    post.work()
    assert post.letters() == [("failed", 1, 550), *[("sent", 1, 250)] * 3, *[("skipped", 0, 0)] * 2]
    assert post.sent == ["b@example.org"] * 3


@one_database
def test_a_relay_that_refuses_the_sender_does_not_use_up_the_mailing(post: Post) -> None:
    """5xx at MAIL FROM is about us: nobody is suppressed, and what is left waits (design: over 5 % errors pause)."""
    campaign = post.campaign()
    post.readers(campaign, *(f"reader{number}@example.org" for number in range(30)))
    post.tell(campaign)
    post.sink.reply_to_sender = lambda _address: "550 sender unknown"
    post.work()
    assert db.session.query(Suppression).count() == 0
    assert Counter(state for state, _attempts, _code in post.letters())["failed"] < 30


# Not now


@one_database
@pytest.mark.parametrize("where", ["connection", "sender", "recipient", "letter", "nobody listens", "hangs up"])
def test_while_the_relay_is_away_everything_rests(post: Post, hands: time_machine.Traveller, where: str) -> None:
    """421 or no connection: nothing is lost, nothing counts as an attempt, five seconds of quiet; then all go once."""
    campaign = post.campaign()
    addresses = [f"reader{number}@example.org" for number in range(3)]
    post.readers(campaign, *addresses)
    post.tell(campaign)
    if where == "nobody listens":
        post.sink.stop()
    elif where == "hangs up":
        post.sink.reply_to_connection = lambda: HANG_UP
    else:
        setattr(post.sink, f"reply_to_{where}", lambda *_asked: "421 4.3.2 closing")
    post.work()
    connections = post.sink.connections
    post.work()
    assert post.sink.connections == connections, "no rest"
    assert [letter[:2] for letter in post.letters()] == [("due", 0)] * 3
    fresh = SmtpSink()
    for name in ("connection", "sender", "recipient", "letter"):
        setattr(post.sink, f"reply_to_{name}", getattr(fresh, f"reply_to_{name}"))
    post.sink.start()
    for _ in addresses:
        hands.shift(6)
        post.work()
    assert sorted(post.sent) == addresses
    assert post.letters() == [("sent", 1, 250)] * 3


# Policy


@one_database
@pytest.mark.parametrize("where", ["recipient", "letter"])
def test_a_refusal_by_policy_pauses_the_mailing(post: Post, hands: time_machine.Traveller, where: str) -> None:
    """5.7.x is about us: one try a connection, the rest untouched, nobody suppressed; on by command."""
    campaign = post.campaign()
    addresses = [f"reader{number}@example.org" for number in range(9)]
    post.readers(campaign, *addresses)
    mailing = post.tell(campaign).id
    asked: list[object] = []
    setattr(post.sink, f"reply_to_{where}", lambda about: asked.append(about) or "550 5.7.1 blocked, see our policy")
    post.work()
    hands.shift(3600)
    post.work()
    assert 1 <= len(asked) <= post.worker.sender.carriers.size < len(addresses)
    assert post.reasons() == [("paused", "the relay refuses by policy (550)")]
    assert [letter[0] for letter in post.letters()] == ["due"] * len(addresses)
    assert db.session.query(Suppression).count() == 0
    setattr(post.sink, f"reply_to_{where}", lambda _about: ACCEPT)
    post.sign(campaign.slug, "asker@example.org")
    post.work()
    assert post.sent == ["asker@example.org"], "letters that were asked for do not wait for the mailing"
    resume(db.session.get_one(Mailing, mailing))
    post.work()
    assert sorted(post.sent) == sorted([*addresses, "asker@example.org"])
    assert post.reasons() == [("done", None)]


@one_database
def test_a_paused_mailing_goes_on_where_it_stopped(post: Post) -> None:
    """Paused before it was spread or after: nothing goes until it is resumed, then each goes once."""
    campaign = post.campaign()
    post.readers(campaign, "a@example.org", "b@example.org")
    for spread_first in (False, True):
        mailing = post.tell(campaign)
        if spread_first:
            db.session.commit()
            with post.worker.app.app_context():
                post.worker.runs()["mailings"]()
        pause(mailing, "paused by hand")
        post.sink.clear()
        post.work()
        assert (post.sent, post.reasons()[-1]) == ([], ("paused", "paused by hand"))
        resume(mailing)
        post.work()
        assert sorted(post.sent) == ["a@example.org", "b@example.org"]
        assert post.reasons()[-1] == ("done", None)


# Nobody can tell


@one_database
@pytest.mark.parametrize("answer", [KEEP_AND_HANG_UP, STALL])
def test_when_the_reply_is_lost_only_what_was_asked_for_goes_again(
    impatient: Post, hands: time_machine.Traveller, answer: str
) -> None:
    """The relay may have the letter: a confirmation goes again, the same in all; an update is uncertain for good."""
    post, campaign = impatient, impatient.campaign()
    post.readers(campaign, "reader@example.org")
    answers = {"reader@example.org": [answer], SIGNER["email"]: [answer]}
    keep = {"reader@example.org": 1, SIGNER["email"]: 2} if answer == KEEP_AND_HANG_UP else {SIGNER["email"]: 1}

    def reply(received: Received) -> str:
        left = answers[received.recipients[0]]
        return left.pop() if left else ACCEPT

    post.sink.reply_to_letter = reply
    post.tell(campaign)
    post.sign(campaign.slug)
    for _ in range(3):
        post.work()
        hands.shift(60)
    assert Counter(post.sent) == keep
    assert [letter[0] for letter in post.letters()] == ["sent", "uncertain"]
    assert post.reasons() == [("done", None)]
    confirmations = [read(letter.content) for letter in post.sink.sent_to(SIGNER["email"])]
    assert len({(letter.headers["Message-ID"], letter.link("/confirm/")) for letter in confirmations}) == 1


@one_database
@pytest.mark.parametrize("where", ["connection", "sender", "recipient"])
def test_a_relay_that_falls_silent_before_the_data_costs_a_rest(
    impatient: Post, hands: time_machine.Traveller, where: str
) -> None:
    """Past CAMPAIGN_SMTP_TIMEOUT the worker gives up; the letter is due; once begun, it counts as tried."""
    campaign = impatient.campaign()
    impatient.readers(campaign, "reader@example.org")
    impatient.tell(campaign)
    setattr(impatient.sink, f"reply_to_{where}", lambda *_asked: STALL)
    impatient.work()
    assert [letter[:2] for letter in impatient.letters()] == [("due", int(where != "connection"))]
    fresh = SmtpSink()
    setattr(impatient.sink, f"reply_to_{where}", getattr(fresh, f"reply_to_{where}"))
    hands.shift(31)
    impatient.work()
    assert impatient.sent == ["reader@example.org"]


# Secured relays


@one_database
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_only_a_trusted_relay_gets_letters(
    client: FlaskClient, installation: Stack, hands: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    """A self-signed certificate is refused before anything is said; named in SSL_CERT_FILE it is trusted."""
    with SmtpSink(tls=tls) as secured, working(installation, SMTP_URL=secured.url) as worker:
        post = Post(client, worker, secured)
        campaign = post.campaign()
        post.readers(campaign, "reader@example.org")
        post.tell(campaign)
        post.work()
        assert secured.connections == 1
        assert (post.sent, [letter[:2] for letter in post.letters()]) == ([], [("due", 0)])
        monkeypatch.setenv("SSL_CERT_FILE", str(secured.certificate))
        hands.shift(6)
        post.work()
        assert post.sent == ["reader@example.org"]


@one_database
def test_no_letter_goes_in_the_clear_where_tls_was_asked_for(
    client: FlaskClient, installation: Stack, sink: SmtpSink
) -> None:
    """A relay (or whoever stands in between) that offers no STARTTLS gets nothing, no recipient either."""
    asked: list[str] = []
    sink.reply_to_sender = lambda address: asked.append(address) or ACCEPT  # type: ignore[func-returns-value]
    with working(installation, SMTP_URL=f"smtp+starttls://{LOOPBACK}:{sink.port}") as worker:
        post = Post(client, worker, sink)
        post.sign(post.campaign().slug)
        post.work()
    assert (asked, post.sent, post.letters()) == ([], [], [("due", 0, 0)])


# Each letter once


def assert_each_once(sink: SmtpSink, addresses: list[str]) -> None:
    """The check that these tests rest on."""
    found = Counter(received.recipients[0] for received in sink.letters)
    wrong = {address: found[address] for address in {*addresses, *found} if found[address] != (address in addresses)}
    assert not wrong, f"not once: {wrong}"


def crowd(post: Post, size: int) -> list[str]:
    """So many readers of a campaign that has news."""
    campaign = post.campaign()
    addresses = [f"reader{number}@example.org" for number in range(size)]
    post.readers(campaign, *addresses)
    post.tell(campaign)
    db.session.commit()
    return addresses


def send_all(workers: list[Worker], seconds: float = 30) -> list[BaseException]:
    """Each worker in a thread of its own, tidying up after the others, until nothing is to be sent."""
    failed: list[BaseException] = []
    until = time.monotonic() + seconds

    def run(worker: Worker) -> None:
        try:
            with worker.app.app_context():
                runs = worker.runs()
                while time.monotonic() < until:
                    for name in ("mailings", "letters", "tidy"):
                        runs[name]()
                    is_open = db.session.query(Mailing).filter(Mailing.state == "sending").count()
                    db.session.commit()
                    if not is_open:
                        return
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_two_workers_send_each_letter_once(post: Post, installation: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds half of the letters, over a relay so slow that its lease would run out before it had sent them all."""
    addresses = crowd(post, 30)
    monkeypatch.setattr(sending, "MOST", 15)
    post.sink.latency = 0.09  # four times a letter
    with working(installation, LEASE_SECONDS="5") as first, working(installation, LEASE_SECONDS="5") as second:
        assert send_all([first, second]) == []
    assert_each_once(post.sink, addresses)
    assert post.letters() == [("sent", 1, 250)] * 30
    assert post.sink.connections >= 2


@one_database
def test_a_worker_told_to_stop_settles_what_is_out(post: Post, installation: Stack) -> None:
    """SIGTERM in the middle of a mailing: nothing stays leased, so none waits for its lease, and none goes twice."""
    addresses = crowd(post, 40)
    post.sink.latency = 0.05
    installation.start_worker()
    post.sink.wait_for(5)
    assert installation.stop("worker") == 0
    by_state = Counter(state for state, _attempts, _code in post.letters())
    assert by_state == {"sent": len(post.sink.letters), "due": len(addresses) - len(post.sink.letters)}


@one_database
@pytest.mark.parametrize("how", ["records nothing", "records too late"])
def test_the_check_itself_can_fail(
    post: Post, hands: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A worker that does not record what it sent, or only after its lease was taken from it, is found out."""
    addresses, late, settle = crowd(post, 3), set[int](), settling.settle

    def settle_late(outcomes: Mapping[int, Outcome], *rest: Any) -> int:
        sent = {number for number, outcome in outcomes.items() if outcome.state is DeliveryState.SENT}
        if sent and late.isdisjoint(sent):
            late.update(sent)
            hands.shift(60)
            with post.worker.app.app_context():
                post.worker.runs()["tidy"]()
        return settle(outcomes, *rest)

    monkeypatch.setattr(
        settling, "settle", settle_late if how == "records too late" else lambda outcomes, *_: len(outcomes)
    )
    post.work()
    hands.shift(60)
    post.work()
    post.work()
    with pytest.raises(AssertionError, match="not once"):
        assert_each_once(post.sink, addresses)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_what_a_database_forgot_is_settled_again(post: Post, hands: time_machine.Traveller) -> None:
    """Settling waits for no disk: after a crash the worker tells again how its letters ended, and sends none."""
    addresses = crowd(post, 3)
    post.work()
    forgotten = {"state": "leased", "owner": post.worker.sender.owner, "attempts": 0, "lease_until": clock.now()}
    assert db.session.query(Delivery).update(forgotten) == 3
    db.session.commit()
    with post.worker.app.app_context():
        db.engine.dispose()  # no connection outlives a crash
    post.work()
    hands.shift(60)
    post.work()
    assert_each_once(post.sink, addresses)
    assert post.letters() == [("sent", 1, 250)] * 3


# Who comes first, who is left out


@one_database
def test_confirmations_go_before_updates(
    client: FlaskClient, installation: Stack, sink: SmtpSink, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that are asked for while a mailing is being sent: after the batch in hand, here of one letter."""
    monkeypatch.setattr(sending, "BATCH_SECONDS", 0.0)
    with working(installation, RELAY_CONNECTIONS="1") as worker:
        check_confirmations_first(Post(client, worker, sink), app)


def check_confirmations_first(post: Post, app: Flask) -> None:
    """One is asked for before, one in the middle of a mailing."""
    campaign = post.campaign()
    slug = campaign.slug
    post.readers(campaign, *(f"reader{number}@example.org" for number in range(6)))
    post.tell(campaign)
    post.sign(slug, "first@example.org")

    def answer(_received: Received) -> str:
        if len(post.sent) == 2:  # one confirmation, one update, and this
            with app.app_context():
                post.sign(slug, "meanwhile@example.org")
            with post.worker.app.app_context():
                post.worker.runs()["intake"]()
        return ACCEPT

    post.sink.reply_to_letter = answer
    post.work()
    assert post.sent[0] == "first@example.org"
    assert post.sent[3] == "meanwhile@example.org"
    assert len(post.sent) == 8


@one_database
def test_who_no_longer_wants_it_is_left_out(post: Post) -> None:
    """Unsubscribed, other wishes, or erased, between publishing and sending, before or after spreading."""
    campaign = post.campaign()
    _stays, leaves, changes, goes, gone = post.readers(
        campaign, *(f"{name}@example.org" for name in ("stays", "leaves", "changes", "goes", "gone"))
    )
    mailing = post.tell(campaign)
    erase(gone)
    db.session.commit()
    with post.worker.app.app_context():
        post.worker.runs()["mailings"]()
    leaves.unsubscribe(clock.now())
    changes.news = "status"
    erase(goes)
    post.work()
    assert post.sent == ["stays@example.org"]
    assert [letter[0] for letter in post.letters()] == ["sent", "skipped", "skipped"]
    assert db.session.get_one(Mailing, mailing.id).state == "done"


@one_database
def test_a_mailing_reaches_those_of_the_moment_and_once(post: Post) -> None:
    """Whoever confirms after the publishing gets the next one; spreading again makes nothing."""
    campaign = post.campaign()
    post.readers(campaign, "a@example.org")
    mailing = post.tell(campaign)
    db.session.commit()
    post.readers(campaign, "later@example.org")
    post.work()
    mailing.state, mailing.spread_to = "sending", 0
    post.work()
    assert post.sent == ["a@example.org"]
    post.tell(campaign)
    post.work()
    assert sorted(post.sent) == ["a@example.org", "a@example.org", "later@example.org"]


@one_database
def test_a_letter_that_cannot_be_opened_or_written_holds_up_nobody(post: Post, keys: Keyring) -> None:
    """A seal of another installation fails by itself; the others go."""
    campaign = post.campaign()
    broken, _whole = post.readers(campaign, "broken@example.org", "whole@example.org")
    broken.sealed_address = keys.sealer.seal(b"x@example.org", b"elsewhere")
    post.tell(campaign)
    post.work()
    assert (post.sent, [letter[0] for letter in post.letters()]) == (["whole@example.org"], ["failed", "sent"])


@one_database
def test_the_envelope_names_the_reader_alone(post: Post) -> None:
    """One recipient a letter, the configured sender; smtplib's own dots and lines survive (RFC 5321, 4.5.2)."""
    campaign = post.campaign()
    post.readers(campaign, "a@example.org", "b@example.org")
    draft = UpdateDraft("news", date(2030, 1, 1), {"en": ("Dots", ".\n\n..\n\nFrom me\n\n.")})
    publish(add_update(campaign, draft), clock.now())
    post.work()
    assert sorted((letter.sender, letter.recipients) for letter in post.sink.letters) == [
        ("news@campaign.example", ("a@example.org",)),
        ("news@campaign.example", ("b@example.org",)),
    ]
    for received in post.sink.letters:
        letter = read(received.content)
        assert letter.to == received.recipients[0]
        assert ".\r\n\r\n..\r\n\r\nFrom me\r\n\r\n." in letter.text
    assert len({read(letter.content).headers["Message-ID"] for letter in post.sink.letters}) == 2


# Wake-ups through Redis

WITHOUT_SWEEP = "import campaign.worker as w, campaign.cli as c; w.SWEEP_SECONDS = 3600; c.main(['worker'])"


@one_database
def test_redis_wakes_the_worker_and_without_it_signing_goes_on(stack: Stack, sink: SmtpSink) -> None:
    """Woken the letter is there within a second, no sweep needed; with Redis killed the sweep brings it."""
    with Redis() as engine:
        stack.settings["CAMPAIGN_TASKS_URL"] = engine.url
        stack.start_web()
        worker = [sys.executable, "-c", WITHOUT_SWEEP]
        stack._start("woken", worker, lambda: "worker ready" in stack.log("woken"))
        addresses = [f"woken{number}@example.org" for number in range(4)]
        assert min(seconds_to_the_letter(stack, sink, address) for address in addresses) < 1
        assert_each_once(sink, addresses)
        stack.stop("woken")

        stack.start_worker("swept")
        engine.kill9()
        begun = time.monotonic()
        stack.sign(email="swept@example.org")
        assert time.monotonic() - begun < 3, "signing waits for Redis"
        sink.wait_for(1, 15, to="swept@example.org")
        assert re.search(r"wake-up failed", stack.log("web"))
        engine.start()
        stack.sign(email="again@example.org")
        sink.wait_for(1, 15, to="again@example.org")


def seconds_to_the_letter(stack: Stack, sink: SmtpSink, address: str) -> float:
    """How long it takes from signing to the letter: more than two if the throttle swallowed the wake-up, as it may."""
    begun = time.monotonic()
    stack.sign(email=address)
    with suppress(TimeoutError):
        sink.wait_for(1, 2, to=address)
    took = time.monotonic() - begun
    until(lambda: time.monotonic() > begun + took + 2 * QUIET_SECONDS)  # so that the next one is not swallowed
    return took


# The local inbox


@one_database
def test_the_local_inbox_keeps_letters(installation: Stack) -> None:
    """`campaign inbox` listens where CAMPAIGN_SMTP_URL points, keeps what comes as it came, and stops when told."""
    with SmtpSink() as elsewhere:
        port = elsewhere.port
    installation.settings["CAMPAIGN_SMTP_URL"] = f"smtp://{LOOPBACK}:{port}"

    def listens() -> bool:
        try:
            smtplib.SMTP(LOOPBACK, port, timeout=2).close()
        except OSError:
            return False
        return True

    installation._start("inbox", ["campaign", "inbox"], listens)
    with smtplib.SMTP(LOOPBACK, port, timeout=5) as sender:
        sender.sendmail("a@example.org", ["b@example.org"], b"Subject: kept\r\n\r\n.dot\r\n")
    kept = [path.read_bytes() for path in Path(installation.instance, "inbox", "new").iterdir()]
    assert len(kept) == 1
    assert b"Subject: kept" in kept[0]
    assert b"\n.dot" in kept[0]
    installation.stop("inbox")
