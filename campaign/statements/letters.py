"""Letters: your words, or your endorsement, are published; please confirm an endorsement."""

from collections.abc import Callable

from flask_babel import gettext as _

from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.i18n import current_locale
from campaign.links import public_url
from campaign.mailing.letters import CONFIRM, Letter, render_letter
from campaign.statements.models import Endorsement, Statement


def statement_published(campaign_id: int, statement_id: int | None) -> Letter:
    """Tells a signer that the words are published."""
    return _about(
        campaign_id,
        "statement_published",
        lambda title: _("Your words are published: %(title)s", title=title),
        statement=db.session.get_one(Statement, statement_id),
    )


def confirm_endorsement(campaign_id: int, _endorsement_id: int | None) -> Letter:
    """Asks to confirm an endorsement. It holds nothing that was typed: anybody may type any address."""
    confirm_url = public_url("statements.confirm_endorsement", token=CONFIRM)
    return _about(
        campaign_id,
        "confirm_endorsement",
        lambda title: _("Please confirm your endorsement: %(title)s", title=title),
        endorsement_url=confirm_url,
    )


def endorsement_published(campaign_id: int, endorsement_id: int | None) -> Letter:
    """Tells whoever endorsed that it is published."""
    return _about(
        campaign_id,
        "endorsement_published",
        lambda title: _("Your endorsement is published: %(title)s", title=title),
        endorsement=db.session.get_one(Endorsement, endorsement_id),
    )


def _about(campaign_id: int, name: str, subject: Callable[[str], str], **context: object) -> Letter:
    campaign = db.session.get_one(Campaign, campaign_id)
    text = campaign.text_in(current_locale())
    return render_letter(
        name,
        subject(text.title),
        campaign.slug,
        campaign=campaign,
        text=text,
        page_url=public_url("pages.campaign", slug=campaign.slug),
        statements_url=public_url("statements.index", slug=campaign.slug),
        endorsements_url=public_url("statements.endorsements", slug=campaign.slug),
        **context,
    )
