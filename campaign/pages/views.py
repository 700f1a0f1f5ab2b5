"""Home and the campaign page."""

from collections.abc import Hashable

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from campaign import clock
from campaign.campaigns.models import Campaign, CampaignState
from campaign.campaigns.queries import campaigns_in, in_locale, photo_shown
from campaign.campaigns.views import campaign_or_404
from campaign.i18n import preferred_locale
from campaign.pagecache import cached_page
from campaign.signing.forms import FollowForm, SignForm
from campaign.signing.queries import page_state, progress
from campaign.statements.queries import (
    MOST_ENDORSEMENTS,
    Order,
    backers,
    published_endorsements,
    published_statements,
)
from campaign.timeline.queries import entry, glance, published_updates

bp = Blueprint("pages", __name__)

NEWEST_UPDATES = 4
NEWEST_STATEMENTS = 6


@bp.get("/")
def start() -> ResponseReturnValue:
    """To the home page in the browser's language."""
    response = redirect(url_for("pages.home", locale=preferred_locale()))
    response.headers["Vary"] = "Accept-Language"
    return response


@bp.get("/<locale:locale>/")
@cached_page()
def home(locale: str) -> str:
    """Open campaigns first, then what was won."""
    lists = {
        f"{state}_campaigns": [_card(campaign, locale) for campaign in campaigns_in(state)]
        for state in (CampaignState.OPEN, CampaignState.WON, CampaignState.ENDED)
    }
    return render_template("pages/home.html", **lists)


def _card(campaign: Campaign, locale: str) -> dict[str, object]:
    return {**vars(glance(campaign, locale, clock.today())), "progress": progress(campaign)}


@bp.get("/<locale:locale>/safety/")
@cached_page()
def safety(locale: str) -> str:
    """Is it safe to sign? What is kept, what cannot be protected, how to appear, how to take it back."""
    return render_template("pages/safety.html")


def _stamp(slug: str, **_values: str) -> Hashable:
    """What the campaign page shows, in one SELECT: the campaign's revision, the count, the day."""
    state = page_state(slug)
    return (*state, clock.today()) if state else None


@bp.get("/<locale:locale>/<slug>/")
@cached_page(_stamp)
def campaign(locale: str, slug: str) -> str:
    """The campaign page: the same bytes for everybody."""
    return render_template("pages/campaign.html", **shown(campaign_or_404(slug), locale))


@bp.get("/<locale:locale>/<slug>/tally")
@cached_page(_stamp)
def tally(locale: str, slug: str) -> str:
    """The part of the campaign page that moves: how many signed."""
    return render_template("pages/tally.html", progress=progress(campaign_or_404(slug)))


def shown(campaign: Campaign, locale: str) -> dict[str, object]:
    """All that the page of a campaign shows."""
    return {
        **_card(campaign, locale),
        "photos": [photo_shown(person, locale, campaign.locale) for person in campaign.people],
        "targets": [
            {"kind": target.kind, "name": in_locale(target.name, locale, campaign.locale)}
            for target in campaign.targets
        ],
        "updates": [entry(update, locale) for update in published_updates(campaign.id, NEWEST_UPDATES)],
        "statements": published_statements(campaign.id, NEWEST_STATEMENTS, order=Order.CHOSEN),
        "endorsements": published_endorsements(campaign.id, locale, MOST_ENDORSEMENTS),
        "endorsed": backers(campaign.id),
        "form": SignForm(formdata=None),
        "follow_form": FollowForm(formdata=None),
    }
