"""The letter that tells an update, and the one by which organizers try a draft's."""

from collections.abc import Sequence
from dataclasses import replace

from flask_babel import gettext as _

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.i18n import LOCALES, current_locale, speaking
from campaign.links import public_url
from campaign.mailing.letters import Letter, LetterKind, render_letter
from campaign.signing.queries import progress
from campaign.timeline.drafting.queries import draft_changes, draft_entry
from campaign.timeline.models import Draft, Update
from campaign.timeline.queries import Entry, Standing, entry, freedom, standings


def update(campaign_id: int, update_id: int | None) -> Letter:
    """Tells an update; joy first, when it is the one that makes everybody free."""
    campaign = db.session.get_one(Campaign, campaign_id)
    locale = current_locale()
    told = entry(db.session.get_one(Update, update_id), locale)
    return _letter(campaign, told, standings(campaign, locale, clock.today()), campaign.slug)


def draft_letter(draft: Draft, *, is_listed: bool = True) -> Letter:
    """The letter that a draft will become, in the locale in force; not `is_listed`: without what readers have in it."""
    today, locale = clock.today(), current_locale()
    people = standings(draft.campaign, locale, today, draft_changes(draft, today))
    list_name = draft.campaign.slug if is_listed else None
    return _letter(draft.campaign, draft_entry(draft, locale, today), people, list_name)


def _letter(campaign: Campaign, told: Entry, people: Sequence[Standing], list_name: str | None) -> Letter:
    return render_letter(
        "update",
        told.title,
        list_name,
        campaign=campaign,
        text=campaign.text_in(current_locale()),
        update=told,
        people=people,
        freed=freedom(people) if told.changes else None,
        progress=progress(campaign),
        page_url=public_url("pages.campaign", slug=campaign.slug),
    )


def _test(locale: str, draft_id: int | None) -> Letter:
    """A draft's letter in one language, to the organizer who asked for it: no list, and no links of a reader."""
    with speaking(locale):
        letter = draft_letter(db.session.get_one(Draft, draft_id), is_listed=False)
        return replace(letter, subject=_("Test: %(title)s", title=letter.subject))


def test_kind(locale: str) -> str:
    """The kind of letter by which a draft is tried in a language."""
    return f"update_test_{locale}"


TESTS = {test_kind(code): LetterKind(lambda _campaign, draft, at=code: _test(at, draft)) for code in LOCALES}
"""The kinds of letter by which drafts are tried."""
