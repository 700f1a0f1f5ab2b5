"""How fast letters go: to the relay, to one receiving domain, in the first days; less when the relay says 421."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.config import Config
from campaign.db import db
from campaign.mailing.claiming import Turn
from campaign.mailing.models import Delivery, Pace
from campaign.mailing.pacing import FORGIVEN, HORIZON, Pacer, forget_paces
from campaign.opening import Keyring
from tests.servers import ACCEPT, SmtpSink
from tests.stack import SIGNER, Stack
from tests.test_sending import Post, crowd, hands, post, working

__all__ = ["hands", "post"]

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
NOW = datetime(2027, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def pacer(app: Flask, installation: Stack, keys: Keyring) -> Pacer:
    """One without any limit; `changed` makes another."""
    return Pacer(Config.read(installation.environ), keys)


def changed(pacer: Pacer, **settings: str) -> Pacer:
    """The same with some settings changed."""
    environ = {"CAMPAIGN_PUBLIC_URL": "http://localhost", "CAMPAIGN_SMTP_URL": "smtp://localhost"}
    environ |= {"CAMPAIGN_INSTANCE": str(pacer.config.instance), "CAMPAIGN_MAIL_FROM": "news@example.org"}
    return Pacer(Config.read(environ | {f"CAMPAIGN_{name}": value for name, value in settings.items()}), pacer.keys)


def test_the_relay_gets_so_many_letters_a_second(pacer: Pacer) -> None:
    """Whoever asks, and whatever they send; turns that were not used come back."""
    pacer = changed(pacer, RELAY_RATE="10")
    assert [pacer.grant(8, NOW, is_mailing=flag) for flag in (True, False, True)] == [8, 2, 0]
    assert pacer.grant(8, NOW + timedelta(seconds=0.5), is_mailing=True) == 5
    pacer.refund(3, NOW + timedelta(seconds=0.5), is_mailing=True)
    assert pacer.grant(8, NOW + timedelta(seconds=0.5), is_mailing=True) == 3
    granted = sum(pacer.grant(100, NOW + timedelta(seconds=second), is_mailing=True) for second in range(1, 61))
    assert 590 <= granted <= 610


def test_a_slow_relay_gets_one_letter_at_a_time(pacer: Pacer) -> None:
    """Less than a letter a second is a pace, too."""
    pacer = changed(pacer, RELAY_RATE="0.25")
    granted = [pacer.grant(5, NOW + timedelta(seconds=second), is_mailing=True) for second in range(12)]
    assert sum(granted) == 3
    assert max(granted) == 1


@one_database
def test_a_new_relay_is_warmed_up(pacer: Pacer) -> None:
    """Twice as many each day, of mailings only: what somebody asked for always goes."""
    pacer = changed(pacer, WARM_UP="2027-02-01 50")
    assert pacer.grant(200, NOW, is_mailing=True) == 50
    assert pacer.grant(200, NOW, is_mailing=True) == 0
    assert pacer.grant(200, NOW, is_mailing=False) == 200
    pacer.refund(20, NOW, is_mailing=True)
    assert pacer.grant(200, NOW, is_mailing=True) == 20
    assert pacer.grant(200, NOW + timedelta(days=1), is_mailing=True) == 100
    assert pacer.grant(1000, NOW + timedelta(days=4), is_mailing=True) == 800


@one_database
def test_421_halves_the_pace_which_comes_back(pacer: Pacer) -> None:
    """Once for replies that come together; half again later; as before after minutes, no limit after an hour."""
    assert pacer.grant(1000, NOW, is_mailing=True) == 1000
    assert pacer.slow_down(80, NOW) == 40
    assert pacer.slow_down(80, NOW + timedelta(seconds=1)) == 40
    assert pacer.grant(1000, NOW + timedelta(seconds=1), is_mailing=True) == 40
    again = NOW + timedelta(seconds=10)
    assert pacer.slow_down(80, again) == pytest.approx(20, rel=0.15)
    assert pacer.grant(1000, again + timedelta(minutes=1), is_mailing=True) == pytest.approx(40, rel=0.15)
    assert pacer.grant(1000, again + timedelta(hours=2), is_mailing=True) == 1000


@one_database
def test_each_receiving_domain_has_turns_of_its_own(pacer: Pacer) -> None:
    """Twenty to one take two seconds at ten a second, three to another none; a later batch goes behind."""
    pacer = changed(pacer, DOMAIN_RATE="10")
    turns = pacer.turns(["big.example"] * 20 + ["small.example"] * 3, NOW)
    assert turns[0] == turns[20] == Turn(NOW)
    assert turns[19] == Turn(NOW + timedelta(seconds=1.9))
    assert pacer.turns(["big.example"], NOW) == [Turn(NOW + timedelta(seconds=2))]
    db.session.commit()
    assert b"example" not in b"".join(row.key for row in db.session.query(Pace)), "a domain stands in the database"
    forget_paces(NOW + timedelta(days=2))
    assert db.session.query(Pace).count() == 0


@one_database
def test_a_domain_that_was_slowed_recovers_alone(pacer: Pacer) -> None:
    """Half of what it got, then twice as many a minute; not slower than it bears; its neighbours never wait."""
    assert pacer.slow_down(8, NOW, "big.example") == 4
    assert pacer.slow_down(8, NOW + timedelta(seconds=1), "big.example") == 4
    both = pacer.turns(["big.example", "small.example"] * 9, NOW)
    assert both[1::2] == [Turn(NOW)] * 9
    assert both[16].at - NOW == pytest.approx(timedelta(seconds=2), rel=0.05)
    minute = NOW + timedelta(minutes=1)
    later = [turn.at - minute for turn in pacer.turns(["big.example"] * 17, minute)]
    assert later[16] == pytest.approx(timedelta(seconds=2), rel=0.05)
    assert pacer.slow_down(1, minute, "big.example") == 2, "what it got, not what it might have got"
    assert [pacer.slow_down(0, minute + timedelta(minutes=5 * n), "big.example") for n in (1, 2, 3)] == [1, 0.5, 0.5]
    assert pacer.turns(["big.example"] * 9, minute + timedelta(minutes=15) + FORGIVEN)[8].at <= NOW + timedelta(hours=2)
    forget_paces(NOW + timedelta(days=2))
    assert db.session.query(Pace).count() == 0


@one_database
def test_whoever_waits_long_at_a_domain_asks_again(pacer: Pacer) -> None:
    """Turns are kept for half a minute; the others are guessed, one behind the other, sooner while it recovers."""
    pacer.slow_down(2, NOW, "big.example")
    turns = pacer.turns(["big.example"] * 1000, NOW)
    assert [turn.at for turn in turns] == sorted({turn.at for turn in turns})
    kept = [turn for turn in turns if turn.is_kept]
    assert kept == turns[: len(kept)]
    assert 30 < len(kept) < 40
    assert kept[-1].at <= NOW + HORIZON < turns[len(kept)].at
    assert turns[-1].at < NOW + timedelta(minutes=5)


@one_database
def test_the_days_letters_are_not_forgotten(pacer: Pacer) -> None:
    """A relay that was slowed yesterday still counts today's letters of its warm-up."""
    pacer = changed(pacer, WARM_UP="2027-02-01 50")
    pacer.slow_down(80, NOW)
    pacer.grant(10, NOW, is_mailing=True)
    tomorrow = NOW + timedelta(days=1, hours=1)
    assert pacer.grant(200, tomorrow, is_mailing=True) == 100
    forget_paces(tomorrow)
    assert pacer.grant(200, tomorrow, is_mailing=True) == 0


