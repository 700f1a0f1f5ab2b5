"""Petitions, by pages."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from campaign.campaigns.models import Campaign, CampaignState
from campaign.db import db

_IS_PUBLIC = Campaign.state != CampaignState.DRAFT


def count_petitions() -> int:
    """How many campaigns are not drafts."""
    return db.session.scalar(select(func.count()).select_from(Campaign).where(_IS_PUBLIC)) or 0


def petitions(page: int, per_page: int) -> Sequence[Campaign]:
    """A page of them, the newest first; the first page is 1."""
    ordered = select(Campaign).where(_IS_PUBLIC).order_by(Campaign.opened_on.desc(), Campaign.id.desc())
    whole = ordered.options(selectinload(Campaign.texts), selectinload(Campaign.targets))
    return db.session.scalars(whole.limit(per_page).offset((page - 1) * per_page)).all()
