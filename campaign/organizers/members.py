"""The console's pages of members, of what waits for a second person, and of the log."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms import SelectChoice

from campaign import clock
from campaign.db import db
from campaign.i18n import current_locale
from campaign.organizers.console import ANY_ROLE, MayNot, acting, allowed, audit, console, reauthenticated
from campaign.organizers.forms import InviteForm, LogForm, RoleForm
from campaign.organizers.models import Approval, AuditEntry, Membership, Role
from campaign.organizers.operations import Order, change_role, grant, leave, refuse, send_errand
from campaign.organizers.queries import (
    PAGE,
    LogFilter,
    audit_entries,
    last_seen,
    open_approvals,
)
from campaign.organizers.queries import members as members_of
from campaign.organizers.words import ACTS, LOOK_AT, WISHES
from campaign.work import wake


@console.get("/<int:campaign_id>/members/")
@allowed(Role.OWNER)
def members(campaign_id: int) -> ResponseReturnValue:
    """Who is in the campaign, and the form to invite somebody."""
    return _members_page(campaign_id, InviteForm())


def _members_page(campaign_id: int, form: InviteForm) -> str:
    found = members_of(campaign_id)
    seen = last_seen([member.organizer_id for member in found])
    return render_template(
        "console/organizers/members.html",
        form=form,
        members=[
            {
                "id": member.id,
                "name": member.organizer.name,
                "role": member.role,
                "since": member.since,
                "seen_at": seen.get(member.organizer_id),
                "is_me": member.organizer_id == acting().organizer.id,
            }
            for member in found
        ],
    )


@console.route("/<int:campaign_id>/members/invite", methods=["GET", "POST"])
@allowed(Role.OWNER)
@reauthenticated
def member_invite(campaign_id: int) -> ResponseReturnValue:
    """Invite somebody by mail: the address goes sealed to the worker, which alone knows whom it invites."""
    form = InviteForm()
    if not form.validate_on_submit():
        return _members_page(campaign_id, form), 422 if form.is_submitted() else 200
    payload = {"email": form.email.data, "role": form.role.data, "locale": current_locale()}
    order = Order("invite", campaign_id, payload)
    send_errand(order, current_app.extensions["sealer"], acting().organizer, clock.now())
    db.session.commit()
    wake("errands")
    flash(_("A letter with a link is on its way. The link works for 72 hours."), "good")
    return redirect(url_for("console.members", campaign_id=campaign_id), 303)


@console.post("/<int:campaign_id>/members/<int:member_id>/role")
@allowed(Role.OWNER)
@reauthenticated
def member_role(campaign_id: int, member_id: int) -> ResponseReturnValue:
    """Give a member another role."""
    member, form = _member(campaign_id, member_id), RoleForm()
    if not form.validate_on_submit():
        abort(400)
    change_role(member, Role(form.role.data))
    audit("member.role_changed", campaign_id, member=member.organizer.name, role=member.role)
    db.session.commit()
    return redirect(url_for("console.members", campaign_id=campaign_id), 303)


@console.post("/<int:campaign_id>/members/<int:member_id>/remove")
@allowed(*ANY_ROLE)
@reauthenticated
def member_remove(campaign_id: int, member_id: int) -> ResponseReturnValue:
    """End a membership: an owner's of anybody, everybody's own."""
    member = _member(campaign_id, member_id)
    is_me = member.organizer_id == acting().organizer.id
    if acting().role != Role.OWNER and not is_me:
        raise MayNot(_("Only owners end the memberships of others."))
    audit("member.left", campaign_id, member=member.organizer.name)
    leave(member)
    db.session.commit()
    return redirect(url_for("console.home") if is_me else url_for("console.members", campaign_id=campaign_id), 303)


def _member(campaign_id: int, member_id: int) -> Membership:
    found = db.session.get(Membership, member_id)
    return found if found is not None and found.campaign_id == campaign_id else abort(404)


# What waits for a second person


@console.get("/<int:campaign_id>/approvals/")
@allowed(Role.OWNER, Role.EDITOR)
def approvals(campaign_id: int) -> ResponseReturnValue:
    """What waits for a second organizer."""
    waiting = [
        {
            "id": approval.id,
            "sentence": WISHES.get(approval.act, approval.act),
            "url": _look_url(approval),
            "asked_by": approval.asked_by.name,
            "asked_at": approval.asked_at,
            "is_mine": approval.asked_by_id == acting().organizer.id,
        }
        for approval in open_approvals(campaign_id)
    ]
    return render_template("console/organizers/approvals.html", approvals=waiting)


def _look_url(approval: Approval) -> str | None:
    """Where the act that is asked for can be looked at."""
    endpoint, name = LOOK_AT.get(approval.act, (None, None))
    if endpoint is None:
        return None
    values = {name: approval.subject_id} if name else {}
    return url_for(endpoint, campaign_id=approval.campaign_id, **values)  # type: ignore[arg-type]


@console.post("/<int:campaign_id>/approvals/<int:approval_id>")
@allowed(Role.OWNER, Role.EDITOR)
@reauthenticated
def approval_answer(campaign_id: int, approval_id: int) -> ResponseReturnValue:
    """Grant what another asked for, which carries it out at once; or refuse it, or take one's own wish back."""
    approval, is_granted = _approval(campaign_id, approval_id), request.form.get("answer") == "grant"
    answer = grant if is_granted else refuse
    answer(approval, acting().organizer, clock.now())
    act = "approval.granted" if is_granted else "approval.refused"
    audit(act, campaign_id, what=approval.act, asked_by=approval.asked_by.name)
    db.session.commit()
    for name in ("mailings", "errands"):
        wake(name)
    flash(_("Granted, and done.") if is_granted else _("Refused. Nothing was done."), "good")
    return redirect(url_for("console.approvals", campaign_id=campaign_id), 303)


