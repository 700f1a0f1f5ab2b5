"""Signing: the POST alone, and while the worker opens what it took and mails."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from benchmarks.figures import Figure, compare, taking_turns
from benchmarks.installations import SLUG, WORKERS, floor, ours
from benchmarks.load import NUMBER, Round, fire, post
from tests.servers import Postgres, SmtpSink
from tests.stack import SIGNER, Stack

FORM = SIGNER | {"email": f"ada{NUMBER}@example.org"}
SIGN = post(f"/en/{SLUG}/sign", FORM)
BARE = post("/sign", FORM)
SEE_OTHER = 303


def signing() -> Iterator[Figure]:
    """On SQLite and on PostgreSQL."""
    yield from _signing("SQLite", "sqlite", None)
    with Postgres(fsync=True) as server:
        yield from _signing("PostgreSQL", server.fresh_database(), server.fresh_database())


def _signing(name: str, floor_url: str, our_url: str | None) -> Iterator[Figure]:
    with ExitStack() as running:
        sink = running.enter_context(SmtpSink())
        bare = running.enter_context(floor("insert", floor_url))
        stack = running.enter_context(ours(sink.url, our_url))
        stack.start_web(WORKERS)
        yield _against(f"sign on {name} : insert", bare, stack, nullcontext)
        stack.start_worker()
        yield _against(f"sign on {name}, worker busy : insert", bare, stack, lambda: _resting(stack.pid("worker")))


def _against(what: str, bare: int, stack: Stack, rest: Callable[[], AbstractContextManager[None]]) -> Figure:
    """`rest` is around the floor's rounds, so that the floor has the machine for itself."""

    def insert() -> Round:
        with rest():
            return fire(bare, BARE, SEE_OTHER)

    inserts, signs = taking_turns(insert, lambda: fire(stack.port, SIGN, SEE_OTHER))
    return compare(what, inserts, signs, 0.6, with_times=True)


@contextmanager
def _resting(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
