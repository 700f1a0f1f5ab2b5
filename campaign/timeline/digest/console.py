"""The console's part of the letters of a week: paused, stopped, tried again where the updates are listed."""

from datetime import date

from flask import abort, url_for
from flask.typing import ResponseReturnValue

from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.mailing.queries import digest_of
from campaign.organizers.console import allowed, console
from campaign.timeline.acts import Watched, pause_letters, resume_letters, retry_letters, stop_letters
from campaign.timeline.console import PUBLISHERS


def _watched(campaign_id: int, monday: str) -> Watched:
    """The mailing of a Monday, as 2027-02-01; 404 where there is none."""
    try:
        mailing = digest_of(campaign_id, date.fromisoformat(monday)) or abort(404)
    except ValueError:
        abort(404)
    return Watched(mailing, url_for("console.update_index", campaign_id=campaign_id), {"week": monday})


@console.post("/<int:campaign_id>/updates/weeks/<monday>/pause")
@allowed(*PUBLISHERS)
def update_week_pause(campaign_id: int, monday: str) -> ResponseReturnValue:
    """Send nothing more for now."""
    return pause_letters(_watched(campaign_id, monday))


@console.post("/<int:campaign_id>/updates/weeks/<monday>/resume")
@allowed(*PUBLISHERS)
def update_week_resume(campaign_id: int, monday: str) -> ResponseReturnValue:
    """Go on."""
    return resume_letters(_watched(campaign_id, monday))


@console.route("/<int:campaign_id>/updates/weeks/<monday>/stop", methods=["GET", "POST"])
@allowed(*PUBLISHERS)
def update_week_stop(campaign_id: int, monday: str) -> ResponseReturnValue:
    """Send nothing more, ever; after a page that says so."""
    watched = _watched(campaign_id, monday)
    campaign = db.session.get_one(Campaign, campaign_id)
    return stop_letters(watched, "console/timeline/stop_week.html", campaign=campaign, mailing=watched.mailing)


@console.post("/<int:campaign_id>/updates/weeks/<monday>/retry")
@allowed(*PUBLISHERS)
def update_week_retry(campaign_id: int, monday: str) -> ResponseReturnValue:
    """Try again what failed."""
    return retry_letters(_watched(campaign_id, monday))
