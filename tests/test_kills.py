"""kill -9 of web, worker and database at any moment: nothing acknowledged is lost, nothing counts twice."""

import pytest

from tests import kills
from tests.servers import Postgres, SmtpSink
from tests.stack import Stack

KILLS = {"sqlite": 10, "postgresql": 14}


def test_nothing_is_lost(backend: str, stack: Stack, sink: SmtpSink, request: pytest.FixtureRequest) -> None:
    """A few kills, while people sign, confirm and get letters; benchmarks/kills.py has the long run."""
    server = request.getfixturevalue("postgres") if backend == "postgresql" else None
    tally = kills.run(stack, sink, KILLS[backend], postgres=server if isinstance(server, Postgres) else None)
    print(tally)
    assert tally.confirmed > 20, "too few people signed for the run to say anything"
    assert not tally.lost_signatures
    assert tally.confirmed >= tally.signed
    assert not tally.lost_letters
    assert tally.counted == tally.confirmed
    assert "DIFFER" not in stack.run("audit")
    assert tally.repeated <= tally.may_repeat