def test_a_domain_that_says_later_gets_less(post: Post, hands: time_machine.Traveller) -> None:
    """Five put off of its last twenty: its letters get turns, those to others go at once; all come, none twice."""
    addresses = [f"reader{number}@{('big', 'small')[number % 2]}.example" for number in range(240)]
    post.readers(campaign := post.campaign(), *addresses)
    post.tell(campaign)
    busy = {"big.example"}
    post.sink.reply_to_recipient = lambda address: "451 4.7.1 later" if address.split("@")[1] in busy else ACCEPT
    post.work()
    assert Counter(post.sent) == Counter(address for address in addresses if address.endswith("@small.example"))
    [pace] = db.session.query(Pace).filter(Pace.slowed_at.is_not(None)).all()
    assert pace.key == post.worker.keys.domain_key("big.example")
    tried = sum(attempts for _state, attempts, _code in post.letters()) - len(post.sent)
    assert 5 <= tried < 120, "it was asked for all of them all the same"
    busy.clear()
    for _ in range(16):
        hands.shift(10)
        post.work()
    assert Counter(post.sent) == Counter(addresses)


@one_database
@pytest.mark.parametrize("reply", ["452 4.2.2 full", "450 4.2.1 too much for this inbox"])
def test_a_full_inbox_slows_nobody(post: Post, reply: str) -> None:
    """Nor does one that gets too much: that is not the domain's word."""
    crowd(post, 30)
    post.sink.reply_to_recipient = lambda _address: reply
    post.work()
    assert Counter(post.letters()) == Counter({("due", 1, int(reply[:3])): 30})
    assert db.session.query(Pace).filter(Pace.slowed_at.is_not(None)).count() == 0


