"""kill -9 of web, worker and database at any moment: nothing acknowledged is lost, nothing counts twice."""

import sys
from collections import Counter

import pytest
from flask import Flask

from campaign import clock
from campaign.db import db
from campaign.mailing.models import News
from campaign.mailing.operations import Addressee, find_or_add_reader
from campaign.opening import Keyring
from campaign.sealing import EmailAddress, binding
from tests import kills
from tests.servers import Postgres, SmtpSink, until
from tests.stack import Stack, update_file

KILLS = {"sqlite": 50, "postgresql": 55}


@pytest.mark.timeout(400)
def test_nothing_is_lost(backend: str, stack: Stack, sink: SmtpSink, request: pytest.FixtureRequest) -> None:
    """Over a hundred kills on both databases together, while people sign, confirm and get letters."""
    server = request.getfixturevalue("postgres") if backend == "postgresql" else None
    tally = kills.run(stack, sink, KILLS[backend], postgres=server if isinstance(server, Postgres) else None)
    print(tally)
    assert tally.confirmed > 20, "too few people signed for the run to say anything"
    assert not tally.lost_signatures
    assert tally.confirmed >= tally.signed
    assert not tally.lost_letters
    assert tally.counted == tally.confirmed
    assert "DIFFER" not in stack.run("audit")
    assert tally.repeated <= tally.kills["worker"] + tally.kills["database"]


READERS = 40
LATE = """
import campaign.mailing.tasks as tasks
from campaign.cli import main

kept = []
settle, claim = tasks.settle, tasks.claim
tasks.settle = lambda *arguments: kept.append(arguments) or True

def settle_then_claim(*arguments):
    while kept:
        settle(*kept.pop())
    return claim(*arguments)

tasks.claim = settle_then_claim
main(["worker"])
"""
"""A worker whose settling is wrong on purpose: not after each letter, but after each batch."""


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_right", [True, False], ids=["settled one by one", "settled late"])
def test_the_check_sees_a_wrong_settle(stack: Stack, sink: SmtpSink, app: Flask, keys: Keyring, is_right: bool) -> None:
    """One kill in the middle of a batch repeats at most the letter in flight; and if it repeats more, we see it."""
    add_readers(keys)
    stack.run("publish", str(update_file(stack.folder, kind="news", statuses={})), "--yes")
    sink.latency = 0.005
    if is_right:
        stack.start_worker()
    else:
        stack._start("worker", [sys.executable, "-c", LATE], lambda: "worker ready" in stack.log("worker"))
    sink.wait_for(10)
    stack.kill9("worker")
    stack.start_worker()
    until(lambda: "done" in stack.run("mailings"), 60, every=0.5)
    letters = Counter(letter.recipients[0] for letter in sink.letters)
    assert len(letters) == READERS
    assert (letters.total() - READERS <= 1) is is_right


def add_readers(keys: Keyring) -> None:
    """Confirmed readers of everything, with addresses that open."""
    for number in range(READERS):
        address = EmailAddress.parse(f"reader{number}@example.org")
        fingerprint = keys.fingerprint(address, 1)
        sealed = keys.sealer.seal(str(address).encode(), binding("reader", 1, fingerprint))
        addressee = Addressee(1, fingerprint, "en", lambda sealed=sealed: sealed)  # type: ignore[misc]
        reader = find_or_add_reader(addressee, clock.now(), may_add=True)
        assert reader is not None
        reader.confirm(clock.now())
        reader.choose_news(News.ALL)
    db.session.commit()
