"""Campaigns: one by its slug, and the lists."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from campaign.campaigns.models import SLUG, Campaign, CampaignState
from campaign.db import Translated, db


def campaign_by_slug(slug: str) -> Campaign | None:
    """The campaign at this address, drafts included."""
    return db.session.scalar(select(Campaign).where(Campaign.slug == slug)) if SLUG.fullmatch(slug) else None


def public_campaign(slug: str) -> Campaign | None:
    """The campaign at this address, unless it is a draft."""
    campaign = campaign_by_slug(slug)
    return None if campaign is None or campaign.state == CampaignState.DRAFT else campaign


def campaigns_in(*states: CampaignState) -> Sequence[Campaign]:
    """The campaigns in these states, newest first."""
    chosen = select(Campaign).where(Campaign.state.in_(states)).order_by(Campaign.opened_on.desc(), Campaign.id.desc())
    return db.session.scalars(chosen.options(selectinload(Campaign.texts), selectinload(Campaign.people))).all()


def in_locale(texts: Translated, locale: str, original: str) -> str:
    """A short text in the locale, else in the original's, else nothing."""
    return texts.get(locale) or texts.get(original) or ""
