"""The console's page of a published update: how its letters go, and how they are paused, stopped, tried again."""

from flask import abort, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from campaign import clock
from campaign.i18n import current_locale
from campaign.mailing.queries import failures, letters_a_minute, recent_progress
from campaign.organizers.console import allowed, console
from campaign.timeline.acts import Watched, pause_letters, resume_letters, retry_letters, stop_letters, why
from campaign.timeline.console import PUBLISHERS, WRITERS
from campaign.timeline.models import Update
from campaign.timeline.publishing import page_url, update_or_404
from campaign.timeline.queries import entry, mailings_by_number

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
        "reason": why(mailing.reason),
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


# What can be done


def _watched(update: Update) -> Watched:
    mailing = mailings_by_number([update]).get(update.number) or abort(404)
    return Watched(mailing, page_url(update), {"number": update.number})


@console.post("/<int:campaign_id>/updates/<int:number>/pause")
@allowed(*PUBLISHERS)
def update_pause(campaign_id: int, number: int) -> ResponseReturnValue:
    """Send nothing more for now."""
    return pause_letters(_watched(update_or_404(campaign_id, number)))


@console.post("/<int:campaign_id>/updates/<int:number>/resume")
@allowed(*PUBLISHERS)
def update_resume(campaign_id: int, number: int) -> ResponseReturnValue:
    """Go on."""
    return resume_letters(_watched(update_or_404(campaign_id, number)))


@console.route("/<int:campaign_id>/updates/<int:number>/stop", methods=["GET", "POST"])
@allowed(*PUBLISHERS)
def update_stop(campaign_id: int, number: int) -> ResponseReturnValue:
    """Send nothing more, ever; after a page that says so."""
    update = update_or_404(campaign_id, number)
    shown = {"campaign": update.campaign, "update": entry(update, current_locale())}
    return stop_letters(_watched(update), "console/timeline/stop.html", **shown)


@console.post("/<int:campaign_id>/updates/<int:number>/retry")
@allowed(*PUBLISHERS)
def update_retry(campaign_id: int, number: int) -> ResponseReturnValue:
    """Try again what failed."""
    return retry_letters(_watched(update_or_404(campaign_id, number)))
