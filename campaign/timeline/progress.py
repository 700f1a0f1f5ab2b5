"""The console's page of a published update: how its letters go, and how they are paused, stopped, tried again."""

import re

from flask import abort, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from campaign import clock
from campaign.db import db
from campaign.i18n import current_locale
from campaign.i18n import number as written
from campaign.mailing.models import Mailing
from campaign.mailing.operations import pause, resume, retry_failed, stop
from campaign.mailing.queries import failures, letters_a_minute, recent_progress
from campaign.organizers.console import allowed, audit, console
from campaign.timeline.console import PUBLISHERS, WRITERS
from campaign.timeline.forms import StopForm
from campaign.timeline.models import Update
from campaign.timeline.publishing import page_url, update_or_404
from campaign.timeline.queries import entry, mailings_by_number
from campaign.work import wake

_REFUSED = re.compile(r"the relay refuses (by policy|as a sender) \((\d+)\)")
NO_SUCH_INBOX, FULL, SPAM = {550, 551, 553}, {452, 552}, {554}
PERMANENT = 500


@console.get("/<int:campaign_id>/updates/<int:number>/")
@allowed(*WRITERS)
def update_page(campaign_id: int, number: int) -> ResponseReturnValue:
    """A published update."""
    update = update_or_404(campaign_id, number)
    return render_template(
        "console/timeline/page.html",
        campaign=update.campaign,
        update=entry(update, current_locale()),
        **_letters(update),
    )


@console.get("/<int:campaign_id>/updates/<int:number>/progress")
@allowed(*WRITERS)
def update_progress(campaign_id: int, number: int) -> ResponseReturnValue:
    """The part of the page that changes while letters go out: for the script."""
    update = update_or_404(campaign_id, number)
    shown = entry(update, current_locale())
    return render_template(
        "console/timeline/_progress.html", campaign=update.campaign, update=shown, **_letters(update)
    )


def _letters(update: Update) -> dict[str, object]:
    """How far the letters are; None where it was told to nobody."""
    mailing = mailings_by_number([update]).get(update.number)
    if mailing is None:
        return {"progress": None}
    progress = recent_progress(mailing)
    return {
        "progress": progress,
        "rate": letters_a_minute(mailing, clock.now()) if mailing.state == "sending" else 0,
        "failures": _by_sentence(failures(mailing.id)) if progress.count("failed") else [],
        "reason": _reason(mailing.reason),
        "has_ended": mailing.state in ("done", "stopped"),
    }


def _by_sentence(codes: dict[int | None, int]) -> list[tuple[str, str, int]]:
    """(what happened, the relays' codes, how many letters), most first."""
    grouped: dict[str, tuple[list[str], int]] = {}
    for code, count in codes.items():
        named, counted = grouped.setdefault(failure_sentence(code), ([], 0))
        grouped[failure_sentence(code)] = ([*named, str(code)] if code else named, counted + count)
    return [(sentence, ", ".join(named), count) for sentence, (named, count) in grouped.items()]


def failure_sentence(code: int | None) -> str:
    """What a relay's reply code means to people (RFC 5321, section 4.2)."""
    if code is None:
        return _("The letter could not be made or sent. Your operator finds the reason in the log.")
    if code in NO_SUCH_INBOX:
        return _("There is no such inbox any more, or it takes no letters. It is not written to again.")
    if code in FULL:
        return _("The inbox is full.")
    if code in SPAM:
        return _("The reader's provider did not want the letter.")
    if code < PERMANENT:
        return _("The reader's provider said “later” twelve times. Then we gave up.")
    return _("The reader's provider refused the letter.")


def _reason(stored: str | None) -> str | None:
    """Why a mailing is paused or was stopped, in the language of the page."""
    refused = _REFUSED.fullmatch(stored or "")
    if refused is None:
        return {"paused by hand": _("Somebody paused it."), "stopped by hand": _("Somebody stopped it.")}.get(
            stored or "", stored
        )
    code = refused[2]
    if refused[1] == "by policy":
        return _("The mail relay refuses our letters by its rules (%(code)s). Please tell your operator.", code=code)
    return _("The mail relay does not accept us as a sender (%(code)s). Please tell your operator.", code=code)


# What can be done


def _mailing_or_404(campaign_id: int, number: int) -> tuple[Update, Mailing]:
    update = update_or_404(campaign_id, number)
    return update, mailings_by_number([update]).get(number) or abort(404)


def _done(act: str, update: Update, told: str, wakes: str | None = None) -> ResponseReturnValue:
    audit(act, update.campaign_id, number=update.number)
    db.session.commit()
    if wakes:
        wake(wakes)
    flash(told, "good")
    return redirect(page_url(update), 303)


@console.post("/<int:campaign_id>/updates/<int:number>/pause")
@allowed(*PUBLISHERS)
def update_pause(campaign_id: int, number: int) -> ResponseReturnValue:
    """Send nothing more for now."""
    update, mailing = _mailing_or_404(campaign_id, number)
    pause(mailing, "paused by hand")
    return _done("mailing.paused", update, _("It is paused. The letters that are being sent right now still go out."))


@console.post("/<int:campaign_id>/updates/<int:number>/resume")
@allowed(*PUBLISHERS)
def update_resume(campaign_id: int, number: int) -> ResponseReturnValue:
    """Go on."""
    update, mailing = _mailing_or_404(campaign_id, number)
    resume(mailing)
    return _done("mailing.resumed", update, _("It goes on."), "mailings")


@console.route("/<int:campaign_id>/updates/<int:number>/stop", methods=["GET", "POST"])
@allowed(*PUBLISHERS)
def update_stop(campaign_id: int, number: int) -> ResponseReturnValue:
    """Send nothing more, ever; after a page that says so."""
    update, mailing = _mailing_or_404(campaign_id, number)
    form = StopForm()
    if not form.validate_on_submit():
        page = render_template(
            "console/timeline/stop.html",
            campaign=update.campaign,
            update=entry(update, current_locale()),
            form=form,
            progress=recent_progress(mailing),
        )
        return page, 422 if form.errors else 200
    stop(mailing, clock.now(), "stopped by hand")
    return _done("mailing.stopped", update, _("It is stopped. Nothing more of it will be sent."))


@console.post("/<int:campaign_id>/updates/<int:number>/retry")
@allowed(*PUBLISHERS)
def update_retry(campaign_id: int, number: int) -> ResponseReturnValue:
    """Try again what failed."""
    update, mailing = _mailing_or_404(campaign_id, number)
    count = retry_failed(mailing, clock.now())
    told = ngettext(
        "%(count)s letter is tried again.", "%(count)s letters are tried again.", count, count=written(count)
    )
    return _done("mailing.retried", update, told, "letters")
