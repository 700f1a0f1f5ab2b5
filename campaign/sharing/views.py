"""Feeds, the frame for other sites, sitemap and robots.txt; what every page's head needs."""

from collections.abc import Hashable

from flask import Blueprint, render_template
from flask_babel import gettext as _
from markupsafe import escape

from campaign import clock
from campaign.campaigns.models import CampaignState
from campaign.campaigns.queries import campaigns_in
from campaign.campaigns.views import campaign_or_404
from campaign.i18n import LOCALES
from campaign.links import public_url
from campaign.pagecache import cached_page
from campaign.sharing.feeds import ATOM, atom
from campaign.sharing.heads import HOME, linked_data, og_locale, places, places_here
from campaign.sharing.queries import last_changes, newest_updates, shown_revision
from campaign.signing.queries import page_state, progress
from campaign.timeline.queries import glance
from campaign.web import framed_by_all

bp = Blueprint("sharing", __name__)

FRAME = 'width="360" height="560" style="border:0"'
"""Room for the small poster on a phone, in Urdu too."""

ADDRESSES = 50_000
"""At most so many stand in one sitemap (sitemaps.org)."""


@bp.app_context_processor
def offer_heads() -> dict[str, object]:
    """The frame of all pages, which stands below this room, says where each page is."""
    return {"places_here": places_here, "og_locale": og_locale, "linked_data": linked_data, "frame_code": frame_code}


def _revision(slug: str, **_values: str) -> Hashable:
    return shown_revision(slug)


@bp.get("/<locale:locale>/<slug>/feed.atom")
@cached_page(_revision, ATOM)
def feed(locale: str, slug: str) -> str:
    """The newest updates of a campaign."""
    campaign = campaign_or_404(slug)
    feed_url, page_url = public_url("sharing.feed", slug=slug), public_url("pages.campaign", slug=slug)
    return atom(locale, campaign.text_in(locale).title, feed_url, page_url, newest_updates(campaign.id))


@bp.get("/<locale:locale>/feed.atom")
@cached_page(mimetype=ATOM)
def feed_of_all(locale: str) -> str:
    """The newest updates of all campaigns."""
    return atom(locale, _("Campaign"), public_url("sharing.feed_of_all"), public_url(HOME), newest_updates())


def frame_code(slug: str, title: str) -> str:
    """The HTML by which another site shows `embed`, in the present language; screen readers say the frame's title."""
    address = escape(public_url("sharing.embed", slug=slug))
    return f'<iframe src="{address}" title="{escape(title)}" {FRAME} loading="lazy"></iframe>'


def _stamp(slug: str, **_values: str) -> Hashable:
    state = page_state(slug)
    return (*state, clock.today()) if state else None


@bp.get("/<locale:locale>/<slug>/embed")
@framed_by_all
@cached_page(_stamp)
def embed(locale: str, slug: str) -> str:
    """The campaign as a small poster, for a frame on other sites. It holds no form: a frame could trick people."""
    campaign = campaign_or_404(slug)
    at_a_glance = vars(glance(campaign, locale, clock.today()))
    return render_template("sharing/embed.html", **at_a_glance, progress=progress(campaign))


@bp.get("/sitemap.xml")
@cached_page(mimetype="application/xml")
def sitemap() -> str:
    """What search engines may show: home, whether it is safe to sign, each campaign, in each of their languages."""
    campaigns = campaigns_in(CampaignState.OPEN, CampaignState.WON, CampaignState.ENDED)
    campaigns = campaigns[: ADDRESSES // len(LOCALES) - 2]
    changes = last_changes(campaigns)
    pages = [(places(HOME, None), max(changes.values(), default=None)), (places("pages.safety", None), None)]
    for campaign in campaigns:
        pages.append((places("pages.campaign", campaign, slug=campaign.slug), changes[campaign.id]))
    return render_template("sharing/sitemap.xml", pages=pages)


@bp.get("/robots.txt")
@cached_page(mimetype="text/plain")
def robots() -> str:
    """Where robots have nothing to find (RFC 9309)."""
    return render_template("sharing/robots.txt")
