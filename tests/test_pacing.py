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
from campaign.mailing.models import Delivery, Pace
from campaign.mailing.pacing import Pacer, forget_paces
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
    slots = pacer.slots(["big.example"] * 20 + ["small.example"] * 3, NOW)
    assert slots[0] == slots[20] == NOW
    assert slots[19] == NOW + timedelta(seconds=1.9)
    assert pacer.slots(["big.example"], NOW)[0] == NOW + timedelta(seconds=2)
    db.session.commit()
    assert b"example" not in b"".join(row.key for row in db.session.query(Pace)), "a domain stands in the database"
    forget_paces(NOW + timedelta(days=2))
    assert db.session.query(Pace).count() == 0


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
