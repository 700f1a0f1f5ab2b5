"""The poster to print: what stands on it, as much as one sheet holds, and the QR code that leads to the campaign."""

from datetime import date

import segno

from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import photo_shown
from campaign.links import public_url
from campaign.timeline.queries import glance

MOST_PEOPLE = 12
QUIET = 4
"""Modules left white round a QR code (ISO/IEC 18004, 9.1)."""

DOTS = 24
"""Pixels along the side of a module: 300 dots per inch and more, as large as it stands on the sheet."""

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


def qr(address: str) -> str:
    """A QR code as the data URI of a PNG, fine enough for print: Tor Browser's level Safest shows no SVG.

    It still reads when 15 % of it are gone (level M, or better).
    """
    return segno.make(address, error="m", micro=False).png_data_uri(scale=DOTS, border=QUIET)