@one_database
def test_turns_that_wait_at_a_domain_are_given_back(
    client: FlaskClient, installation: Stack, sink: SmtpSink, hands: time_machine.Traveller
) -> None:
    """What may not go to its domain now counts neither against the relay's pace nor against the first days."""
    with working(installation, DOMAIN_RATE="1", WARM_UP=f"{clock.now():%Y-%m-%d} 20") as worker:
        post = Post(client, worker, sink)
        crowd(post, 15)
        for _ in range(20):
            post.work()
            hands.shift(1)
        assert len(post.sent) == 15


def test_a_mailing_keeps_the_pace_of_a_domain(
    client: FlaskClient, installation: Stack, sink: SmtpSink, hands: time_machine.Traveller
) -> None:
    """What is too much for now waits for its turn, and goes once; what was asked for does not wait."""
    with working(installation, DOMAIN_RATE="2") as worker:
        post = Post(client, worker, sink)
        addresses = crowd(post, 9)
        post.sign(db.session.query(Campaign).filter(Campaign.slug.like("sending-%")).one().slug)
        post.work()
        assert SIGNER["email"] in post.sent
        assert len(post.sent) < 6
        for _ in range(8):
            hands.shift(1)
            post.work()
        assert Counter(post.sent) == Counter([*addresses, SIGNER["email"]])
        assert {state for state, _attempts, _code in post.letters()} == {"sent"}


@one_database
def test_too_many_refusals_pause_the_mailing(post: Post, hands: time_machine.Traveller) -> None:
    """One in ten refused for good: somebody has to look before the rest goes."""
    crowd(post, 300)
    post.sink.reply_to_recipient = lambda address: "550 5.1.1 nobody" if address.split("@")[0].endswith("0") else ACCEPT
    post.work()
    assert post.reasons() == [("paused", "more than 5 of 100 letters were refused")]
    states = Counter(state for state, _attempts, _code in post.letters())
    assert 100 <= states["sent"] + states["failed"] <= 110
    assert states["due"] == 300 - states["sent"] - states["failed"]


@one_database
def test_421_slows_the_whole_mailing(post: Post, hands: time_machine.Traveller) -> None:
    """The pace that the relay asked for stands in the database; every letter comes, none twice."""
    addresses, refused = crowd(post, 30), list[str]()

    def reply(address: str) -> str:
        if len(post.sent) >= 10 and not refused:
            refused.append(address)
            return "421 4.7.0 too fast"
        return ACCEPT

    post.sink.reply_to_recipient = reply
    post.work()
    assert len(post.sent) < 30
    pace = db.session.query(Pace).one()
    assert pace.slowed_at == clock.now()
    for _ in range(60):
        hands.shift(2)
        post.work()
    assert Counter(post.sent) == Counter(addresses)
    assert db.session.query(Delivery).filter(Delivery.state != "sent").count() == 0
