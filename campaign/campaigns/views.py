"""What the pages about one campaign share."""

from flask import abort

from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import public_campaign


def campaign_or_404(slug: str) -> Campaign:
    """The campaign at this address; there is none, says the page, for drafts too."""
    return public_campaign(slug) or abort(404)
