"""The letter that tells an update."""

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.i18n import current_locale
from campaign.links import public_url
from campaign.mailing.letters import Letter, render_letter
from campaign.signing.queries import progress
from campaign.timeline.models import Update
from campaign.timeline.queries import entry, freedom, standings


def update(campaign_id: int, update_id: int | None) -> Letter:
    """Tells an update; joy first, when it is the one that makes everybody free."""
    campaign = db.session.get_one(Campaign, campaign_id)
    locale = current_locale()
    told = entry(db.session.get_one(Update, update_id), locale)
    people = standings(campaign, locale, clock.today())
    return render_letter(
        "update",
        told.title,
        campaign.slug,
        campaign=campaign,
        text=campaign.text_in(locale),
        update=told,
        people=people,
        freed=freedom(people) if told.changes else None,
        progress=progress(campaign),
        page_url=public_url("pages.campaign", slug=campaign.slug),
    )
