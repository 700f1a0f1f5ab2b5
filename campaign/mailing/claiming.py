"""Deliveries that are due: claimed under a lease, settled, given back. Only whose the lease is may change them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, Table, bindparam, func, select, update

from campaign.db import db
from campaign.mailing.models import Delivery, DeliveryState, is_in


@dataclass(frozen=True)
class Lease:
    """Who holds deliveries, and until when."""

    owner: str
    until: datetime


def claim(mailing_id: int | None, lease: Lease, size: int, now: datetime) -> list[int]:
    """Lease at most `size` due deliveries of a mailing (None: letters that were asked for), oldest first."""
    of_mailing = Delivery.mailing_id.is_(None) if mailing_id is None else Delivery.mailing_id == mailing_id
    due = (
        select(Delivery.id)
        .where(of_mailing, is_in(DeliveryState.DUE), Delivery.not_before <= now)
        .order_by(Delivery.not_before, Delivery.id)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    leased = {"state": DeliveryState.LEASED, "owner": lease.owner, "lease_until": lease.until}
    claimed = (
        update(Delivery)
        .where(Delivery.id.in_(due.scalar_subquery()))
        .values(**leased)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(db.session.scalars(claimed))


@dataclass(frozen=True)
class Outcome:
    """How a lease ended: the state, the relay's code, not before when it is tried again, whether it was tried."""

    state: DeliveryState
    code: int | None = None
    not_before: datetime | None = None
    is_attempt: bool = True


_table = cast("Table", Delivery.__table__)
_SETTLE = (
    update(_table)
    .where(_table.c.id.in_(bindparam("delivery_ids", expanding=True)), _table.c.owner == bindparam("holder"))
    .values(
        state=bindparam("ended_as"),
        owner=None,
        lease_until=None,
        code=bindparam("reply"),
        attempts=_table.c.attempts + bindparam("tries"),
        not_before=func.coalesce(bindparam("wait_until", type_=_table.c.not_before.type), _table.c.not_before),
        settled_at=bindparam("ended_at", type_=_table.c.settled_at.type),
    )
)
"""Made once: it runs for each letter. Those that ended alike are settled together."""


_RETURNED = {"state": DeliveryState.DUE, "owner": None, "lease_until": None}

_turn = bindparam("turn", type_=_table.c.not_before.type)
_POSTPONE = (
    update(_table)
    .where(_table.c.id == bindparam("delivery"), _table.c.owner == bindparam("holder"))
    .values(**_RETURNED, not_before=_turn, slot_at=bindparam("slot", type_=_table.c.slot_at.type))
)


def settle(outcomes: Mapping[int, Outcome], owner: str, now: datetime, connection: Connection | None = None) -> int:
    """Record how attempts ended, by delivery; how many there were of which the lease was still the owner's.

    Of the others nothing is changed: somebody else holds them, or has settled them. `connection`: another than the
    session's, to commit these alone.
    """
    alike: defaultdict[Outcome, list[int]] = defaultdict(list)
    for delivery_id, outcome in outcomes.items():
        alike[outcome].append(delivery_id)
    on = db.session.connection() if connection is None else connection
    return sum(on.execute(_SETTLE, _settled(ids, owner, outcome, now)).rowcount for outcome, ids in alike.items())


def _settled(delivery_ids: list[int], owner: str, outcome: Outcome, now: datetime) -> dict[str, object]:
    is_due = outcome.state is DeliveryState.DUE
    return {
        "delivery_ids": delivery_ids,
        "holder": owner,
        "ended_as": outcome.state.value,
        "reply": outcome.code,
        "tries": int(outcome.is_attempt),
        "wait_until": (outcome.not_before or now) if is_due else None,
        "ended_at": None if is_due else now,
    }


def give_back(delivery_ids: Sequence[int], owner: str, not_before: datetime | None = None) -> None:
    """Return claimed deliveries that were not tried, to be tried again at once or not before a time."""
    held = update(Delivery).where(Delivery.id.in_(delivery_ids), Delivery.owner == owner)
    returned = _RETURNED | ({"not_before": not_before} if not_before else {})
    db.session.execute(held.values(**returned).execution_options(synchronize_session=False))


@dataclass(frozen=True)
class Turn:
    """When a letter may go to its receiving domain; one that is not `is_kept` has to ask again then."""

    at: datetime
    is_kept: bool = True


def postpone(turns: Mapping[int, Turn], owner: str) -> None:
    """Return claimed deliveries until their turns at the receiving domain have come."""
    rows = [
        {"delivery": delivery_id, "holder": owner, "turn": turn.at, "slot": turn.at if turn.is_kept else None}
        for delivery_id, turn in turns.items()
    ]
    if rows:
        db.session.connection().execute(_POSTPONE, rows)


def return_expired_leases(now: datetime) -> None:
    """What a stopped worker held becomes due again."""
    expired = update(Delivery).where(is_in(DeliveryState.LEASED), Delivery.lease_until < now)
    db.session.execute(expired.values(**_RETURNED).execution_options(synchronize_session=False))
