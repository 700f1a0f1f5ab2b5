"""Statements and endorsements: what is published, by pages, and what one has endorsed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, tuple_

from campaign.campaigns.queries import in_locale
from campaign.db import db
from campaign.mailing.models import Delivery
from campaign.signing.models import Appear, Signature
from campaign.signing.queries import is_confirmed
from campaign.statements.models import (
    Endorsement,
    EndorsementState,
    Statement,
    StatementState,
)

PAGE = 30
MOST_ENDORSEMENTS = 12
"""So many endorsements stand on a campaign's page, and on a page of all of them thirty."""

CONFIRM_ENDORSEMENT = "confirm_endorsement"


def is_in(model: type[Statement] | type[Endorsement], *states: str) -> ColumnElement[bool]:
    """The predicate of the partial indexes, word for word: a bound value would not match them."""
    if len(states) == 1:
        return model.state == literal(states[0], literal_execute=True)
    return model.state.in_([literal(state, literal_execute=True) for state in states])


def is_unconfirmed() -> ColumnElement[bool]:
    """Whether nobody has confirmed an endorsement yet."""
    return is_in(Endorsement, EndorsementState.UNCONFIRMED.value)


# What everybody sees


@dataclass(frozen=True)
class Voice:
    """A statement as it shows: with the name that the signer chose to show, or none."""

    id: int
    body: str
    locale: str
    name: str | None
    country: str | None
    published_at: datetime
    is_chosen: bool = False

    @property
    def place(self) -> "Place":
        """Where it stands in a list."""
        return self.is_chosen, self.published_at, self.id


Place = tuple[bool, datetime, int]
"""Where a statement stands: whether it is chosen, when it was published, its number."""


class Order(StrEnum):
    """Which statements come first: those that the organizers chose, then the newest; or the newest in any case."""

    CHOSEN = "chosen"
    NEWEST = "newest"


_PLACES = {
    Order.CHOSEN: (Statement.is_chosen, Statement.published_at, Statement.id),
    Order.NEWEST: (Statement.published_at, Statement.id),
}


def published_statements(
    campaign_id: int, limit: int, after: Place | None = None, order: Order = Order.NEWEST, country: str | None = None
) -> list[Voice]:
    """Published statements of those whose signature counts; `after` is the last one's place.

    Those of a country are those whose signers show that they are from it.
    """
    published = (
        select(Statement.id, Statement.body, Statement.locale, Signature.public_name, Signature.country,
               Signature.appear, Statement.published_at, Statement.is_chosen)
        .join(Signature, Signature.id == Statement.signature_id)
        .where(Statement.campaign_id == campaign_id, is_confirmed(), is_in(Statement, StatementState.PUBLISHED.value))
    )  # fmt: skip
    if country is not None:
        published = published.where(Statement.country == country, Signature.appear != Appear.COUNT)
    place = _PLACES[order]
    if after is not None:
        published = published.where(tuple_(*place) < after[-len(place) :])
    rows = db.session.execute(published.order_by(*(column.desc() for column in place)).limit(limit))
    return [_voice(row) for row in rows]


def _voice(row: Any) -> Voice:
    country = row.country if row.appear != Appear.COUNT else None
    return Voice(row.id, row.body, row.locale, row.public_name, country, row.published_at, row.is_chosen)


def has_statement(signature_id: int) -> bool:
    """Whether a signature has a statement, published or not."""
    return db.session.scalar(select(Statement.id).where(Statement.signature_id == signature_id)) is not None


def statement_of(signature_id: int) -> Statement | None:
    """The statement of a signature, published or not."""
    return db.session.scalar(select(Statement).where(Statement.signature_id == signature_id))


@dataclass(frozen=True)
class Backing:
    """An endorsement as it shows, its statement in one language; `weight` orders: the members spoken for."""

    id: int
    weight: int
    organisation: str
    country: str | None
    represents: int | None
    speaker: str | None
    office: str | None
    is_personal: bool
    source: str | None
    statement: str
    locale: str


_WEIGHT: ColumnElement[int] = case((Endorsement.is_personal, 0), else_=func.coalesce(Endorsement.represents, 0))


def published_endorsements(
    campaign_id: int, locale: str, limit: int, after: tuple[int, int] | None = None
) -> list[Backing]:
    """The approved endorsements, those that speak for most first; `after` is the last one's (weight, id)."""
    approved = select(Endorsement, _WEIGHT.label("weight")).where(
        Endorsement.campaign_id == campaign_id, is_in(Endorsement, EndorsementState.PUBLISHED.value)
    )
    if after is not None:
        weight, last = after
        approved = approved.where(or_(weight > _WEIGHT, and_(weight >= _WEIGHT, Endorsement.id > last)))
    rows = db.session.execute(approved.order_by(_WEIGHT.desc(), Endorsement.id).limit(limit))
    return [_backing(row.Endorsement, row.weight, locale) for row in rows]


def _backing(found: Endorsement, weight: int, locale: str) -> Backing:
    texts = found.statement or {}
    spoken = locale if locale in texts else next(iter(texts), locale)
    return Backing(
        found.id, weight, found.organisation or "", found.country, found.represents, found.speaker, found.office,
        found.is_personal, found.source, in_locale(texts, spoken, spoken), spoken,
    )  # fmt: skip


@dataclass(frozen=True)
class Backers:
    """How many organisations endorse, how many people they speak for, and how many endorse in a personal capacity."""

    organisations: int
    people: int
    persons: int

    @property
    def count(self) -> int:
        """How many endorsements there are."""
        return self.organisations + self.persons


def backers(campaign_id: int) -> Backers:
    """The sum of the approved endorsements; who speaks in a personal capacity speaks for no member."""
    personal = func.count().filter(Endorsement.is_personal)
    counted = select(func.count(), personal, func.sum(_WEIGHT)).where(
        Endorsement.campaign_id == campaign_id, is_in(Endorsement, EndorsementState.PUBLISHED.value)
    )
    count, persons, people = db.session.execute(counted).one()
    return Backers(count - persons, int(people or 0), persons)


# What whoever endorses sees


def endorsement_of(delivery: Delivery | None) -> Endorsement | None:
    """The endorsement that a letter's link confirms."""
    if delivery is None or delivery.letter != CONFIRM_ENDORSEMENT or delivery.reader_id is None:
        return None
    found = select(Endorsement).where(
        Endorsement.id == delivery.subject_id, Endorsement.reader_id == delivery.reader_id
    )
    return db.session.scalar(found)


def newest_unconfirmed(reader_id: int) -> int | None:
    """The newest endorsement that a reader has not confirmed yet."""
    newest = select(Endorsement.id).where(Endorsement.reader_id == reader_id, is_unconfirmed())
    return db.session.scalar(newest.order_by(Endorsement.id.desc()).limit(1))


def endorsements_by(reader_id: int) -> Sequence[Endorsement]:
    """What a reader has endorsed and confirmed."""
    confirmed = select(Endorsement).where(Endorsement.reader_id == reader_id, ~is_unconfirmed())
    return db.session.scalars(confirmed.order_by(Endorsement.id)).all()
