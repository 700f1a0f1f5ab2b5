"""Drafts, as their entry will read; what they lack, and whom they would be told to."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from babel import Locale
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from sqlalchemy import func, select

from campaign.campaigns.queries import in_locale
from campaign.db import db
from campaign.i18n import current_locale
from campaign.timeline.models import Draft, DraftLook, Kind, Status, Update
from campaign.timeline.queries import Change, Entry

Readers = Mapping[str, Mapping[str, int]]
"""How many readers want which news, by locale."""

LOOKS_FOR = timedelta(minutes=2)
"""So long after opening a draft somebody counts as looking at it."""

UNNUMBERED = 2**31 - 1
"""A draft has no number yet; it comes after all that is published."""


def open_draft(campaign_id: int, draft_id: int) -> Draft | None:
    """A draft of this campaign, published or not, for whoever is to change it: others wait until that is done."""
    found = select(Draft).where(Draft.campaign_id == campaign_id, Draft.id == draft_id)
    return db.session.scalar(found.with_for_update(of=Draft).execution_options(populate_existing=True))


def draft(campaign_id: int, draft_id: int) -> Draft | None:
    """A draft of this campaign, published or not, to look at."""
    return db.session.scalar(select(Draft).where(Draft.campaign_id == campaign_id, Draft.id == draft_id))


def open_drafts(campaign_id: int) -> Sequence[Draft]:
    """The drafts that are not published, the last one saved first; there is a limit to how many there can be."""
    found = select(Draft).where(Draft.campaign_id == campaign_id, Draft.update_id.is_(None))
    return db.session.scalars(found.order_by(Draft.saved_at.desc(), Draft.id.desc())).all()


def due_draft(now: datetime) -> Draft | None:
    """A draft whose time has come, held until the transaction ends; one that another worker holds is left to it."""
    found = select(Draft).where(Draft.publish_at.is_not(None), Draft.publish_at <= now).order_by(Draft.publish_at)
    return db.session.scalar(
        found.limit(1).with_for_update(of=Draft, skip_locked=True).execution_options(populate_existing=True)
    )


def lookers(draft_id: int, but: int, now: datetime) -> Sequence[int]:
    """Which other organizers had the draft open in the last two minutes."""
    found = select(DraftLook.organizer_id).where(
        DraftLook.draft_id == draft_id, DraftLook.organizer_id != but, DraftLook.seen_at > now - LOOKS_FOR
    )
    return db.session.scalars(found.order_by(DraftLook.organizer_id)).all()


def draft_changes(draft: Draft, on: date) -> list[Change]:
    """The statuses that a draft would set."""
    day = draft.occurred_on or on
    return [
        Change(int(person), status, 0, UNNUMBERED, day, draft.corrects_id) for person, status in draft.statuses.items()
    ]


def draft_entry(draft: Draft, locale: str, today: date) -> Entry:
    """A draft as its entry will read in a locale."""
    campaign = draft.campaign
    text_locale, title, body = draft.text_in(locale)
    people = {person.id: in_locale(person.name, locale, campaign.locale) for person in campaign.people}
    return Entry(
        number=(db.session.scalar(select(func.max(Update.number)).where(Update.campaign_id == campaign.id)) or 0) + 1,
        kind=draft.kind or Kind.NEWS,
        occurred_on=draft.occurred_on or today,
        published_at=None,
        title=title,
        body=body,
        locale=text_locale,
        sources=draft.sources,
        changes=[(people[int(at)], status) for at, status in draft.statuses.items() if int(at) in people],
        corrects=draft.corrects.number if draft.corrects else None,
        corrected_by=[],
        retracted_at=None,
        retraction=None,
    )


def reached(draft: Draft, readers: Readers) -> dict[str, int]:
    """How many readers a draft would be told to, by locale."""
    wanting = ("all", "status") if draft.is_status else ("all",)
    counted = {locale: sum(wishes.get(news, 0) for news in wanting) for locale, wishes in readers.items()}
    return {locale: count for locale, count in counted.items() if count}


def reached_weekly(readers: Readers) -> int:
    """How many readers will hear of it on Monday only, in the letter of the week."""
    return sum(wishes.get("weekly", 0) for wishes in readers.values())


def needs_second(draft: Draft, readers: Readers) -> bool:
    """Whether the campaign asks for a second organizer before this is published; weekly letters count like others."""
    campaign = draft.campaign
    count = sum(reached(draft, readers).values()) + reached_weekly(readers)
    above = campaign.second_above is not None and count > campaign.second_above
    ends = {Status.RELEASED, Status.KILLED} & set(draft.statuses.values())
    return above or (campaign.second_for_status and bool(ends))


def obstacles(draft: Draft) -> list[str]:
    """What keeps a draft from being published, in sentences."""
    written = [text for text in draft.texts.values() if text["title"] or text["body"]]
    is_correction = draft.kind == Kind.CORRECTION
    found = {
        _("Please say what kind of news this is."): draft.kind is None,
        _("Please give the day on which it happened."): draft.occurred_on is None,
        _("Nothing is written yet: give a title and a text in at least one language."): not written,
        _("Please choose the entry that this corrects."): is_correction and draft.corrects is None,
        _("Only a correction corrects an entry. Please choose that kind, or take the entry out."): draft.corrects
        is not None
        and not is_correction,
    }
    halves = [locale for locale, text in draft.texts.items() if bool(text["title"]) != bool(text["body"])]
    return [
        *(sentence for sentence, holds in found.items() if holds),
        *(_("%(language)s: a text needs both a title and a body.", language=language_name(at)) for at in halves),
    ]


def gaps(draft: Draft, readers: Readers, today: date) -> list[str]:
    """What a draft lacks, and may lack, in sentences."""
    is_past = draft.kind not in (None, Kind.HEARING, Kind.ACTION)
    found = {
        _("No source is given."): not draft.sources,
        _("No person is chosen although the kind is a change of status."): draft.kind == Kind.STATUS
        and not draft.statuses,
        _("The day lies in the future."): is_past and draft.occurred_on is not None and draft.occurred_on > today,
    }
    return [*(sentence for sentence, holds in found.items() if holds), *_untranslated(draft, readers)]


def _untranslated(draft: Draft, readers: Readers) -> list[str]:
    """Which languages of the campaign and of its readers have no text, and what those readers get."""
    reach, sentences = reached(draft, readers), []
    for locale in dict.fromkeys([*(text.locale for text in draft.campaign.texts), *reach]):
        instead, title, _text = draft.text_in(locale)
        if instead != locale and title:
            count = reach.get(locale, 0)
            named = {"language": language_name(locale), "other": language_name(instead), "count": format_decimal(count)}
            sentences.append(
                ngettext(
                    "No %(language)s text: %(count)s reader will get it in %(other)s.",
                    "No %(language)s text: %(count)s readers will get it in %(other)s.",
                    count,
                    **named,
                )
            )
    return sentences


def language_name(code: str) -> str:
    """The name of a language in the locale in force."""
    return str(Locale.parse(code).get_display_name(current_locale()) or code)
