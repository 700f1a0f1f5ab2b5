"""The poster to print: what stands on it, as much as one sheet holds, and the QR code that leads to the campaign."""

from datetime import date

import segno
from markupsafe import Markup

from campaign.campaigns.models import Campaign, CampaignState, Person
from campaign.campaigns.queries import in_locale
from campaign.links import public_url
from campaign.timeline.queries import freedom, standings

MOST_PEOPLE = 12
QUIET = 4
"""Modules left white round a QR code (ISO/IEC 18004, 9.1)."""

LONG, LONGEST = 24, 70
"""Letters of a title from which on it is set smaller."""


def hung(campaign: Campaign, locale: str, today: date) -> dict[str, object]:
    """All that the poster of a campaign shows."""
    text = campaign.text_in(locale)
    people = standings(campaign, locale, today)
    freed = freedom(people)
    is_won = freed is not None or campaign.state == CampaignState.WON
    url = public_url("pages.campaign", locale=locale, slug=campaign.slug)
    return {
        "campaign": campaign,
        "text": text,
        "people": people[:MOST_PEOPLE],
        "others": len(people[MOST_PEOPLE:]),
        "all_people": people,
        "freed": freed,
        "is_won": is_won,
        "photos": [_photo(person, locale, campaign.locale) for person in campaign.people[:MOST_PEOPLE]],
        "demands": [] if is_won else text.demands,
        "summary": (is_won and text.outcome) or text.summary,
        "size": "" if is_won else _size(text.title),
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


def _photo(person: Person, locale: str, original: str) -> dict[str, object] | None:
    """A person's photo, with the words for those who do not see it; None where there is none."""
    photo = person.photo
    if photo is None:
        return None
    alt = in_locale(photo.alt, locale, original) or in_locale(person.name, locale, original)
    return {"name": photo.name, "alt": alt, "width": photo.width, "height": photo.height}
