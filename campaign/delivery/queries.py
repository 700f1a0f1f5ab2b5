"""What is handed in: numbers by country, the text that was signed, names page by page, how the ledger stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, func, literal, select, tuple_

from campaign.campaigns.models import Campaign, TextVersion
from campaign.campaigns.queries import versions
from campaign.db import db
from campaign.delivery.models import Dossier
from campaign.ledger.queries import last_entry
from campaign.mailing.models import Reader
from campaign.organizers.models import Errand, Organizer
from campaign.signing.counting.queries import OTHERS, statistics
from campaign.signing.invalidating.queries import invalidations
from campaign.signing.models import Signature
from campaign.signing.queries import is_confirmed
from campaign.statements.queries import Voice, published_statements

NAMES = 1000
"""How many names one page of the list holds: as many as are in memory at a time."""

LATEST = 500
"""Among how many of the newest statements those of one country are looked for."""

EXPORT_LASTS = timedelta(days=1)
EXPORT_CONTACTS = "export_contacts"


class ShownName(NamedTuple):
    """A signer as they chose to show."""

    name: str
    affiliation: str | None
    city: str | None
    country: str
    signed_at: datetime


@dataclass(frozen=True)
class SignedText:
    """A text that was signed: since when it stood, and by how many it was signed; None where there is but one."""

    text: TextVersion
    locale: str
    since: datetime | None = None
    count: int | None = None


@dataclass(frozen=True)
class LedgerState:
    """How the ledger stands: its last entry, and how many entries add to the count and take from it."""

    number: int = 0
    count: int = 0
    entered_at: datetime | None = None

    @property
    def taken(self) -> int:
        """Entries that took one from the count; each adds or takes one, so number and count tell it."""
        return (self.number - self.count) // 2

    @property
    def added(self) -> int:
        """Entries that added one to the count."""
        return self.number - self.taken


@dataclass(frozen=True)
class Export:
    """An export of contacts, without what is in it."""

    id: UUID
    organizer_id: int
    username: str
    state: str
    done: int
    total: int
    made_at: datetime
    ended_at: datetime | None
    people: int
    has_file: bool


def dossier_of(campaign_id: int, number: int) -> Dossier | None:
    """A campaign's dossier by its number."""
    return db.session.scalar(select(Dossier).where(Dossier.campaign_id == campaign_id, Dossier.number == number))


def newest_dossiers(campaign_id: int, limit: int = 10) -> Sequence[Dossier]:
    """The dossiers of a campaign that were made last."""
    made = select(Dossier).where(Dossier.campaign_id == campaign_id).order_by(Dossier.number.desc())
    return db.session.scalars(made.limit(limit)).all()


def last_dossier(campaign_id: int, locale: str) -> Dossier | None:
    """The last one in a language."""
    made = select(Dossier).where(Dossier.campaign_id == campaign_id, Dossier.locale == locale)
    return db.session.scalar(made.order_by(Dossier.number.desc()).limit(1))


def count_by_country(campaign_id: int) -> dict[str, int]:
    """How many signatures count, by country, the most first. Reads all of them: for a dossier, never for a form."""
    counted = select(Signature.country, func.count().label("people")).where(
        Signature.campaign_id == campaign_id, is_confirmed()
    )
    rows = db.session.execute(counted.group_by(Signature.country).order_by(func.count().desc(), Signature.country))
    return {row.country: row.people for row in rows}


def known_countries(campaign_id: int) -> dict[str, int]:
    """The same as it was counted last, for forms: at most so many countries as statistics name."""
    known = statistics(campaign_id)
    if known is None:
        return count_by_country(campaign_id)
    return {country: people for country, people in known.breakdowns["country"].items() if country != OTHERS}


def invalidated_by_reason(campaign_id: int) -> dict[str, int]:
    """How many signatures were taken out and not put back, by the reason that was given."""
    standing = [one for one in invalidations(campaign_id) if one.undone_at is None]
    reasons = dict.fromkeys(one.reason for one in standing)
    return {reason: sum(one.taken for one in standing if one.reason == reason) for reason in reasons}


def signed_texts(campaign: Campaign, locale: str) -> list[SignedText]:
    """The texts that were signed in this language, the present one last; with numbers, where there are several."""
    text = campaign.text_in(locale)
    standing = versions(campaign.id, text.locale)
    if len(standing) == 1:
        return [SignedText(standing[0], text.locale)]
    signed = _count_by_version(campaign.id)
    oldest_first = sorted(standing, key=lambda version: version.number)
    return [SignedText(one, one.locale, one.made_at, signed.get(one.id, 0)) for one in oldest_first]


