"""A mailing to a million readers: making its deliveries, what the worker weighs, and who signs meanwhile.

The figures here are what is allowed : what it takes, so 1 is the goal.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from statistics import quantiles

from sqlalchemy import text

from benchmarks.figures import Figure
from benchmarks.filling import MILLION, add_readers, inside
from benchmarks.installations import NOWHERE, SLUG, ours
from campaign.db import db
from campaign.mailing.tasks import spread_mailings
from tests.servers import Postgres, SmtpSink
from tests.stack import SIGNER, Stack, update_file

REAL = 60_000
"""So many of the readers have addresses that open, the first to be written to: as many as go while it is measured."""

A_SECOND, SECONDS = 35, 40
"""Signings a second, and for how long."""

READERS = """
INSERT INTO readers (campaign_id, handle, sealed_address, fingerprint, locale, news, created_at, confirmed_at)
SELECT (SELECT id FROM campaigns), {handle}, {sealed}, {handle}, 'en', 'all', '{at}', '{at}' FROM {numbers}
"""
SQLITE = {
    "handle": "CAST(printf('%016d', n) AS BLOB)",
    "sealed": "zeroblob(80)",
    "numbers": "(WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {rows}) SELECT n FROM up)",
}
POSTGRESQL = {
    "handle": "decode(lpad(to_hex(n), 32, '0'), 'hex')",
    "sealed": "decode(repeat('00', 80), 'hex')",
    "numbers": "generate_series(1, {rows}) AS n",
}


def million() -> Iterator[Figure]:
    """Materialised on both databases; sent, with signings between, on SQLite."""
    with ours() as stack:
        yield _spread("a million deliveries on SQLite, 10 s", stack, 10)
    with Postgres(fsync=True) as server, ours(NOWHERE, server.fresh_database()) as stack:
        yield _spread("a million deliveries on PostgreSQL, 20 s", stack, 20)
    with SmtpSink() as sink, ours(sink.url) as stack:
        yield from _sent(stack, sink)


def _spread(what: str, stack: Stack, allowed: float) -> Figure:
    _fill(stack, MILLION)
    _publish(stack)
    with inside(stack):
        started = time.perf_counter()
        spread_mailings()
        taken = time.perf_counter() - started
        assert db.session.scalar(text("SELECT spread_count FROM mailings")) == MILLION
    return Figure(what, MILLION / allowed, MILLION / taken, 1.0)


def _sent(stack: Stack, sink: SmtpSink) -> Iterator[Figure]:
    add_readers(stack, REAL)
    _fill(stack, MILLION - REAL)
    stack.start_web(2)
    _publish(stack)
    stack.start_worker()
    sink.wait_for(1000, 120)
    before = _weight(stack)
    waits = _sign(stack, sink)
    after = max(before, _weight(stack))
    print(json.dumps({"letters meanwhile": len(sink.letters), "MB before": before, "MB after": after}))
    cuts = quantiles(waits, n=100)
    yield Figure("memory of a worker, 150 MB", 1 / 150, 1 / after, 1.0)
    yield Figure("sign to confirmation, p99, 3 s", 1 / 3, 1 / cuts[98], 1.0, (cuts[49] * 1000, cuts[98] * 1000))


def _fill(stack: Stack, rows: int) -> None:
    """Readers whose addresses do not open: enough to be counted."""
    with inside(stack):
        words = SQLITE if db.engine.dialect.name == "sqlite" else POSTGRESQL
        filled = {name: value.replace("{rows}", str(rows)) for name, value in words.items()}
        db.session.execute(text(READERS.format(**filled, at=datetime(2024, 1, 2))))
        db.session.commit()
        db.session.connection().exec_driver_sql("ANALYZE")
        db.session.commit()


def _publish(stack: Stack) -> None:
    stack.run("publish", str(update_file(stack.folder, SLUG, "News", kind="news", statuses={})), "--yes")


def _weight(stack: Stack) -> float:
    """The memory that the worker holds, in MB."""
    status = Path(f"/proc/{stack.pid('worker')}/status").read_text("utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _sign(stack: Stack, sink: SmtpSink) -> list[float]:
    """Sign at an even pace; the seconds from each POST to its letter."""
    begun: dict[str, float] = {}
    numbers = count()
    threads = [threading.Thread(target=_sign_some, args=(stack, numbers, begun)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deadline = time.monotonic() + 60
    arrived: dict[str, float] = {}
    while len(arrived) < len(begun) and time.monotonic() < deadline:
        time.sleep(0.2)
        arrived = {one.recipients[0]: one.at for one in tuple(sink.letters) if one.recipients[0] in begun}
    return [arrived.get(address, deadline) - at for address, at in begun.items()]


def _sign_some(stack: Stack, numbers: "count[int]", begun: dict[str, float]) -> None:
    started = time.monotonic()
    while (number := next(numbers)) < A_SECOND * SECONDS:
        time.sleep(max(0.0, started + number / A_SECOND - time.monotonic()))
        address = f"signer{number}-{os.getpid()}@example.net"
        begun[address] = time.monotonic()
        stack.post(f"/en/{SLUG}/sign", SIGNER | {"email": address, "name": f"Signer {number}"})
