"""What can be done in the console about letters under way: paused, stopped, tried again; of an update or of a week."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flask import flash, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from campaign import clock
from campaign.db import db
from campaign.i18n import number as written
from campaign.mailing.models import Mailing
from campaign.mailing.posting import pause, resume, retry_failed, stop
from campaign.mailing.queries import recent_progress
from campaign.organizers.console import audit
from campaign.timeline.forms import StopForm
from campaign.work import wake

_REFUSED = re.compile(r"the relay refuses (by policy|as a sender) \((\d+)\)")


@dataclass(frozen=True)
class Watched:
    """A mailing under way. `page`: where it is watched; `named`: what the log says of which one it is."""

    mailing: Mailing
    page: str
    named: Mapping[str, str | int]


def pause_letters(watched: Watched) -> ResponseReturnValue:
    """Send nothing more for now."""
    pause(watched.mailing, "paused by hand")
    told = _("It is paused. The letters that are being sent right now still go out.")
    return _done("mailing.paused", watched, told)


def resume_letters(watched: Watched) -> ResponseReturnValue:
    """Go on."""
    resume(watched.mailing)
    return _done("mailing.resumed", watched, _("It goes on."), "mailings")


def stop_letters(watched: Watched, template: str, **shown: object) -> ResponseReturnValue:
    """Send nothing more, ever; after a page that says so. Raises Refusal when it has ended already."""
    form = StopForm()
    if not form.validate_on_submit():
        page = render_template(template, form=form, progress=recent_progress(watched.mailing), **shown)
        return page, 422 if form.errors else 200
    stop(watched.mailing, clock.now(), "stopped by hand")
    return _done("mailing.stopped", watched, _("It is stopped. Nothing more of it will be sent."))


def retry_letters(watched: Watched) -> ResponseReturnValue:
    """Try again what failed. Raises Refusal when nothing can be."""
    count = retry_failed(watched.mailing, clock.now())
    told = ngettext(
        "%(count)s letter is tried again.", "%(count)s letters are tried again.", count, count=written(count)
    )
    return _done("mailing.retried", watched, told, "letters")


def _done(act: str, watched: Watched, told: str, wakes: str | None = None) -> ResponseReturnValue:
    audit(act, watched.mailing.campaign_id, **watched.named)
    db.session.commit()
    if wakes:
        wake(wakes)
    flash(told, "good")
    return redirect(watched.page, 303)


def why(stored: str | None) -> str | None:
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
