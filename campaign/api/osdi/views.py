"""The entry point and the petitions of OSDI, as HAL. Links lead from one to the next."""

from typing import Any

from flask_smorest import Blueprint

from campaign.api.osdi import shapes
from campaign.api.osdi.queries import count_petitions, petitions
from campaign.api.views import JSON, SLUG_PARAMETER, written
from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import in_locale
from campaign.campaigns.views import campaign_or_404
from campaign.i18n import DEFAULT_LOCALE
from campaign.links import public_url
from campaign.pagecache import cached_page
from campaign.signing.queries import counts_of
from campaign.web import render_markdown

bp = Blueprint(
    "osdi",
    __name__,
    url_prefix="/api/osdi/v1",
    description="The Open Supporter Data Interface (OSDI 1.2): petitions, and signing them from other sites. "
    "Start at the entry point and follow the links. No token is needed.",
)

HAL = "application/hal+json"
NAME = "Campaign"
CURIES = [{"name": "osdi", "href": "https://opensupporter.github.io/osdi-docs/{rel}.html", "templated": True}]


@bp.route("/")
@bp.response(200, shapes.Entry, content_type=HAL, description="The entry point.")
@cached_page(mimetype=HAL)
def entry() -> str:
    """The entry point"""
    links = {
        "self": _link("osdi.entry"),
        "curies": CURIES,
        "petitions": _link("osdi.petition_index"),
        "docs": _link("api_page.page", locale=DEFAULT_LOCALE),
    }
    said = {"motd": f"{NAME}: petitions for people who were taken.", "osdi_version": "1.2.0"}
    said |= {"vendor_name": NAME, "product_name": NAME}
    return written(shapes.Entry, said | {"max_pagesize": shapes.MOST, "links": links})


@bp.route("/petitions")
@bp.arguments(shapes.PageAsked, location="query", as_kwargs=True)
@bp.response(200, shapes.Page, content_type=HAL, description="A page of petitions.")
@cached_page(mimetype=HAL)
def petition_index(page: int, per_page: int) -> str:
    """The petitions, by pages

    Those that take signatures, and those that were won or have ended.
    """
    found = petitions(page, per_page)
    counts = counts_of([campaign.id for campaign in found])
    total = count_petitions()
    said = {"page": page, "per_page": per_page, "total_records": total, "total_pages": -(-total // per_page)}
    links = _page_links(page, per_page, said["total_pages"])
    links["petitions"] = [_link("osdi.petition", slug=campaign.slug) for campaign in found]
    embedded = {"petitions": [_petition(campaign, counts[campaign.id]) for campaign in found]}
    return written(shapes.Page, said | {"links": links, "embedded": embedded})


def _page_links(page: int, per_page: int, last: int) -> dict[str, Any]:
    places = {"previous": page - 1, "self": page, "next": page + 1}
    return {"curies": CURIES} | {
        name: _link("osdi.petition_index", page=place, per_page=per_page)
        for name, place in places.items()
        if name == "self" or 1 <= place <= last
    }


@bp.route("/petitions/<slug>", parameters=[SLUG_PARAMETER])
@bp.response(200, shapes.Petition, content_type=HAL, description="The petition.")
@bp.alt_response(404, "NOT_FOUND")
@cached_page(mimetype=HAL)
def petition(slug: str) -> str:
    """A petition"""
    campaign = campaign_or_404(slug)
    return written(shapes.Petition, _petition(campaign, counts_of([campaign.id])[campaign.id]))


def _petition(campaign: Campaign, count: int) -> dict[str, Any]:
    text = campaign.text_in(campaign.locale)
    return {
        "identifiers": [f"campaign:{campaign.slug}"],
        "origin_system": NAME,
        "created_date": campaign.created_at,
        "modified_date": max(text.changed_at for text in campaign.texts),
        "name": campaign.slug,
        "title": text.title,
        "summary": text.summary,
        "description": render_markdown(text.body),
        "petition_text": "\n".join(text.demands),
        "browser_url": public_url("pages.campaign", slug=campaign.slug, locale=campaign.locale),
        "total_signatures": count,
        "target": [{"name": in_locale(target.name, text.locale, campaign.locale)} for target in campaign.targets],
        "links": _petition_links(campaign),
    }


def _petition_links(campaign: Campaign) -> dict[str, Any]:
    links = {"self": _link("osdi.petition", slug=campaign.slug), "curies": CURIES}
    links["alternate"] = _link("api.campaign", slug=campaign.slug) | {"type": JSON}
    if campaign.is_signable:
        links["record"] = _link("osdi.record_signature", slug=campaign.slug)
    return links


def _link(endpoint: str, **values: object) -> dict[str, Any]:
    return {"href": public_url(endpoint, **values)}
