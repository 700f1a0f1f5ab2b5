"""The console's pages that make things public: publish, schedule, ask a second person; correct and retract."""

from datetime import datetime
from typing import Any

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime
from flask_babel import gettext as _

from campaign import clock
from campaign.db import db
from campaign.errors import Refusal
from campaign.mailing.queries import recent_wishes, wishes
from campaign.organizers.console import acting, allowed, audit, console, reauthenticated
from campaign.organizers.models import Approval
from campaign.organizers.operations import Wish, ask_second, carries_out, log_act
from campaign.timeline.console import PUBLISH, PUBLISHERS, draft_or_404, edit_url
from campaign.timeline.drafting import operations, queries
from campaign.timeline.forms import PublishForm, retract_form
from campaign.timeline.models import Draft, Update
from campaign.timeline.operations import retract
from campaign.timeline.queries import published_update
from campaign.work import wake


def page_url(update: Update) -> str:
    """The console's page of a published update."""
    return url_for("console.update_page", campaign_id=update.campaign_id, number=update.number)


def update_or_404(campaign_id: int, number: int) -> Update:
    """A published update of this campaign."""
    return published_update(campaign_id, number) or abort(404)


@console.route("/<int:campaign_id>/updates/draft/<int:draft_id>/publish", methods=["GET", "POST"])
@allowed(*PUBLISHERS)
@reauthenticated
def update_publish(campaign_id: int, draft_id: int) -> ResponseReturnValue:
    """Say what publishing means, and do it: now, at a time, or when a second organizer agrees."""
    form = PublishForm()
    draft = draft_or_404(campaign_id, draft_id, to_change=form.is_submitted())
    if draft.update is not None:
        return redirect(page_url(draft.update), 303)
    if not form.validate_on_submit():
        return _confirm(draft, form, 422 if form.is_submitted() else 200)
    if form.revision.data != str(draft.revision):
        flash(_("The draft was changed since you looked. Please look again."), "bad")
        return redirect(url_for("console.update_publish", campaign_id=campaign_id, draft_id=draft_id), 303)
    try:
        return _carry_out(draft, form.at)
    except Refusal as refusal:
        db.session.rollback()
        form.when.errors = (refusal.sentence,)
        return _confirm(draft_or_404(campaign_id, draft_id), form, refusal.status)


def _confirm(draft: Draft, form: Any, status: int) -> ResponseReturnValue:
    readers = recent_wishes(draft.campaign_id)
    form.revision.data = draft.revision
    page = render_template(
        "console/timeline/publish.html",
        campaign=draft.campaign,
        draft=draft,
        form=form,
        now=clock.now(),
        reached=queries.reached(draft, readers),
        weekly=queries.reached_weekly(readers),
        obstacles=queries.obstacles(draft),
        gaps=queries.gaps(draft, readers, clock.today()),
        needs_second=queries.needs_second(draft, readers),
    )
    return page, status


def _carry_out(draft: Draft, at: datetime | None) -> ResponseReturnValue:
    """Do what was confirmed, if it may be done alone; else ask."""
    if not queries.obstacles(draft) and _must_ask(draft):
        return _ask(draft, at)
    if at is not None:
        return _schedule(draft, at)
    update = operations.publish_draft(draft, clock.now())
    audit("update.published", draft.campaign_id, number=update.number, draft=draft.id)
    db.session.commit()
    wake("mailings")
    flash(_("It is published. The letters are on their way."), "good")
    return redirect(page_url(update), 303)


def _must_ask(draft: Draft) -> bool:
    return draft.agreed_digest != draft.digest and queries.needs_second(draft, wishes(draft.campaign_id))


def _schedule(draft: Draft, at: datetime) -> ResponseReturnValue:
    operations.schedule(draft, at, acting().organizer.id, clock.now())
    audit("update.scheduled", draft.campaign_id, draft=draft.id, at=at.isoformat())
    db.session.commit()
    flash(_("It will be published on %(time)s UTC.", time=in_utc(at)), "good")
    return redirect(edit_url(draft), 303)


