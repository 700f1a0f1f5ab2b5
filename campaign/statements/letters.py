"""The letter that tells a signer that the statement is published."""

from flask_babel import gettext as _

from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.i18n import current_locale
from campaign.links import public_url
from campaign.mailing.letters import Letter, render_letter
from campaign.statements.models import Statement


def statement_published(campaign_id: int, statement_id: int | None) -> Letter:
    """Tells a signer that the words are published."""
    campaign = db.session.get_one(Campaign, campaign_id)
    text = campaign.text_in(current_locale())
    return render_letter(
        "statement_published",
        _("Your words are published: %(title)s", title=text.title),
        campaign.slug,
        campaign=campaign,
        text=text,
        statement=db.session.get_one(Statement, statement_id),
        page_url=public_url("pages.campaign", slug=campaign.slug),
        statements_url=public_url("statements.index", slug=campaign.slug),
    )
