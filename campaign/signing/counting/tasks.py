"""The worker's part: count again what has changed since it was counted."""

from sqlalchemy import select

from campaign import clock
from campaign.campaigns.models import Campaign, revised
from campaign.db import ONLY_READS, db, insert
from campaign.signing.counting.models import Breakdown, SignatureStatistics
from campaign.signing.counting.queries import breakdowns, changed_campaigns, is_stale, stamp, statistics


def count_signatures() -> None:
    """Renew the statistics that are older than a minute, for whoever looks. What did not change is not counted."""
    campaign_ids = db.session.scalars(select(Campaign.id)).all()
    db.session.commit()
    for campaign_id in campaign_ids:
        _count(campaign_id)


def count_changes() -> None:
    """Renew the statistics of campaigns that were signed since, though nobody asks: public pages show them."""
    campaign_ids = changed_campaigns(clock.now())
    db.session.commit()
    for campaign_id in campaign_ids:
        _count(campaign_id)


def _count(campaign_id: int) -> None:
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
    """Write down what was counted, or that it is still so; another worker may do the same at the same time."""
    fresh = {"campaign_id": campaign_id, "breakdowns": counted or {}, "stamp": "", "counted_at": clock.now()}
    db.session.execute(insert(SignatureStatistics).values(fresh).on_conflict_do_nothing())
    known = db.session.get_one(SignatureStatistics, campaign_id, with_for_update=True)
    known.stamp, known.counted_at = present, clock.now()
    if counted is not None:
        before, known.breakdowns, known.countries = known.countries, counted, len(counted["country"])
        if known.countries != before:
            db.session.execute(revised([campaign_id]))  # the campaign's page says from how many
    db.session.commit()
