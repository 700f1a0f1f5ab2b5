"""What a monitor asks of the database: counts along indexes alone, however many letters there are.

Each takes a connection, because health is asked for in a thread of its own: see probe.py.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import CompoundSelect, Connection, func, literal, null, select, table, text, union_all

from campaign.mailing.models import Delivery, DeliveryState, Mailing, MailingState, Suppression, is_in
from campaign.signing.models import Intake
from campaign.watching.models import Heartbeat

SILENT_AFTER = timedelta(minutes=1)
"""A worker that has not beaten for so long is late."""

MOST = 100_000
"""Nobody needs to know how many more requests wait, and a flood of them must not make it dear to ask."""

UNSENT = [state for state in DeliveryState if state is not DeliveryState.SENT]
OPEN = (MailingState.SENDING, MailingState.PAUSED)


class WorkerState(StrEnum):
    """Whether any worker lives: one does, all are silent, there is none."""

    OK = "ok"
    LATE = "late"
    NONE = "none"


@dataclass(frozen=True)
class Beat:
    """A worker's heartbeat; `age` in seconds."""

    name: str
    age: float
    doing: str
    failing: str | None
    failed_at: datetime | None


def beats(connection: Connection, now: datetime) -> list[Beat]:
    """The heartbeats, newest first."""
    columns = (Heartbeat.name, Heartbeat.beat_at, Heartbeat.doing, Heartbeat.failing, Heartbeat.failed_at)
    rows = connection.execute(select(*columns).order_by(Heartbeat.beat_at.desc()))
    return [Beat(row.name, _since(row.beat_at, now), row.doing, row.failing, row.failed_at) for row in rows]


def worker_state(connection: Connection, now: datetime) -> WorkerState:
    """Whether any worker lives."""
    newest = connection.scalar(select(func.max(Heartbeat.beat_at)))
    if newest is None:
        return WorkerState.NONE
    return WorkerState.OK if _since(newest, now) < SILENT_AFTER.total_seconds() else WorkerState.LATE


def confirmation_lag(connection: Connection, now: datetime) -> float:
    """For how many seconds the letter that somebody asked for, and that is due the longest, has been due; 0: none is.

    A letter that the relay put off is due again when its time comes.
    """
    due = select(func.min(Delivery.not_before)).where(Delivery.mailing_id.is_(None), is_in(DeliveryState.DUE))
    return _since(connection.scalar(due) or now, now)


def intake_lag(connection: Connection, now: datetime) -> float:
    """For how many seconds the oldest request that the worker has not opened has been waiting; 0: none is."""
    oldest = connection.scalar(select(func.min(Intake.received_at)).where(Intake.failed_at.is_(None)))
    return _since(oldest or now, now)


def intake_waiting(connection: Connection) -> int:
    """How many requests the worker has not opened; MOST stands for that many or more."""
    waiting = select(Intake.received_at).where(Intake.failed_at.is_(None)).limit(MOST).subquery()
    return connection.scalar(select(func.count()).select_from(waiting)) or 0


def suppressions(connection: Connection) -> int:
    """How many addresses are not to be written to."""
    return connection.scalar(select(func.count()).select_from(Suppression)) or 0


def mailing_states(connection: Connection) -> dict[int, str]:
    """The state of each mailing."""
    return {row.id: row.state for row in connection.execute(select(Mailing.id, Mailing.state))}


_WEBHOOK_EVENTS = table("webhook_events")
"""Those of a room beside this one: asked for by their name only."""

WEBHOOK_STATES = ("due", "leased", "failed")


def webhook_events(connection: Connection) -> dict[str, int]:
    """How many events of webhooks are not told yet, or could not be."""
    counted = select(func.count()).select_from(_WEBHOOK_EVENTS)
    return {state: connection.scalar(counted.where(text(f"state = '{state}'"))) or 0 for state in WEBHOOK_STATES}


def letters(connection: Connection) -> Mapping[int | None, Mapping[str, int]]:
    """How many letters are in each state, by mailing; None: those that somebody asked for.

    One statement, so that all is of one moment. What is sent of a mailing is never counted, but is what remains of its
    total.
    """
    found: dict[int | None, Counter[str]] = {}
    for kind, mailing_id, count in connection.execute(_LETTERS):
        found.setdefault(mailing_id, Counter())[kind] = count
    return {mailing_id: _with_sent(counts) for mailing_id, counts in found.items()}


def _with_sent(counts: Counter[str]) -> dict[str, int]:
    unsent = {state.value: counts[state] for state in UNSENT}
    sent = DeliveryState.SENT.value
    return {sent: counts[sent] + max(0, counts[_TOTAL] - sum(unsent.values()))} | unsent


def _since(moment: datetime, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())


_TOTAL = "total"
_LETTERS: CompoundSelect[Any] = union_all(
    *(
        select(literal(state.value).label("kind"), Delivery.mailing_id, func.count())
        .where(is_in(state))
        .group_by(Delivery.mailing_id)
        for state in UNSENT
    ),
    select(literal(DeliveryState.SENT.value), null(), func.count())
    .select_from(Delivery)
    .where(Delivery.mailing_id.is_(None), is_in(DeliveryState.SENT)),
    select(literal(_TOTAL), Mailing.id, Mailing.spread_count),
)
