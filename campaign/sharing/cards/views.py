"""The share card as a picture, and the poster as a page to print."""

from collections.abc import Hashable
from datetime import date
from pathlib import Path

import structlog
from flask import Blueprint, Flask, Response, abort, current_app, render_template, request

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.campaigns.views import campaign_or_404
from campaign.pagecache import KEEP, cached_page
from campaign.sharing.cards.card import drawn
from campaign.sharing.cards.faces import SHAPER, can_shape
from campaign.sharing.cards.poster import hung
from campaign.sharing.cards.shelf import FOLDER, Shelf
from campaign.sharing.cards.showing import rounded, shown
from campaign.signing.queries import page_state

log = structlog.get_logger()

bp = Blueprint("cards", __name__)

PUBLIC = "public, max-age=600, stale-while-revalidate=3600, stale-if-error=86400"


class Cards:
    """The cards of an app: where they are kept, and what each showed when it was last asked for."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder)
        self.showed: dict[tuple[str, str], tuple[Hashable, str, str]] = {}

    def present(self, locale: str, slug: str) -> tuple[str, str]:
        """A card's name on the shelf, and the digest of what it is to show; aborts with 404 for what has no card.

        While campaign, rounded count and day are the same, that is one SELECT. Only campaigns that there are come in.
        """
        stamp = _stamp(slug)
        known = self.showed.get((locale, slug))
        if known is None or known[0] != stamp:
            campaign = campaign_or_404(slug)
            known = stamp, f"{campaign.id}_{locale}", shown(campaign, locale, clock.today()).digest
            self.showed[locale, slug] = known
        return known[1], known[2]


def _stamp(slug: str) -> Hashable:
    """What a card shows as long as this is the same; aborts with 404 where there is no campaign."""
    state = page_state(slug) or abort(404)
    known = rounded(state.signed)
    return state.campaign_id, state.revision, known, known < state.signed, clock.today()


def init_cards(app: Flask, instance: Path) -> None:
    """Let the app draw cards and keep them in the instance; says so in the log if it cannot."""
    app.extensions["cards"] = Cards(instance / FOLDER)
    if not can_shape():
        log.error("no share cards: Pillow was built without its text shaper", shaper=SHAPER)


@bp.get("/<locale:locale>/<slug>/card.png")
def card(locale: str, slug: str) -> Response:
    """The share card: drawn once for each state of things, then from the shelf. A query string makes no difference."""
    if not can_shape():
        abort(404)
    cards: Cards = current_app.extensions["cards"]
    name, digest = cards.present(locale, slug)
    content = cards.shelf.card(name, digest, lambda: _drawn(locale, slug, clock.today()))
    response = Response(content, mimetype="image/png")
    response.set_etag(digest)
    response.headers["Cache-Control"] = PUBLIC
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # it is made to be shown elsewhere
    if request.query_string:  # not once more in memory for each that somebody makes up
        response.make_conditional(request)
    else:
        request.environ[KEEP] = current_app.config["PAGE_SECONDS"]
    return response


def _drawn(locale: str, slug: str, today: date) -> bytes:
    campaign = campaign_or_404(slug)
    return drawn(shown(campaign, locale, today), _photos(campaign).__getitem__)


def _photos(campaign: Campaign) -> dict[str, bytes]:
    """The photos by their names: one alone in full, several small."""
    photos = [person.photo for person in campaign.people if person.photo]
    is_alone = len(campaign.people) == 1
    return {photo.name: photo.wide if is_alone else photo.narrow for photo in photos}


@bp.get("/<locale:locale>/<slug>/poster")
@cached_page(lambda locale, slug: _stamp(slug))
def poster(locale: str, slug: str) -> str:
    """The poster to print, on one page."""
    return render_template("sharing/poster.html", **hung(campaign_or_404(slug), locale, clock.today()))
