"""What of a campaign travels: its newest updates, how it stands, when it was last changed."""

from collections.abc import Collection, Hashable, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from campaign.campaigns.models import Campaign, CampaignState
from campaign.db import db
from campaign.signing.queries import page_state
from campaign.timeline.models import Update
from campaign.timeline.queries import WHOLE

FEED = 50
"""So many updates a feed holds: those who ask once a month miss none."""


def shown_revision(slug: str) -> Hashable:
    """What a feed shows is the same while this is: it tells no count."""
    state = page_state(slug)
    return (state.campaign_id, state.revision) if state else None


def newest_updates(campaign_id: int | None = None) -> Sequence[Update]:
    """The updates published last in a campaign, or in all that are public: whatever day they tell of."""
    published = select(Update).join(Update.campaign).where(Update.published_at.is_not(None))
    if campaign_id is None:
        published = published.where(Campaign.state != CampaignState.DRAFT)
    else:
        published = published.where(Update.campaign_id == campaign_id)
    newest = published.order_by(Update.published_at.desc(), Update.id.desc()).limit(FEED)
    return db.session.scalars(newest.options(*WHOLE, joinedload(Update.campaign))).all()


def changed_at(update: Update) -> datetime:
    """When an update was published, or since then corrected or retracted."""
    times = (update.published_at, update.retracted_at, *(later.published_at for later in update.corrected_by))
    return max(time for time in times if time is not None)


def last_changes(campaigns: Collection[Campaign]) -> dict[int, datetime]:
    """When each campaign last said something else: in its text, or in its timeline."""
    told = select(Update.campaign_id, func.max(Update.published_at), func.max(Update.retracted_at))
    rows = db.session.execute(told.where(Update.published_at.is_not(None)).group_by(Update.campaign_id))
    updates = {number: times for number, *times in rows}
    return {
        campaign.id: max(
            time
            for time in (*(text.changed_at for text in campaign.texts), *updates.get(campaign.id, ()))
            if time is not None
        )
        for campaign in campaigns
    }
