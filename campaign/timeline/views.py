"""The timeline's pages, and the words for kinds and statuses."""

from datetime import date

from flask import Blueprint, abort, render_template, request, url_for
from flask_babel import gettext as _

from campaign.campaigns.views import campaign_or_404
from campaign.pagecache import cached_page
from campaign.timeline import queries
from campaign.timeline.queries import PAGE, published_update, published_updates
from campaign.web import mark, marked

bp = Blueprint("timeline", __name__)


@bp.app_template_filter("kind")
def kind_name(kind: str) -> str:
    """The word for a kind of update."""
    return {
        "news": _("News"),
        "status": _("Change of status"),
        "hearing": _("Hearing"),
        "action": _("Action"),
        "report": _("Report"),
        "outcome": _("Outcome"),
        "correction": _("Correction"),
    }.get(kind, kind)


@bp.app_template_filter("status")
def status_name(status: str) -> str:
    """The word for a person's status."""
    return {
        "missing": _("Missing"),
        "detained": _("Detained"),
        "charged": _("Charged"),
        "on_trial": _("On trial"),
        "sentenced": _("Sentenced"),
        "transferred": _("Transferred"),
        "released": _("Released"),
        "deported": _("Deported"),
        "killed": _("Killed"),
        "other": _("Other"),
    }.get(status, status)


@bp.get("/<locale:locale>/<slug>/timeline/")
@cached_page()
def index(locale: str, slug: str) -> str:
    """The whole timeline, newest first, by pages."""
    campaign = campaign_or_404(slug)
    updates = published_updates(campaign.id, PAGE, _before(request.args.get("before")))
    last = updates[-1] if len(updates) == PAGE else None
    return render_template(
        "timeline/index.html",
        campaign=campaign,
        text=campaign.text_in(locale),
        updates=[queries.entry(update, locale) for update in updates],
        next_url=url_for("timeline.index", slug=slug, before=mark(last.occurred_on, last.number)) if last else None,
    )


def _before(text: str | None) -> tuple[date, int] | None:
    found = marked(text)
    return (found[0].date(), found[1]) if found else None


@bp.get("/<locale:locale>/<slug>/timeline/<int(max=2147483647):number>/")
@cached_page()
def entry(locale: str, slug: str, number: int) -> str:
    """One entry of the timeline."""
    campaign = campaign_or_404(slug)
    update = published_update(campaign.id, number) or abort(404)
    return render_template(
        "timeline/entry.html", campaign=campaign, text=campaign.text_in(locale), update=queries.entry(update, locale)
    )