def _count_by_version(campaign_id: int) -> dict[int | None, int]:
    counted = select(Signature.text_version_id.label("version"), func.count().label("people")).where(
        Signature.campaign_id == campaign_id, is_confirmed()
    )
    return {row.version: row.people for row in db.session.execute(counted.group_by(Signature.text_version_id))}


def ledger_state(campaign_id: int) -> LedgerState:
    """How the ledger of a campaign stands."""
    last = last_entry(campaign_id)
    return LedgerState(last.number, last.count, last.entered_at) if last else LedgerState()


def chosen_statements(campaign_id: int, country: str | None, limit: int) -> list[Voice]:
    """At most so many published statements, newest first; of one country, of those who show that they are from it."""
    if not limit or country is None:
        return published_statements(campaign_id, limit) if limit else []
    latest = published_statements(campaign_id, LATEST)
    return [voice for voice in latest if voice.country == country][:limit]


def shown_names(campaign_id: int, country: str | None) -> Iterator[list[ShownName]]:
    """The names that are shown, in the order of signing, a page at a time; no transaction stays open in between."""
    after: tuple[datetime, int] | None = None
    while True:
        page = _page_of_names(campaign_id, country, after)
        if page:
            yield [ShownName(*shown) for *shown, _id in page]
        if len(page) < NAMES:
            return
        after = page[-1].confirmed_at, page[-1].id


_Row = Row[*tuple[Any, ...]]


def _page_of_names(campaign_id: int, country: str | None, after: tuple[datetime, int] | None) -> list[_Row]:
    listed = select(
        Signature.public_name,
        Signature.affiliation,
        Signature.city,
        Signature.country,
        Signature.confirmed_at,
        Signature.id,
    ).where(Signature.campaign_id == campaign_id, is_confirmed(), Signature.public_name.is_not(None))
    if country is not None:
        listed = listed.where(Signature.country == country)
    if after is not None:
        listed = listed.where(tuple_(Signature.confirmed_at, Signature.id) > after)
    page = list(db.session.execute(listed.order_by(Signature.confirmed_at, Signature.id).limit(NAMES)))
    db.session.rollback()  # whoever reads slowly holds no lock and no connection
    return page


def agreed_to_contact(campaign_id: int, after_id: int, limit: int) -> Sequence[tuple[Signature, Reader]]:
    """A page of those who count, agreed to be written to and did not unsubscribe, in the order of their ids."""
    agreed = (
        select(Signature, Reader)
        .join(Reader, Reader.id == Signature.reader_id)
        .where(
            Signature.campaign_id == campaign_id,
            Signature.id > after_id,
            is_confirmed(),
            Signature.may_contact == literal(True),
            Reader.unsubscribed_at.is_(None),
        )
    )
    rows = db.session.execute(agreed.order_by(Signature.id).limit(limit))
    return [(signature, reader) for signature, reader in rows]


def count_agreed(campaign_id: int) -> int:
    """How many those are."""
    counted = (
        select(func.count())
        .select_from(Signature)
        .join(Reader, Reader.id == Signature.reader_id)
        .where(
            Signature.campaign_id == campaign_id,
            is_confirmed(),
            Signature.may_contact == literal(True),
            Reader.unsubscribed_at.is_(None),
        )
    )
    return db.session.scalar(counted) or 0


def exports(campaign_id: int, now: datetime) -> list[Export]:
    """The exports of contacts that still are there, newest first."""
    return _exports(campaign_id, now, None)


def export_of(campaign_id: int, errand_id: UUID, now: datetime) -> Export | None:
    """One of them."""
    return next(iter(_exports(campaign_id, now, errand_id)), None)


def _exports(campaign_id: int, now: datetime, errand_id: UUID | None) -> list[Export]:
    asked = (
        select(Errand.id, Errand.organizer_id, Organizer.username, Errand.state, Errand.done, Errand.total,
               Errand.made_at, Errand.ended_at, Errand.result, Errand.file.is_not(None).label("has_file"))
        .join(Organizer, Organizer.id == Errand.organizer_id)
        .where(Errand.campaign_id == campaign_id, Errand.kind == EXPORT_CONTACTS)
        .where(Errand.ended_at.is_(None) | (Errand.ended_at > now - EXPORT_LASTS))
    )  # fmt: skip
    if errand_id is not None:
        asked = asked.where(Errand.id == errand_id)
    rows = db.session.execute(asked.order_by(Errand.made_at.desc(), Errand.id))
    return [
        Export(
            id=row.id,
            organizer_id=row.organizer_id,
            username=row.username,
            state=row.state,
            done=row.done or 0,
            total=row.total or 0,
            made_at=row.made_at,
            ended_at=row.ended_at,
            people=(row.result or {}).get("people", 0),
            has_file=row.has_file,
        )
        for row in rows
    ]
