"""A mailing: letters a second, against a bare smtplib loop over the same sink; one worker and two."""

import itertools
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.figures import Figure, compare, taking_turns
from benchmarks.filling import add_readers
from benchmarks.installations import SLUG, ours
from benchmarks.load import Round
from tests.programs import ROOT
from tests.servers import Postgres, SmtpSink
from tests.stack import Stack, update_file

READERS, FEWER = 2000, 400
TURNS = 2
SLOW = 0.01
"""Seconds before each reply of a relay that is some way off; a letter takes four of them."""

_titles = (f"News {number}" for number in itertools.count(1))


def mailings() -> Iterator[Figure]:
    """On SQLite, and on PostgreSQL with two workers, too."""
    with SmtpSink() as sink, ours(sink.url) as stack:
        yield _against_bare("mailing on SQLite : smtplib", stack, sink)
    with Postgres(fsync=True) as server:
        with SmtpSink() as sink, ours(sink.url, server.fresh_database()) as stack:
            yield _against_bare("mailing on PostgreSQL : smtplib", stack, sink)
            yield _two_workers("2 workers : 1 on PostgreSQL", stack, sink, READERS, None)
        with SmtpSink() as sink, ours(sink.url, server.fresh_database()) as stack:
            sink.latency = SLOW
            yield from _slow_relay(stack, sink)


def _against_bare(what: str, stack: Stack, sink: SmtpSink) -> Figure:
    add_readers(stack, READERS)
    stack.start_worker()
    mailed, bare = taking_turns(lambda: _publish(stack, sink, READERS), lambda: _bare(sink), times=TURNS)
    return compare(what, bare, mailed, 0.7)


def _slow_relay(stack: Stack, sink: SmtpSink) -> Iterator[Figure]:
    add_readers(stack, FEWER)
    stack.start_worker()
    mailed, bare = taking_turns(lambda: _publish(stack, sink, FEWER), lambda: _bare(sink), times=TURNS)
    yield compare("mailing, relay 10 ms away : smtplib", bare, mailed, 0.7)
    yield _two_workers("2 workers : 1, relay 10 ms away", stack, sink, FEWER, 1.6)


def _two_workers(what: str, stack: Stack, sink: SmtpSink, readers: int, goal: float | None) -> Figure:
    """The second worker runs in its own rounds only."""

    def with_second() -> Round:
        stack.start_worker("second")
        mailed = _publish(stack, sink, readers)
        stack.stop("second")
        return mailed

    one, two = taking_turns(lambda: _publish(stack, sink, readers), with_second, times=TURNS)
    return compare(what, one, two, goal)


def _publish(stack: Stack, sink: SmtpSink, readers: int) -> Round:
    """Publish an update to all readers, and see from the first letter to the last."""
    sink.clear()
    stack.run("publish", str(update_file(stack.folder, SLUG, next(_titles), kind="news", statuses={})), "--yes")
    letters = sink.wait_for(readers, 120)
    times = [letter.at for letter in letters]
    assert len({letter.recipients for letter in letters}) == len(letters) == readers, "not one letter for each reader"
    return Round((readers - 1) / (times[-1] - times[0]), [])


def _bare(sink: SmtpSink) -> Round:
    """As many letters of the same bytes from a bare loop, in a process of its own as the worker is."""
    command = [sys.executable, "-m", "benchmarks.floors", str(sink.port), str(len(sink.letters))]
    done = subprocess.run(
        command, cwd=ROOT, input=sink.letters[-1].content, capture_output=True, timeout=120, check=True
    )
    return Round(float(done.stdout), [])
