"""The organizers' pages of invalidating: which, how many, why; how far it is; undo."""

from typing import cast
from uuid import UUID

from flask import abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.forms import ConsoleForm
from campaign.organizers.console import acting, allowed, audit, console, reauthenticated
from campaign.organizers.models import Errand, ErrandState, Role
from campaign.organizers.operations import Order, send_errand
from campaign.organizers.queries import errand_of
from campaign.signing.invalidating.forms import KINDS, CriteriaForm, VerdictForm
from campaign.signing.invalidating.models import Invalidation, InvalidationKind
from campaign.signing.invalidating.operations import Verdict, begin, undo
from campaign.signing.invalidating.queries import Criteria, invalidation, invalidations, signatures_with
from campaign.work import wake

PREVIEW = "preview_invalidation"


def send(kind: str, campaign_id: int, payload: dict[str, object]) -> Errand:
    """Send an errand of the present organizer; commits, and wakes the worker."""
    order = Order(kind, campaign_id, payload)
    errand = send_errand(order, current_app.extensions["sealer"], acting().organizer, clock.now())
    db.session.commit()
    wake("errands")
    return errand


def _page(name: str, campaign_id: int, **shown: object) -> str:
    campaign = db.session.get_one(Campaign, campaign_id)
    return render_template(f"console/signing/{name}.html", campaign=campaign, kinds=KINDS, **shown)


def _invalidation_or_404(campaign_id: int, invalidation_id: int) -> Invalidation:
    return invalidation(campaign_id, invalidation_id) or abort(404)


@console.get("/<int:campaign_id>/signatures/invalidations/")
@allowed(Role.OWNER, Role.EDITOR, Role.MODERATOR)
def invalidation_index(campaign_id: int) -> ResponseReturnValue:
    """What was invalidated so far."""
    return _page("invalidations", campaign_id, invalidations=invalidations(campaign_id))


@console.route("/<int:campaign_id>/signatures/invalidate/", methods=["GET", "POST"])
@allowed(Role.OWNER, Role.EDITOR)
def invalidation_criteria(campaign_id: int) -> ResponseReturnValue:
    """Say which signatures are meant; the worker looks how many that are."""
    form = CriteriaForm()
    if not form.validate_on_submit():
        return _page("invalidate", campaign_id, form=form), 422 if form.is_submitted() else 200
    criteria = form.criteria()
    if criteria.are_none:
        form.form_errors = [_("Please say which signatures you mean: without that, all of them would be taken.")]
        return _page("invalidate", campaign_id, form=form), 422
    audit("signatures.invalidation_previewed", campaign_id)
    errand = send(PREVIEW, campaign_id, {"criteria": criteria.kept()})
    return redirect(url_for("console.invalidation_preview", campaign_id=campaign_id, errand_id=errand.id), 303)


@console.route("/<int:campaign_id>/signatures/invalidate/<uuid:errand_id>/", methods=["GET", "POST"])
@allowed(Role.OWNER, Role.EDITOR)
@reauthenticated
def invalidation_preview(campaign_id: int, errand_id: UUID) -> ResponseReturnValue:
    """How many would go, and some of them; then the reason, and it is done."""
    errand = errand_of(campaign_id, PREVIEW, errand_id) or abort(404)
    form = VerdictForm()
    if errand.state == ErrandState.DONE and form.validate_on_submit():
        return _begin(campaign_id, Criteria.of(errand.result["criteria"]), form)
    criteria = Criteria.of(errand.result["criteria"]) if errand.state == ErrandState.DONE else None
    sample = signatures_with(campaign_id, errand.result.get("sample", []))
    shown = _page("invalidation_preview", campaign_id, errand=errand, criteria=criteria, sample=sample, form=form)
    return shown, 422 if form.is_submitted() else 200


def _begin(campaign_id: int, criteria: Criteria, form: VerdictForm) -> ResponseReturnValue:
    verdict = Verdict(InvalidationKind(form.kind.data), cast("str", form.reason.data), criteria)
    begun = begin(campaign_id, verdict, acting().organizer.name, clock.now())
    audit("signatures.invalidated", campaign_id, invalidation=begun.id, expected=criteria.expected)
    return _carry_out("invalidate", begun)


def _carry_out(kind: str, begun: Invalidation) -> ResponseReturnValue:
    """Send the worker to do what is noted; both in one transaction."""
    campaign_id, invalidation_id = begun.campaign_id, begun.id
    order = Order(kind, campaign_id, {"invalidation_id": invalidation_id})
    errand = send_errand(order, current_app.extensions["sealer"], acting().organizer, clock.now())
    begun.errand_id = errand.id
    db.session.commit()
    wake("errands")
    there = url_for("console.invalidation_show", campaign_id=campaign_id, invalidation_id=invalidation_id)
    return redirect(there, 303)


@console.get("/<int:campaign_id>/signatures/invalidations/<int:invalidation_id>/")
@allowed(Role.OWNER, Role.EDITOR, Role.MODERATOR)
def invalidation_show(campaign_id: int, invalidation_id: int) -> ResponseReturnValue:
    """One invalidation: how far it is, what it took."""
    shown = _invalidation_or_404(campaign_id, invalidation_id)
    is_stuck = shown.is_under_way and _is_stuck(shown)
    criteria = Criteria.of(shown.criteria)
    return _page("invalidation", campaign_id, invalidation=shown, criteria=criteria, is_stuck=is_stuck)


def _is_stuck(shown: Invalidation) -> bool:
    """Whether the worker gave up, so that somebody must ask it again."""
    errand = db.session.get(Errand, shown.errand_id) if shown.errand_id else None
    return errand is None or errand.has_ended


@console.route("/<int:campaign_id>/signatures/invalidations/<int:invalidation_id>/undo", methods=["GET", "POST"])
@allowed(Role.OWNER, Role.EDITOR)
@reauthenticated
def invalidation_undo(campaign_id: int, invalidation_id: int) -> ResponseReturnValue:
    """Ask once more, then let the signatures count again."""
    shown = _invalidation_or_404(campaign_id, invalidation_id)
    form = ConsoleForm()
    if not form.validate_on_submit():
        return _page("invalidation_undo", campaign_id, invalidation=shown, form=form)
    undo(shown, acting().organizer.name, clock.now())
    audit("signatures.restored", campaign_id, invalidation=shown.id)
    number = ngettext("%(num)d signature comes back.", "%(num)d signatures come back.", shown.taken)
    flash(number, "good")
    return _carry_out("restore", shown)


@console.post("/<int:campaign_id>/signatures/invalidations/<int:invalidation_id>/again")
@allowed(Role.OWNER, Role.EDITOR)
@reauthenticated
def invalidation_again(campaign_id: int, invalidation_id: int) -> ResponseReturnValue:
    """Send the worker once more where it gave up; what was done is not done twice."""
    shown = _invalidation_or_404(campaign_id, invalidation_id)
    kind = "invalidate" if shown.undone_at is None else "restore"
    audit("signatures.tried_again", campaign_id, invalidation=shown.id)
    return _carry_out(kind, shown)
