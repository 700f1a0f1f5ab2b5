"""What a card says: what the campaign's page says, in fewer words, and with a count that seldom changes."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from html import unescape
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from campaign.campaigns.models import Campaign, CampaignState
from campaign.i18n import country_name, direction, long_date
from campaign.ledger.queries import public_count
from campaign.sharing.cards.bidi import END, FIRST_STRONG
from campaign.sharing.cards.lettering import SPACE, Words, clean
from campaign.timeline.queries import Freedom, Standing, glance

EDITION = 1
"""Grows with each change of how cards are drawn: those that are kept are then drawn anew."""

_NAME = re.compile(r"<bdi>(.*?)</bdi>")
_LOUD = re.compile(r"<b\b[^>]*>(.*?)</b>")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Face:
    """A person: the name, the drawing of how they stand, the photo's name if there is one."""

    name: Words
    drawing: str
    is_free: bool
    photo: str | None


@dataclass(frozen=True)
class Shown:
    """All that a card shows. Drawings are SVG, as the pages have them; what is not there is without words."""

    locale: str
    state: str
    kicker: tuple[Words, ...]
    title: Words
    whose: Words
    drawing: str
    status: Words
    standing: Words
    count: Words
    brand: str
    site: Words
    faces: tuple[Face, ...]

    @property
    def direction(self) -> str:
        """Where its lines begin: 'rtl' or 'ltr'."""
        return direction(self.locale)

    @property
    def digest(self) -> str:
        """Stands for all that is drawn, and for how."""
        return hashlib.sha256(json.dumps([EDITION, asdict(self)]).encode()).hexdigest()[:32]


def shown(campaign: Campaign, locale: str, today: date) -> Shown:
    """What the campaign's card shows in a language, which is to be the one in force."""
    seen = glance(campaign, locale, today)
    people, freed, is_won, text = seen.people, seen.freed, seen.is_won, seen.text
    title = written(text.title, text.locale)
    only = people[0] if len(people) == 1 else None
    is_named = only is not None and (is_won or only.name in text.title)
    nothing = Words("", locale)
    return Shown(
        locale=locale,
        state=CampaignState.WON if is_won else campaign.state,
        kicker=tuple(_kicker(campaign, locale, title if is_won else None)),
        title=upper(_said("headline", locale, people, freed) if is_won else title),
        whose=_said("whose", locale, only) if only and not is_named else nothing,
        drawing=_drawing(only.status) if only and only.status else "",
        status=_said("status_of", locale, only) if only and only.status else nothing,
        standing=_standing(people, freed, locale),
        count=_signed(campaign, locale),
        brand=_drawing("bars"),
        site=Words(_("Campaign"), locale),
        faces=tuple(_faces(campaign, people, locale)),
    )


def written(text: str, language: str) -> Words:
    """What people wrote, as far as it can be drawn."""
    return Words(clean(text, language), language, is_own=False)


def upper(words: Words) -> Words:
    """In capitals, where the script has them."""
    louder = words.text.upper() if words.direction == "ltr" else words.text
    return Words(louder, words.language, is_own=words.is_own)


def rounded(count: int) -> int:
    """A count of which two figures are left: 1,284 is 1,200."""
    unit = int(10 ** max(len(str(count)) - 2, 0))
    return count // unit * unit


def _kicker(campaign: Campaign, locale: str, title: Words | None) -> Iterator[Words]:
    """The small line above all: of what is won the title, else the country; the hashtag; the day of telling."""
    if title is not None:
        yield upper(title)
    elif campaign.country:
        yield upper(Words(country_name(campaign.country), locale))
    if campaign.state == CampaignState.ENDED:
        yield Words(_("This campaign has ended."), locale)
    if campaign.told_as_of:
        yield Words(_("Told as it stood on %(date)s", date=long_date(campaign.told_as_of)), locale)
    if campaign.hashtag:
        yield written(campaign.hashtag, locale)


def _standing(people: Sequence[Standing], freed: Freedom | None, locale: str) -> Words:
    """For how long, or after how long it ended; of several, how many are free."""
    if len(people) == 1 and people[0].status:
        return _said("lasting", locale, people[0])
    if freed:
        return _said("ended", locale, freed)
    return _said("freed_of", locale, people) if len(people) > 1 else Words("", locale)


def _signed(campaign: Campaign, locale: str) -> Words:
    count = public_count(campaign.id)
    known = rounded(count)
    return _said("signed", locale, known, known < count, campaign.is_signable)


def _faces(campaign: Campaign, people: Sequence[Standing], locale: str) -> Iterator[Face]:
    for person, standing in zip(campaign.people, people, strict=True):
        photo = person.photo.name if person.photo else None
        yield Face(written(standing.name, locale), _drawing(standing.status or "other"), standing.is_free, photo)


def _drawing(name: str) -> str:
    return str(_template("_icons.html").drawings.get(name, ""))


def _said(macro: str, locale: str, *about: object) -> Words:
    """What the page's template says, as words: the number in <b> is loud, a name in <bdi> is by itself."""
    html = getattr(_template("sharing/_card.html"), macro)(*about)
    html = _NAME.sub(lambda name: FIRST_STRONG + clean(unescape(name[1]), locale) + END, SPACE.sub(" ", str(html)))
    before, *loud = _LOUD.split(html.strip(), maxsplit=1)
    parts = [unescape(_TAG.sub("", part)) for part in (before, *loud)]
    start = len(parts[0])
    return Words("".join(parts), locale, (start, start + len(parts[1])) if loud else (0, 0))


def _template(name: str) -> Any:
    return current_app.jinja_env.get_template(name).module
