"""The letters to organizers. They belong to no list, and there is nothing to unsubscribe from."""

from flask_babel import gettext as _

from campaign.db import db
from campaign.links import public_url
from campaign.mailing.letters import CONFIRM, Letter, render_letter
from campaign.organizers.models import Approval, Organizer


def invitation(_campaign_id: int | None, _organizer_id: int | None) -> Letter:
    """Invites to the console."""
    return render_letter(
        "invitation", _("You are invited to organize"), None, link_url=public_url("accounts.welcome", token=CONFIRM)
    )


def added(_campaign_id: int | None, organizer_id: int | None) -> Letter:
    """Tells an organizer of a new campaign."""
    organizer = db.session.get_one(Organizer, organizer_id)
    subject = _("You are a member of one more campaign")
    return render_letter("added", subject, None, organizer=organizer, link_url=public_url("console.home"))


def reset_password(_campaign_id: int | None, organizer_id: int | None) -> Letter:
    """Brings the link to a new password."""
    organizer = db.session.get_one(Organizer, organizer_id)
    link_url = public_url("accounts.reset", token=CONFIRM)
    return render_letter("reset_password", _("A new password"), None, organizer=organizer, link_url=link_url)


def approval_asked(_campaign_id: int | None, approval_id: int | None) -> Letter:
    """Asks a second organizer to look at an act."""
    approval = db.session.get_one(Approval, approval_id)
    link_url = public_url("console.approvals", campaign_id=approval.campaign_id)
    return render_letter("approval_asked", _("You are asked to decide"), None, approval=approval, link_url=link_url)
