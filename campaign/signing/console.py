"""The organizers' pages of signatures: counts and charts, search, the letter that confirms once more."""

from uuid import UUID

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.i18n import LOCALES, country_name
from campaign.organizers.console import acting, allowed, audit, console
from campaign.organizers.models import Errand, ErrandState, Role
from campaign.organizers.queries import errand_of
from campaign.signing.counting.charts import bars_by_day, bars_by_name
from campaign.signing.counting.models import Breakdown, SignatureStatistics
from campaign.signing.counting.queries import NONE, OTHERS, is_stale, newest_days, statistics
from campaign.signing.forms import AddressForm, NameForm
from campaign.signing.invalidating import console as invalidating
from campaign.signing.invalidating.console import send
from campaign.signing.models import SignatureState
from campaign.signing.paper import console as paper
from campaign.signing.paper.queries import on_paper_by_country
from campaign.signing.queries import LOOKED_AT, named
from campaign.web import mark, marked
from campaign.work import wake

__all__ = ("invalidating", "paper")

DAYS = 60
FIND, RESEND = "find_signature", "resend_confirmation"

TITLES = {
    "day": _l("By day"),
    "country": _l("By country"),
    "language": _l("By language"),
    "source": _l("By source"),
    "state": _l("By state"),
}
STATES = {
    "pending": _l("Not confirmed yet"),
    "confirmed": _l("Confirmed"),
    "invalidated": _l("Invalidated"),
    "withdrawn": _l("Withdrawn"),
}


def _page(name: str, campaign_id: int, **shown: object) -> str:
    campaign = db.session.get_one(Campaign, campaign_id)
    return render_template(f"console/signing/{name}.html", campaign=campaign, **shown)


@console.get("/<int:campaign_id>/signatures/")
@allowed(Role.OWNER, Role.EDITOR, Role.MODERATOR)
def signature_overview(campaign_id: int) -> ResponseReturnValue:
    """Counts as the worker counted them last; an old count is counted again while somebody looks."""
    counted = statistics(campaign_id)
    if is_stale(counted, clock.now()):
        wake("statistics")
    tables = {name: _rows(name, counted) for name in TITLES} if counted else {}
    paper_rows = [(country_name(code), count) for code, count in on_paper_by_country(campaign_id).items()]
    return _page("overview", campaign_id, counted=counted, tables=tables, titles=TITLES, paper=paper_rows)


@console.get("/<int:campaign_id>/signatures/chart/<any(day, country, language, source, state):name>.svg")
@allowed(Role.OWNER, Role.EDITOR, Role.MODERATOR)
def signature_chart(campaign_id: int, name: str) -> ResponseReturnValue:
    """One of the counts as a picture."""
    counted = statistics(campaign_id) or abort(404)
    draw = bars_by_day if name == "day" else bars_by_name
    picture = draw(dict(_rows(name, counted)), str(TITLES[name]))
    return Response(picture, mimetype="image/svg+xml")


def _rows(name: str, counted: SignatureStatistics) -> list[tuple[str, int]]:
    """A count as the page names it, in the order of the page."""
    counts: Breakdown = counted.breakdowns[name]
    if name == "day":
        return list(newest_days(counts, DAYS, counted.counted_at.date()).items())
    ranked = sorted(counts.items(), key=lambda pair: (pair[0] == OTHERS, -pair[1]))
    return [(_called(name, value), count) for value, count in ranked]


def _called(name: str, value: str) -> str:
    if value == OTHERS:
        return _("All others")
    names = {
        "country": lambda: country_name(value),
        "language": lambda: LOCALES.get(value, value),
        "state": lambda: str(STATES.get(value, value)),
    }
    if name in names:
        return names[name]()
    return _("None named") if value == NONE else value


@console.route("/<int:campaign_id>/signatures/search/", methods=["GET", "POST"])
@allowed(Role.OWNER, Role.EDITOR, Role.MODERATOR)
def signature_search(campaign_id: int) -> ResponseReturnValue:
    """By public name, here; by exact address, through the worker. What was searched is not logged."""
    by_name, by_address = NameForm(), AddressForm()
    if request.form.get("by") == "address":
        if by_address.validate_on_submit():
            return _ask_worker(campaign_id, by_address)
        by_address.address.data = ""  # the address comes back in no page
    elif by_name.validate_on_submit():
        return _found_names(campaign_id, by_name, by_address)
    status = 422 if by_name.is_submitted() else 200
    return _page("search", campaign_id, by_name=by_name, by_address=by_address, found=None, next_mark=None), status


def _ask_worker(campaign_id: int, form: AddressForm) -> ResponseReturnValue:
    audit("signatures.searched", campaign_id, kind="address")
    errand = send(FIND, campaign_id, {"address": form.address.data})
    return redirect(url_for("console.signature_found", campaign_id=campaign_id, errand_id=errand.id), 303)


def _found_names(campaign_id: int, form: NameForm, by_address: AddressForm) -> ResponseReturnValue:
    audit("signatures.searched", campaign_id, kind="name")
    db.session.commit()
    found = named(campaign_id, form.name.data or "", marked(form.before.data))
    next_mark = mark(*found.end) if found.end else None
    return _page(
        "search",
        campaign_id,
        by_name=form,
        by_address=by_address,
        found=found,
        next_mark=next_mark,
        looked_at=LOOKED_AT,
    )


def _search_or_404(campaign_id: int, errand_id: UUID) -> Errand:
    """One's own search: nobody else's answer is shown."""
    errand = errand_of(campaign_id, FIND, errand_id)
    if errand is None or errand.organizer_id != acting().organizer.id:
        abort(404)
    return errand


@console.get("/<int:campaign_id>/signatures/search/<uuid:errand_id>/")
@allowed(Role.OWNER, Role.EDITOR, Role.MODERATOR)
def signature_found(campaign_id: int, errand_id: UUID) -> ResponseReturnValue:
    """Where the signature stands that was searched for, and nothing else of it."""
    return _page("found", campaign_id, errand=_search_or_404(campaign_id, errand_id))


@console.post("/<int:campaign_id>/signatures/search/<uuid:errand_id>/resend")
@allowed(Role.OWNER, Role.EDITOR, Role.MODERATOR)
def signature_resend(campaign_id: int, errand_id: UUID) -> ResponseReturnValue:
    """Send the letter that confirms once more, to whoever was found."""
    found = _search_or_404(campaign_id, errand_id)
    if found.state != ErrandState.DONE or found.result.get("state") != SignatureState.PENDING:
        abort(404)
    audit("signatures.confirmation_resent", campaign_id)
    send(RESEND, campaign_id, {"signature_id": found.result["signature_id"]})
    flash(_("The letter is sent, if the address may be written to today."), "good")
    return redirect(url_for("console.signature_found", campaign_id=campaign_id, errand_id=errand_id), 303)
