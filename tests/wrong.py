"""Workers that are wrong on purpose, each in one way, so that the checks of the storm are seen to fail.

Each replaces a function of `campaign.mailing`, wherever a module of it has that name.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import update

from campaign.db import db
from campaign.mailing import claiming, queries
from campaign.mailing.claiming import Outcome
from campaign.mailing.models import Delivery, DeliveryState


def settles_nothing() -> None:
    """Says that it settled, and wrote nothing: the lease runs out, and the letter goes again."""
    replace_everywhere("settle", lambda outcomes, *_rest: len(outcomes))


def settles_late() -> None:
    """Settles not after each letter, but before the next claim."""
    kept: list[tuple[Any, ...]] = []
    settle, claim = claiming.settle, claiming.claim

    def settle_later(outcomes: Mapping[int, Outcome], owner: str, now: datetime, *_rest: object) -> int:
        kept.append((dict(outcomes), owner, now))
        return len(outcomes)

    def claim_and_settle(*arguments: Any) -> list[int]:
        while kept:
            settle(*kept.pop())
        return claim(*arguments)

    replace_everywhere("settle", settle_later)
    replace_everywhere("claim", claim_and_settle)


def settles_before() -> None:
    """Settles as sent what is about to be sent: whoever is in the batch of a killed worker gets nothing."""
    settle, claim = claiming.settle, claiming.claim

    def claim_as_sent(mailing_id: int | None, lease: Any, size: int, now: datetime) -> list[int]:
        ids = claim(mailing_id, lease, size, now)
        if ids:
            settle({delivery_id: Outcome(DeliveryState.SENT, code=250) for delivery_id in ids}, lease.owner, now)
        return ids

    replace_everywhere("claim", claim_as_sent)
    replace_everywhere("settle", lambda outcomes, *_rest: len(outcomes))
    replace_everywhere("give_back", lambda *_arguments: None)


def fences_nothing() -> None:
    """Gives back what it claimed, though others have sent it since."""

    def give_back(delivery_ids: Sequence[int], _owner: str, _not_before: datetime | None = None) -> None:
        due = {"state": DeliveryState.DUE, "owner": None, "lease_until": None}
        held = update(Delivery).where(Delivery.id.in_(delivery_ids)).values(**due)
        db.session.execute(held.execution_options(synchronize_session=False))

    replace_everywhere("give_back", give_back)


def ignores_wishes() -> None:
    """Writes to whoever was a reader when the update was published."""
    claimed = queries.claimed
    replace_everywhere("claimed", lambda ids: [replace(row, is_wanted=True) for row in claimed(ids)])
    replace_everywhere("suppressed", lambda _keys: set())


WRONGS: tuple[Callable[[], None], ...] = (
    settles_nothing, settles_late, settles_before, fences_nothing, ignores_wishes,
)  # fmt: skip


def replace_everywhere(name: str, replacement: object) -> None:
    """Give a name of `campaign.mailing` another meaning in all of its modules; fails if there is none of this name."""
    modules = [module for key, module in sys.modules.items() if key.startswith("campaign.mailing")]
    having = [module for module in modules if hasattr(module, name)]
    assert having, f"campaign.mailing has no {name} any more"
    for module in having:
        setattr(module, name, replacement)


def make(name: str) -> None:
    """Make this process's worker wrong in the way that is named."""
    {wrong.__name__: wrong for wrong in WRONGS}[name]()