def _ask(draft: Draft, at: datetime | None) -> ResponseReturnValue:
    if at is not None:
        operations.check_time(at, clock.now())
    payload = {"at": at.isoformat() if at else None, "by": acting().organizer.id}
    ask_second(Wish(PUBLISH, draft.campaign_id, draft.id, draft.digest, payload), acting().organizer, clock.now())
    audit("update.second_asked", draft.campaign_id, draft=draft.id)
    db.session.commit()
    wake("letters")
    flash(_("A second organizer is asked. It is published when one agrees."), "good")
    return redirect(edit_url(draft), 303)


@carries_out(PUBLISH)
def _publish_approved(approval: Approval, now: datetime) -> None:
    """Publish what a second organizer agreed to, or keep it for its time; raises Refusal if it says something else."""
    draft = queries.open_draft(approval.campaign_id, approval.subject_id or 0)
    if draft is None:
        raise Refusal(_("The draft is not there any more."))
    operations.agree(draft, approval.digest)
    at = datetime.fromisoformat(approval.payload["at"]) if approval.payload.get("at") else now
    by = approval.decided_by.name if approval.decided_by else None
    if at > now:
        operations.schedule(draft, at, approval.asked_by_id, now)
        log_act("update.scheduled", draft.campaign_id, by, now, draft=draft.id, at=at.isoformat())
        return
    update = operations.publish_draft(draft, now)
    log_act("update.published", draft.campaign_id, by, now, number=update.number, draft=draft.id)


def in_utc(at: datetime) -> str:
    """A time in UTC, in words."""
    return str(format_datetime(at, "long", rebase=False)).replace("UTC", "").strip()


@console.app_template_filter("in_utc")
def _in_utc(at: datetime) -> str:
    """For templates."""
    return in_utc(at)


@console.post("/<int:campaign_id>/updates/draft/<int:draft_id>/unschedule")
@allowed(*PUBLISHERS)
def update_unschedule(campaign_id: int, draft_id: int) -> ResponseReturnValue:
    """Take a draft off the schedule."""
    draft = draft_or_404(campaign_id, draft_id, to_change=True)
    operations.unschedule(draft)
    audit("update.unscheduled", campaign_id, draft=draft_id)
    db.session.commit()
    flash(_("It is off the schedule, and a draft again."), "good")
    return redirect(edit_url(draft), 303)


# What was wrong


@console.post("/<int:campaign_id>/updates/<int:number>/correct")
@allowed(*PUBLISHERS)
def update_correct(campaign_id: int, number: int) -> ResponseReturnValue:
    """Begin a correction, which says at first what the wrong entry said."""
    update = update_or_404(campaign_id, number)
    draft = operations.begin_correction(update, acting().organizer.id, clock.now())
    audit("update.correction_begun", campaign_id, number=number, draft=draft.id)
    db.session.commit()
    return redirect(edit_url(draft), 303)


@console.route("/<int:campaign_id>/updates/<int:number>/retract", methods=["GET", "POST"])
@allowed(*PUBLISHERS)
@reauthenticated
def update_retract(campaign_id: int, number: int) -> ResponseReturnValue:
    """Take an entry back in the open, with the reason in one language or more."""
    update = update_or_404(campaign_id, number)
    form = retract_form(tuple(update.campaign.languages))
    if not form.validate_on_submit():
        page = render_template("console/timeline/retract.html", campaign=update.campaign, update=update, form=form)
        return page, 422 if form.errors else 200
    reasons = form.reasons
    retract(update, next(iter(reasons.values())), clock.now(), reasons)
    audit("update.retracted", campaign_id, number=number)
    db.session.commit()
    flash(_("It is retracted. It stays in sight, struck through, with the reason."), "good")
    return redirect(page_url(update), 303)
