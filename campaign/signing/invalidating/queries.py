"""Which signatures meet criteria, and what was invalidated."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager, joinedload

from campaign.db import db
from campaign.signing.invalidating.models import Invalidation, Taken
from campaign.signing.models import Signature
from campaign.signing.queries import is_confirmed

SAMPLE = 10


@dataclass(frozen=True)
class Criteria:
    """Which signatures: all that is given must hold. Times are ISO 8601; the domain is for the worker alone to see."""

    domain: str = ""
    country: str = ""
    locale: str = ""
    source: str = ""
    since: str = ""
    until: str = ""
    seen_at: str = ""
    """What was confirmed later was in no preview, and is left alone."""
    expected: int = 0
    """How many met them then."""

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Criteria":
        """As they were kept."""
        return cls(**kept)

    def kept(self) -> dict[str, Any]:
        """As they are kept, in JSON."""
        return asdict(self)

    @property
    def are_none(self) -> bool:
        """Whether everybody would meet them."""
        return not any((self.domain, self.country, self.locale, self.source, self.since, self.until))


def meeting(campaign_id: int, criteria: Criteria) -> Select[Signature]:
    """The signatures that count and meet the criteria, the domain aside."""
    found = select(Signature).where(Signature.campaign_id == campaign_id, is_confirmed())
    for column in (Signature.country, Signature.locale, Signature.source):
        wanted = getattr(criteria, column.key)
        found = found.where(column == wanted) if wanted else found
    if criteria.since:
        found = found.where(Signature.signed_at >= datetime.fromisoformat(criteria.since))
    if criteria.until:
        found = found.where(Signature.signed_at < datetime.fromisoformat(criteria.until))
    if criteria.seen_at:
        found = found.where(Signature.confirmed_at <= datetime.fromisoformat(criteria.seen_at))
    return found


def count_meeting(campaign_id: int, criteria: Criteria) -> int:
    """How many do; reads them all, so for the worker only."""
    matching = meeting(campaign_id, criteria).with_only_columns(func.count())
    return db.session.scalar(matching) or 0


def next_meeting(campaign_id: int, criteria: Criteria, after: int, limit: int) -> Sequence[Signature]:
    """The next of them in the order of their ids, with their readers, locked until the end of the transaction."""
    page = meeting(campaign_id, criteria).where(Signature.id > after).order_by(Signature.id).limit(limit)
    page = page.options(joinedload(Signature.reader, innerjoin=True)).with_for_update(of=Signature)
    return db.session.scalars(page).all()


def signatures_with(campaign_id: int, ids: Sequence[int]) -> Sequence[Signature]:
    """The signatures of a campaign with these ids, as far as they are still there, newest first."""
    found = select(Signature).where(Signature.campaign_id == campaign_id, Signature.id.in_(ids))
    return db.session.scalars(found.order_by(Signature.id.desc())).all()


def invalidations(campaign_id: int) -> Sequence[Invalidation]:
    """The invalidations of a campaign, newest first."""
    found = select(Invalidation).where(Invalidation.campaign_id == campaign_id)
    return db.session.scalars(found.order_by(Invalidation.id.desc())).all()


def invalidation(campaign_id: int, invalidation_id: int) -> Invalidation | None:
    """One of them."""
    found = select(Invalidation).where(Invalidation.campaign_id == campaign_id, Invalidation.id == invalidation_id)
    return db.session.scalar(found)


def locked_invalidation(campaign_id: int, invalidation_id: int) -> Invalidation:
    """The same, as it is now, for this transaction alone."""
    found = select(Invalidation).where(Invalidation.campaign_id == campaign_id, Invalidation.id == invalidation_id)
    return db.session.scalars(found.with_for_update().execution_options(populate_existing=True)).one()


def standing_taken(invalidation_id: int, limit: int) -> Sequence[Taken]:
    """The next signatures that an invalidation took and nobody has given back yet, with signatures and readers."""
    found = select(Taken).where(Taken.invalidation_id == invalidation_id, Taken.restored_at.is_(None))
    found = found.join(Taken.signature)
    whole = contains_eager(Taken.signature).joinedload(Signature.reader, innerjoin=True)
    return db.session.scalars(
        found.order_by(Taken.id).limit(limit).options(whole).with_for_update(of=[Taken, Signature])
    ).all()


def times_taken(signature_ids: Sequence[int]) -> dict[int, int]:
    """How often each of these signatures was invalidated before; those that never were are left out."""
    counted = select(Taken.signature_id, func.count()).where(Taken.signature_id.in_(signature_ids))
    return {row[0]: row[1] for row in db.session.execute(counted.group_by(Taken.signature_id))}
