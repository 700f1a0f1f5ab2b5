"""Home and the campaign page."""

from collections.abc import Hashable

from flask import Blueprint, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from campaign import clock
from campaign.campaigns.models import SLUG, Campaign, CampaignState
from campaign.campaigns.queries import campaigns_in, in_locale
from campaign.campaigns.views import campaign_or_404
from campaign.db import db
from campaign.i18n import preferred_locale
from campaign.pagecache import cached_page
from campaign.signing.forms import FollowForm, SignForm
from campaign.signing.queries import page_state, progress
from campaign.statements.queries import MOST_ENDORSEMENTS, backers, published_endorsements, published_statements
from campaign.timeline.queries import entry, freedom, published_updates, standings

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
    people = standings(campaign, locale, clock.today())
    return {
        "campaign": campaign,
        "text": campaign.text_in(locale),
        "people": people,
        "freed": freedom(people),
        "progress": progress(campaign),
    }


def _stamp(slug: str, **_values: str) -> Hashable:
    """What the campaign page shows, in one SELECT: the campaign's revision, the count, the day."""
    found = db.session.execute(page_state(slug)).first() if SLUG.fullmatch(slug) else None
    return (*found, clock.today()) if found else None


@bp.get("/<locale:locale>/<slug>/")
@cached_page(_stamp)
def campaign(locale: str, slug: str) -> str:
    """The campaign page: the same bytes for everybody."""
    found = campaign_or_404(slug)
    return render_template(
        "pages/campaign.html",
        **_card(found, locale),
        targets=[
            {"kind": target.kind, "name": in_locale(target.name, locale, found.locale)} for target in found.targets
        ],
        updates=[entry(update, locale) for update in published_updates(found.id, NEWEST_UPDATES)],
        statements=published_statements(found.id, NEWEST_STATEMENTS),
        endorsements=published_endorsements(found.id, locale, MOST_ENDORSEMENTS),
        endorsed=backers(found.id),
        form=SignForm(formdata=None),
        follow_form=FollowForm(formdata=None),
    )


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Whether web and database are there."""
    try:
        db.session.execute(text("SELECT 1"))
    except Exception as error:
        current_app.logger.warning("database away: %s", type(error).__name__)
        return {"web": "up", "database": "down"}, 503
    return {"web": "up", "database": "up"}
