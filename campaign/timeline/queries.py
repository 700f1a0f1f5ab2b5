"""The timeline as readers see it, and how each person stands by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, tuple_
from sqlalchemy.orm import joinedload, selectinload

from campaign.campaigns.models import Campaign, CampaignState, CampaignText
from campaign.campaigns.queries import in_locale
from campaign.db import db
from campaign.mailing.models import Mailing
from campaign.timeline.models import Status, StatusChange, Update

PAGE = 20


@dataclass(frozen=True)
class Standing:
    """How it stands with a person: the status, and for how many days since it began."""

    name: str
    role: str
    age: int | None
    status: str | None
    since: date
    changed_on: date | None
    days: int

    @property
    def is_free(self) -> bool:
        """Whether the person came free."""
        return self.status == Status.RELEASED


@dataclass(frozen=True)
class Freedom:
    """Every person is free: since when, and how many days after the first was taken."""

    on: date
    days: int


@dataclass(frozen=True)
class Glance:
    """How a campaign stands on a day, in one language."""

    campaign: Campaign
    text: CampaignText
    people: list[Standing]
    freed: Freedom | None
    is_won: bool


@dataclass(frozen=True)
class Entry:
    """An update in one language, as the timeline shows it."""

    number: int
    kind: str
    occurred_on: date
    published_at: object
    title: str
    body: str
    locale: str
    sources: list[str]
    changes: list[tuple[str, str]]
    corrects: int | None
    corrected_by: list[int]
    retracted_at: object
    retraction: str | None


@dataclass(frozen=True)
class Change:
    """A change of status that an update sets."""

    person_id: int
    status: str
    id: int
    number: int
    occurred_on: date
    corrects_id: int | None


def standings(campaign: Campaign, locale: str, today: date, beyond: Sequence[Change] = ()) -> list[Standing]:
    """How it stands with each person, by what is published and not retracted; `beyond`: as if these were, too."""
    latest = _latest_changes(campaign.id, beyond)
    return [_standing(campaign, person, latest.get(person.id), locale, today) for person in campaign.people]


def freedom(people: Sequence[Standing]) -> Freedom | None:
    """Whether every person is free, and since when."""
    if not people or not all(person.is_free for person in people):
        return None
    on = max(person.changed_on or person.since for person in people)
    return Freedom(on, (on - min(person.since for person in people)).days)


def glance(campaign: Campaign, locale: str, today: date) -> Glance:
    """How a campaign stands. It is won once everybody is free, or when the organizers say so."""
    people = standings(campaign, locale, today)
    freed = freedom(people)
    is_won = freed is not None or campaign.state == CampaignState.WON
    return Glance(campaign, campaign.text_in(locale), people, freed, is_won)


def _standing(campaign: Campaign, person, change, locale: str, today: date) -> Standing:  # type: ignore[no-untyped-def]
    changed_on, status = change or (None, None)
    has_ended = status in (Status.RELEASED, Status.KILLED, Status.DEPORTED)
    until = changed_on if has_ended else campaign.day_of_telling(today)
    return Standing(
        name=in_locale(person.name, locale, campaign.locale),
        role=in_locale(person.role, locale, campaign.locale),
        age=person.age,
        status=status,
        since=person.since,
        changed_on=changed_on,
        days=max((until - person.since).days, 0),
    )


def _latest_changes(campaign_id: int, beyond: Sequence[Change]) -> dict[int, tuple[date, str]]:
    """Each person's last change of status. A correction's stands in the place of the one that it corrects."""
    found = db.session.execute(
        select(
            StatusChange.person_id,
            StatusChange.status,
            Update.id,
            Update.number,
            Update.occurred_on,
            Update.corrects_id,
        )
        .join(Update, Update.id == StatusChange.update_id)
        .where(Update.campaign_id == campaign_id, Update.published_at.is_not(None), Update.retracted_at.is_(None))
        .order_by(Update.number)
    ).all()
    rows = [*(Change(**row._mapping) for row in found), *beyond]
    places: dict[int, tuple[date, int]] = {}
    for row in rows:  # what is corrected has the lower number, so its place is known
        places[row.id] = places.get(row.corrects_id or 0, (row.occurred_on, row.number))
    ordered = sorted(rows, key=lambda row: (*places[row.id], row.number))
    return {row.person_id: (row.occurred_on, row.status) for row in ordered}


def published_updates(campaign_id: int, limit: int, before: tuple[date, int] | None = None) -> Sequence[Update]:
    """Published updates, newest first; `before` is the last one's (occurred_on, number)."""
    published = select(Update).where(Update.campaign_id == campaign_id, Update.published_at.is_not(None))
    if before is not None:
        published = published.where(tuple_(Update.occurred_on, Update.number) < before)
    ordered = published.order_by(Update.occurred_on.desc(), Update.number.desc()).limit(limit)
    return db.session.scalars(ordered.options(*WHOLE)).all()


def published_update(campaign_id: int, number: int) -> Update | None:
    """A published update by its number."""
    found = select(Update).where(
        Update.campaign_id == campaign_id, Update.number == number, Update.published_at.is_not(None)
    )
    return db.session.scalar(found.options(*WHOLE))


def entry(update: Update, locale: str) -> Entry:
    """An update as it reads in a locale."""
    text, original = update.text_in(locale), update.campaign.locale
    return Entry(
        number=update.number,
        kind=update.kind,
        occurred_on=update.occurred_on,
        published_at=update.published_at,
        title=text.title,
        body=text.body,
        locale=text.locale,
        sources=update.sources,
        changes=[(in_locale(change.person.name, locale, original), change.status) for change in update.changes],
        corrects=update.corrects.number if update.corrects else None,
        corrected_by=[correction.number for correction in update.corrected_by if correction.published_at],
        retracted_at=update.retracted_at,
        retraction=in_locale(update.retraction_texts or {}, locale, original) or update.retraction,
    )


def mailings_by_number(updates: Sequence[Update]) -> dict[int, Mailing]:
    """The mailings of these updates, by the update's number; some are told to nobody."""
    numbers = {update.id: update.number for update in updates}
    found = db.session.scalars(select(Mailing).where(Mailing.update_id.in_(numbers)))
    return {numbers[mailing.update_id]: mailing for mailing in found if mailing.update_id}


WHOLE = (
    selectinload(Update.texts),
    selectinload(Update.changes).joinedload(StatusChange.person),
    joinedload(Update.corrects),
    selectinload(Update.corrected_by),
)
