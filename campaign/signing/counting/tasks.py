"""The worker's part: count again what has changed since it was counted."""

from sqlalchemy import select

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import ONLY_READS, db
from campaign.signing.counting.models import Breakdown, SignatureStatistics
from campaign.signing.counting.queries import breakdowns, is_stale, stamp, statistics


def count_signatures() -> None:
    """Renew the statistics that are older than a minute. Where nothing changed nothing is counted."""
    campaign_ids = db.session.scalars(select(Campaign.id)).all()
    db.session.commit()
    for campaign_id in campaign_ids:
        present, counted = _look(campaign_id)
        if present is not None:
            _keep(campaign_id, present, counted)


def _look(campaign_id: int) -> tuple[str | None, dict[str, Breakdown] | None]:
    """The stamp of a campaign whose statistics are old, and the new count where it is not what was counted.

    Counting a million signatures takes seconds, so it holds no write lock.
    """
    db.session.connection(execution_options={ONLY_READS: True})
    known = statistics(campaign_id)
    present = counted = None
    if is_stale(known, clock.now()):
        present = stamp(campaign_id)
        counted = breakdowns(campaign_id) if known is None or known.stamp != present else None
    db.session.rollback()
    return present, counted


def _keep(campaign_id: int, present: str, counted: dict[str, Breakdown] | None) -> None:
    """Write down what was counted, or that it is still so."""
    known = statistics(campaign_id)
    if known is None:
        known = SignatureStatistics(campaign_id=campaign_id)
        db.session.add(known)
    known.stamp, known.counted_at = present, clock.now()
    known.breakdowns = known.breakdowns if counted is None else counted
    db.session.commit()
