"""The letters of signing: confirm, and "you have signed already"."""

from flask_babel import gettext as _

from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.i18n import current_locale
from campaign.links import public_url
from campaign.mailing.letters import Letter, render_letter


def confirm_signature(campaign_id: int, _subject_id: int | None) -> Letter:
    """Asks to confirm a signing."""
    return _about(campaign_id, "confirm_signature", _("Please confirm your signature"))


def confirm_follow(campaign_id: int, _subject_id: int | None) -> Letter:
    """Asks to confirm that somebody wants news."""
    return _about(campaign_id, "confirm_follow", _("Please confirm that you want news"))


def already_signed(campaign_id: int, _subject_id: int | None) -> Letter:
    """Says that there is nothing to confirm, and brings the link to "yours"."""
    return _about(campaign_id, "already_signed", _("Your link"))


def already_follows(campaign_id: int, _subject_id: int | None) -> Letter:
    """The same for somebody who gets news without having signed."""
    return _about(campaign_id, "already_follows", _("Your link"))


def _about(campaign_id: int, name: str, purpose: str) -> Letter:
    campaign = db.session.get_one(Campaign, campaign_id)
    text = campaign.text_in(current_locale())
    page_url = public_url("pages.campaign", slug=campaign.slug)
    return render_letter(
        name, f"{purpose}: {text.title}", campaign.slug, campaign=campaign, text=text, page_url=page_url
    )
