"""The letter of the week: changes of status first, then other news, then what is taken back."""

from collections.abc import Sequence
from html import unescape

import nh3
from flask_babel import gettext as _

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.i18n import current_locale
from campaign.links import public_url
from campaign.mailing.letters import Letter, render_letter
from campaign.mailing.models import Mailing
from campaign.signing.queries import progress
from campaign.timeline.digest.queries import updates_of, week_before
from campaign.timeline.models import Update
from campaign.timeline.queries import Entry, entry, freedom, standings
from campaign.web import render_markdown

EXCERPT = 280
"""About so many characters of an entry stand in the letter; the rest is behind the link."""


def week(campaign_id: int, mailing_id: int | None) -> Letter:
    """Tells what was told in a week; joy first, when somebody's release made everybody free."""
    campaign = db.session.get_one(Campaign, campaign_id)
    mailing = db.session.get_one(Mailing, mailing_id)
    parts = _parts(updates_of(mailing.id))
    people = standings(campaign, current_locale(), clock.today())
    is_new = any(told.changes for told in parts["status"])
    return render_letter(
        "digest",
        _subject(parts),
        campaign.slug,
        campaign=campaign,
        text=campaign.text_in(current_locale()),
        week=week_before(mailing.digest_of) if mailing.digest_of else None,
        parts=parts,
        people=people,
        freed=freedom(people) if is_new else None,
        progress=progress(campaign),
        excerpt=excerpt,
        page_url=public_url("pages.campaign", slug=campaign.slug),
    )


def _parts(updates: Sequence[Update]) -> dict[str, list[Entry]]:
    """The entries, in the order in which the letter tells them."""
    parts: dict[str, list[Entry]] = {"status": [], "news": [], "retracted": []}
    for update in updates:
        part = "retracted" if update.retracted_at else "status" if update.is_status else "news"
        parts[part].append(entry(update, current_locale()))
    return parts


def _subject(parts: dict[str, list[Entry]]) -> str:
    first = next(told for part in parts.values() for told in part)
    if first.retracted_at is not None:
        return _("Taken back: %(title)s", title=first.title)
    return _("The week: %(title)s", title=first.title)


def excerpt(body: str) -> str:
    """The first words of a text in Markdown, without its marks."""
    words = unescape(nh3.clean(str(render_markdown(body)), tags=set())).split()
    text = " ".join(words)
    if len(text) <= EXCERPT:
        return text
    return f"{text[:EXCERPT].rpartition(' ')[0] or text[:EXCERPT]} …"
