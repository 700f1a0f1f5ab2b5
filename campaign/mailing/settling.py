"""Settling: how letters ended is recorded in commits that wait for no disk, and once more after a crash.

A worker that is killed loses nothing that way: the database has it. A database that crashes may forget its last commits
(PostgreSQL: synchronous_commit). Then the worker still knows how those letters ended; without it, they would go again.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from campaign.db import db, is_sqlite
from campaign.mailing.claiming import Outcome, settle

IN_DOUBT = 5.0
"""Seconds for which a commit is not trusted to be on the disk: PostgreSQL takes three times its wal_writer_delay."""

log = structlog.get_logger()


@dataclass(frozen=True)
class _Settled:
    """What was recorded, with the time that stands there, and when that was (monotonic seconds)."""

    outcomes: Mapping[int, Outcome]
    now: datetime
    at: float


class Settler:
    """Records how the letters of one owner ended; each statement is a transaction of its own, in one round trip."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self._recent: deque[_Settled] = deque()

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection to settle over; what a crash may have undone has been recorded again."""
        with db.engine.connect() as connection:
            if is_sqlite():
                yield connection  # it commits no later than the worker knows of it
                return
            connection.execution_options(isolation_level="AUTOCOMMIT")
            self._settle_again(connection)
            with _hasty(connection):
                yield connection

    def settle(self, outcomes: Mapping[int, Outcome], now: datetime, connection: Connection) -> None:
        """Record these."""
        lost = len(outcomes) - settle(outcomes, self.owner, now, connection)
        connection.commit()
        if not is_sqlite():
            self._remember(_Settled(outcomes, now, time.monotonic()))
        if lost:
            log.warning("leases lost", letters=lost)

    def _settle_again(self, connection: Connection) -> None:
        """No connection outlives a crash: only what was settled before this one was made is in doubt."""
        since = connection.info.setdefault("campaign.since", time.monotonic())
        doubtful = [one for one in self._recent if one.at < since]
        again = sum(settle(one.outcomes, self.owner, one.now, connection) for one in doubtful)
        self._recent = deque(one for one in self._recent if one.at >= since)
        if again:
            log.warning("settled again", letters=again)

    def _remember(self, settled: _Settled) -> None:
        """Keep it as long as it is in doubt; only a later commit says that there was no crash until then."""
        self._recent.append(settled)
        while self._recent[0].at < settled.at - IN_DOUBT:
            self._recent.popleft()


@contextmanager
def _hasty(connection: Connection) -> Iterator[None]:
    """PostgreSQL's commits over this connection wait for no disk; whoever gets it next finds it as it was."""
    connection.exec_driver_sql("SET synchronous_commit TO off")
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):
            connection.exec_driver_sql("RESET synchronous_commit")
