"""The letters of signing: confirm, please do still confirm, and "you have signed already"."""

from flask import current_app
from flask_babel import gettext as _
from flask_babel import ngettext

from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.i18n import current_locale, number
from campaign.links import public_url
from campaign.mailing.letters import Letter, render_letter


def confirm_signature(campaign_id: int, _subject_id: int | None) -> Letter:
    """Asks to confirm a signing."""
    return _about(campaign_id, "confirm_signature", _("Please confirm your signature"))


def confirm_follow(campaign_id: int, _subject_id: int | None) -> Letter:
    """Asks to confirm that somebody wants news."""
    return _about(campaign_id, "confirm_follow", _("Please confirm that you want news"))


def remind_signature(campaign_id: int, _subject_id: int | None) -> Letter:
    """Asks once more to confirm a signing, and never again."""
    return _about(campaign_id, "remind_signature", _("Not confirmed yet"), only_once=_only_once())


def remind_follow(campaign_id: int, _subject_id: int | None) -> Letter:
    """The same for somebody who asked for news."""
    return _about(campaign_id, "remind_follow", _("Not confirmed yet"), only_once=_only_once())


def _only_once() -> str:
    """What becomes of what is not confirmed, and when at the latest."""
    days = current_app.config["FORGOTTEN_DAYS_AFTER_REMINDER"]
    return ngettext(
        "This is our only reminder. If you do nothing, we forget this within %(days)s day. The link works until then.",
        "This is our only reminder. If you do nothing, we forget this within %(days)s days. The link works until then.",
        days,
        days=number(days),
    )


def already_signed(campaign_id: int, _subject_id: int | None) -> Letter:
    """Says that there is nothing to confirm, and brings the link to "yours"."""
    return _about(campaign_id, "already_signed", _("Your link"))


def already_follows(campaign_id: int, _subject_id: int | None) -> Letter:
    """The same for somebody who gets news without having signed."""
    return _about(campaign_id, "already_follows", _("Your link"))


def _about(campaign_id: int, name: str, purpose: str, **context: object) -> Letter:
    campaign = db.session.get_one(Campaign, campaign_id)
    text = campaign.text_in(current_locale())
    page_url = public_url("pages.campaign", slug=campaign.slug)
    return render_letter(
        name, f"{purpose}: {text.title}", campaign.slug, campaign=campaign, text=text, page_url=page_url, **context
    )
