"""What the pages about one campaign share."""

from flask import abort, request

from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import public_campaign
from campaign.db import db
from campaign.organizers.console import console


def campaign_or_404(slug: str) -> Campaign:
    """The campaign at this address; there is none, says the page, for drafts too."""
    return public_campaign(slug) or abort(404)


@console.context_processor
def offer_campaign() -> dict[str, object]:
    """The campaign at hand, which the frame of the console names."""
    campaign_id = (request.view_args or {}).get("campaign_id")
    return {"campaign": db.session.get(Campaign, campaign_id)} if campaign_id is not None else {}
