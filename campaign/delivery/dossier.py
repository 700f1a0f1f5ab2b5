"""The dossier as HTML to print: told piece by piece, so that a million names need no more memory than a thousand."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from flask import current_app
from flask_babel import gettext as _

from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.delivery.models import Dossier
from campaign.delivery.operations import addressees
from campaign.delivery.queries import (
    ShownName,
    chosen_statements,
    count_by_country,
    invalidated_by_reason,
    ledger_state,
    shown_names,
    signed_texts,
)
from campaign.i18n import speaking
from campaign.statements.queries import backers, published_endorsements

PIECE = 32 * 1024
"""Characters: what is sent at a time."""


MOST_ENDORSEMENTS = 1000
"""So many stand in a dossier."""


class Names:
    """The names of a dossier, page by page; it counts them as they go by, so that nothing is read twice."""

    def __init__(self, pages: Iterable[list[ShownName]], total: int) -> None:
        self._pages = pages
        self._total = total
        self.shown = 0

    def pages(self) -> Iterator[list[ShownName]]:
        """A page of names after the other."""
        for page in self._pages:
            self.shown += len(page)
            yield page

    @property
    def unshown(self) -> int:
        """How many appear only in the count; known when all pages have gone by."""
        return max(0, self._total - self.shown)


def told(dossier_id: int, now: datetime) -> Iterator[str]:
    """The dossier's page, in the dossier's language, in pieces; read in a session of its own, after the view's."""
    dossier = db.session.get_one(Dossier, dossier_id)
    campaign = db.session.get_one(Campaign, dossier.campaign_id)
    with speaking(dossier.locale):
        values = _values(campaign, dossier, now)
        current_app.update_template_context(values)
        page = current_app.jinja_env.get_template("delivery/dossier.html")
        yield from _in_pieces(page.generate(values))


def _values(campaign: Campaign, dossier: Dossier, now: datetime) -> dict[str, object]:
    """All that the page shows; only names are read while it is being told."""
    by_country = count_by_country(campaign.id)
    total = by_country.get(dossier.country, 0) if dossier.country else sum(by_country.values())
    return {
        "campaign": campaign,
        "text": campaign.text_in(dossier.locale),
        "dossier": dossier,
        "now": now,
        "targets": addressees(campaign, dossier.locale),
        "by_country": by_country,
        "total": total,
        "signed": signed_texts(campaign, dossier.locale),
        "endorsements": published_endorsements(campaign.id, dossier.locale, MOST_ENDORSEMENTS),
        "endorsed": backers(campaign.id),
        "statements": chosen_statements(campaign.id, dossier.country, dossier.statements),
        "names": Names(shown_names(campaign.id, dossier.country), total) if dossier.has_names else None,
        "ledger": ledger_state(campaign.id),
        "invalidated": invalidated_by_reason(campaign.id),
    }


def _in_pieces(small: Iterator[str]) -> Iterator[str]:
    piece, length = [], 0
    for part in small:
        piece.append(part)
        length += len(part)
        if length >= PIECE:
            yield "".join(piece)
            piece, length = [], 0
    yield "".join(piece)


_MARGINS = """@page { @top-center { content: %s; } @bottom-center { content: %s; } }
@page cover { @top-center { content: none; } @bottom-center { content: none; } }
"""


def running(title: str, locale: str) -> str:
    """The stylesheet of a dossier's margins: its title on top, the sheet's number at the foot, none on the cover."""
    with speaking(locale):
        before, _page, rest = _("Page %(page)s of %(pages)s", page="\0", pages="\1").partition("\0")
        between, _pages, after = rest.partition("\1")
    foot = f"{_string(before)} counter(page) {_string(between)} counter(pages) {_string(after)}"
    return _MARGINS % (_string(title), foot)


def _string(text: str) -> str:
    """A string of CSS that cannot end before its end: all but plain letters and digits by their numbers."""
    return '"' + "".join(char if char.isascii() and char.isalnum() else f"\\{ord(char):06x}" for char in text) + '"'
