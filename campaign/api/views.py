"""A campaign and its count as JSON; how to embed it (oEmbed)."""

import re
from typing import Any
from urllib.parse import urlsplit

from flask import abort, current_app
from flask_babel import gettext as _
from flask_smorest import Blueprint
from markupsafe import Markup
from marshmallow import Schema

from campaign.api import shapes
from campaign.api.addresses import address_of
from campaign.api.documents import counted, document
from campaign.campaigns.models import SLUG, Campaign
from campaign.campaigns.queries import public_campaign
from campaign.campaigns.views import campaign_or_404
from campaign.i18n import LOCALES, speaking
from campaign.links import public_url
from campaign.pagecache import cached_page
from campaign.signing.queries import page_state

bp = Blueprint(
    "api",
    __name__,
    description="A campaign as a document, for sites that show it. Any cache may keep it for some seconds.",
)

JSON = "application/json"
SLUG_PARAMETER = {
    "in": "path",
    "name": "slug",
    "description": "The campaign's place in addresses.",
    "schema": {"type": "string", "pattern": f"^{SLUG.pattern}$"},
    "example": "release-amin",
}
FRAME, CARD = (360, 560), (1200, 630)
"""The frame as large as it likes to be, and the share card: width and height in pixels."""

DAY = 86400


def written(shape: type[Schema], document: Any) -> str:
    """A document in its shape, as JSON."""
    return str(shape().dumps(document, ensure_ascii=False, separators=(",", ":")))


@bp.route("/<slug>.json", parameters=[SLUG_PARAMETER])
@bp.response(200, shapes.Campaign, content_type=JSON, description="The campaign.")
@bp.alt_response(404, "NOT_FOUND")
@cached_page(page_state, JSON)
def campaign(slug: str) -> str:
    """A campaign in all its languages

    Texts, people and how they stand, demands, the count, the newest updates, links. Nothing of anybody who signed.
    """
    return written(shapes.Campaign, document(campaign_or_404(slug)))


@bp.route("/<slug>/count.json", parameters=[SLUG_PARAMETER])
@bp.response(200, shapes.Count, content_type=JSON, description="The count.")
@bp.alt_response(404, "NOT_FOUND")
@cached_page(page_state, JSON)
def count(slug: str) -> str:
    """How many have signed

    The count comes from a ledger and may be some seconds late.
    """
    return written(shapes.Count, counted(campaign_or_404(slug)))


@bp.route("/oembed")
@bp.arguments(shapes.FrameAsked, location="query", as_kwargs=True)
@bp.response(200, shapes.Frame, content_type=JSON, description="How to embed it.")
@bp.alt_response(404, "NOT_FOUND")
@bp.alt_response(501, "NOT_IMPLEMENTED")
@cached_page(mimetype=JSON)
def oembed(url: str, format: str, maxwidth: int | None = None, maxheight: int | None = None) -> str:
    """How to embed a campaign (oEmbed)

    Give the address of a campaign's page, or of its frame; the frame speaks the language of that address.
    """
    if format != "json":
        abort(501)
    locale, slug = _page_at(url) or abort(404)
    found = public_campaign(slug) or abort(404)
    with speaking(locale):
        return written(shapes.Frame, _frame(found, locale, (maxwidth, maxheight)))


_PAGE = re.compile(rf"/({'|'.join(LOCALES)})/({SLUG.pattern})(/embed)?/?")


def _page_at(url: str) -> tuple[str, str] | None:
    """The language and the slug of a page of ours; None for whatever else."""
    ours = urlsplit(current_app.config["PUBLIC_URL"].lower())
    try:
        given = urlsplit(url)
    except ValueError:
        return None
    found = _PAGE.fullmatch(given.path)
    is_ours = (given.scheme, given.netloc.lower()) == (ours.scheme, ours.netloc)
    return (found[1], found[2]) if found and is_ours else None


def _frame(campaign: Campaign, locale: str, most: tuple[int | None, int | None]) -> dict[str, Any]:
    slug, text = campaign.slug, campaign.text_in(locale)
    width, height = (min(side, limit or side) for side, limit in zip(FRAME, most, strict=True))
    iframe = Markup(
        '<iframe src="{}" width="{}" height="{}" title="{}" lang="{}" style="border:0" loading="lazy"></iframe>'
    )
    said = {
        "version": "1.0",
        "type": "rich",
        "title": text.title,
        "provider_name": _("Campaign"),
        "provider_url": public_url("pages.home", locale=locale),
        "cache_age": DAY,
        "html": str(iframe.format(address_of("embeds", slug, locale), width, height, text.title, text.locale)),
        "width": width,
        "height": height,
    }
    return said | _thumbnail(slug, locale, most)


def _thumbnail(slug: str, locale: str, most: tuple[int | None, int | None]) -> dict[str, Any]:
    """The share card, unless it is larger than was asked (oEmbed, section 2.3.4)."""
    if any(limit is not None and limit < side for side, limit in zip(CARD, most, strict=True)):
        return {}
    return {
        "thumbnail_url": address_of("cards", slug, locale),
        "thumbnail_width": CARD[0],
        "thumbnail_height": CARD[1],
    }