def _approval(campaign_id: int, approval_id: int) -> Approval:
    approval = db.session.get(Approval, approval_id)
    return approval if approval is not None and approval.campaign_id == campaign_id else abort(404)


# The log


@console.get("/<int:campaign_id>/log/")
@allowed(Role.OWNER)
def log(campaign_id: int) -> ResponseReturnValue:
    """Every act, and every read of personal data."""
    form = LogForm(request.args)
    names = sorted({member.organizer.name for member in members_of(campaign_id)})
    form.organizer.choices = [SelectChoice("", _("Everybody")), *[SelectChoice(name, name) for name in names]]
    form.act.choices = [SelectChoice("", _("Everything")), *[SelectChoice(act, act) for act in _KINDS]]
    if not form.validate():
        return render_template("console/organizers/log.html", form=form, entries=[], next_url=None), 422
    entries = audit_entries(campaign_id, _chosen(form), request.args.get("before", type=int))
    next_url = _older(campaign_id, entries[-1].id) if len(entries) == PAGE else None
    return render_template("console/organizers/log.html", form=form, entries=_told(entries), next_url=next_url)


_KINDS = sorted({act.partition(".")[0] for act in ACTS})


def _told(entries: Sequence[AuditEntry]) -> list[dict[str, object]]:
    return [
        {
            "at": entry.at,
            "who": entry.organizer or _("Command line"),
            "act": entry.act,
            "sentence": ACTS.get(entry.act, entry.act),
            "details": entry.details,
        }
        for entry in entries
    ]


def _chosen(form: LogForm) -> LogFilter:
    since, until = (datetime.combine(day, time(), UTC) if day else None for day in (form.since.data, form.until.data))
    end = until + timedelta(days=1) if until else None
    return LogFilter(form.organizer.data or "", form.act.data or "", since, end)


def _older(campaign_id: int, before: int) -> str:
    kept = {name: value for name, value in request.args.items() if name in ("organizer", "act", "since", "until")}
    return url_for("console.log", campaign_id=campaign_id, **{**kept, "before": before})  # type: ignore[arg-type]
