"""The worker's part: say how many would go, take them, give them back; each can be run again from the start."""

from typing import Any

from campaign import clock
from campaign.db import db
from campaign.mailing.tasks import open_address
from campaign.opening import CannotOpen, Keyring
from campaign.organizers.models import Errand
from campaign.organizers.tasks import hold
from campaign.signing.invalidating.models import Invalidation
from campaign.signing.invalidating.operations import give_back, take
from campaign.signing.invalidating.queries import (
    SAMPLE,
    Criteria,
    count_meeting,
    locked_invalidation,
    meeting,
    next_meeting,
    standing_taken,
)
from campaign.signing.models import Signature

BATCH = 200
"""How many signatures one transaction changes: few, so that SQLite's write lock is held briefly."""


def preview_invalidation(errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """How many signatures meet criteria, and the ids of the newest of them."""
    criteria = Criteria.of({**payload["criteria"], "seen_at": clock.now().isoformat()})
    found = _by_domain(errand, criteria, keys) if criteria.domain else _by_query(_campaign(errand), criteria)
    count, sample = found
    return {"criteria": {**criteria.kept(), "expected": count}, "sample": sample}


def _campaign(errand: Errand) -> int:
    assert errand.campaign_id is not None  # noqa: S101 - the console sends these for a campaign only
    return errand.campaign_id


def _by_query(campaign_id: int, criteria: Criteria) -> tuple[int, list[int]]:
    newest = meeting(campaign_id, criteria).with_only_columns(Signature.id).order_by(Signature.id.desc())
    return count_meeting(campaign_id, criteria), list(db.session.scalars(newest.limit(SAMPLE)))


def _by_domain(errand: Errand, criteria: Criteria, keys: Keyring) -> tuple[int, list[int]]:
    campaign_id, after, seen, found = _campaign(errand), 0, 0, list[int]()
    errand.total = count_meeting(campaign_id, criteria)
    while batch := next_meeting(campaign_id, criteria, after, BATCH):
        after, seen = batch[-1].id, seen + len(batch)
        found += [signature.id for signature in batch if _is_meant(signature, criteria, keys)]
        hold(errand, seen)
    return len(found), found[-SAMPLE:]


def _is_meant(signature: Signature, criteria: Criteria, keys: Keyring) -> bool:
    """Whether the signer's address is in the domain, or in one below it."""
    if not criteria.domain:
        return True
    try:
        domain = open_address(signature.reader, keys).domain.lower()
    except CannotOpen:
        return False
    return domain == criteria.domain or domain.endswith(f".{criteria.domain}")


def invalidate(errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """Take what an invalidation means, a batch a transaction. What was taken is met no more: run again, it goes on."""
    after = 0
    while True:
        invalidation = locked_invalidation(_campaign(errand), payload["invalidation_id"])
        if invalidation.ended_at is not None:
            return {"taken": invalidation.taken}
        after = _take_next(invalidation, after, keys)
        errand.total = invalidation.criteria["expected"]
        hold(errand, invalidation.taken)


def _take_next(invalidation: Invalidation, after: int, keys: Keyring) -> int:
    """Take the next batch; marks the end where there is none, and where it was undone in the meantime."""
    criteria = Criteria.of(invalidation.criteria)
    is_undone = invalidation.undone_at is not None
    batch = [] if is_undone else next_meeting(invalidation.campaign_id, criteria, after, BATCH)
    take(invalidation, [signature for signature in batch if _is_meant(signature, criteria, keys)], clock.now())
    if len(batch) < BATCH:
        invalidation.ended_at = clock.now()
    return batch[-1].id if batch else after


def restore(errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """Give back what an undone invalidation took, a batch a transaction."""
    while True:
        invalidation = locked_invalidation(_campaign(errand), payload["invalidation_id"])
        if invalidation.undone_at is None or invalidation.restored_at is not None:
            return {"restored": invalidation.restored}
        taken = standing_taken(invalidation.id, BATCH)
        give_back(invalidation, taken, clock.now())
        if len(taken) < BATCH:
            invalidation.ended_at = invalidation.ended_at or clock.now()
            invalidation.restored_at = clock.now()
        errand.total = invalidation.taken
        hold(errand, invalidation.restored)
