"""The poster to print: what stands on it, as much as one sheet holds, and the QR code that leads to the campaign."""

from datetime import date

import segno
from markupsafe import Markup

from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import photo_shown
from campaign.links import public_url
from campaign.timeline.queries import glance

MOST_PEOPLE = 12
QUIET = 4
"""Modules left white round a QR code (ISO/IEC 18004, 9.1)."""

LONG, LONGEST = 24, 70
"""Letters of a title from which on it is set smaller."""


def hung(campaign: Campaign, locale: str, today: date) -> dict[str, object]:
    """All that the poster of a campaign shows."""
    seen = glance(campaign, locale, today)
    people, text = seen.people, seen.text
    url = public_url("pages.campaign", locale=locale, slug=campaign.slug)
    return {
        **vars(seen),
        "people": people[:MOST_PEOPLE],
        "others": len(people[MOST_PEOPLE:]),
        "all_people": people,
        "photos": [photo_shown(person, locale, campaign.locale) for person in campaign.people[:MOST_PEOPLE]],
        "demands": [] if seen.is_won else text.demands,
        "summary": (seen.is_won and text.outcome) or text.summary,
        "size": "" if seen.is_won else _size(text.title),
        "today": today,
        "url": url,
        "qr": qr(url),
    }


def _size(title: str) -> str:
    return "longest" if len(title) > LONGEST else "long" if len(title) > LONG else ""


def qr(address: str) -> Markup:
    """A QR code as SVG without a style of its own; it still reads when 15 % of it are gone (level M, or better)."""
    code = segno.make(address, error="m", micro=False)
    return Markup(code.svg_inline(border=QUIET, omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704 - ours
