"""Signatures: a reader's own, and the public list by pages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, literal, select, tuple_
from sqlalchemy.orm import joinedload

from campaign.campaigns.models import SLUG, Campaign
from campaign.db import db
from campaign.ledger.models import Change, DueEntry, LedgerEntry
from campaign.ledger.queries import newest_count
from campaign.links import token_hash
from campaign.mailing.models import CONFIRM_FOLLOWING, REMIND_FOLLOWING, REMIND_SIGNATURE, Delivery, Reader
from campaign.signing.counting.models import SignatureStatistics
from campaign.signing.models import Signature, SignatureState
from campaign.signing.paper.queries import count_on_paper

PAGE = 100
FOUND = 50
LOOKED_AT = 50_000
"""So many names one search looks at: no index knows the parts of names."""

CONFIRM_SIGNATURE = "confirm_signature"
CONFIRM_A_SIGNATURE = (CONFIRM_SIGNATURE, REMIND_SIGNATURE)
TO_CONFIRM = (*CONFIRM_A_SIGNATURE, CONFIRM_FOLLOWING, REMIND_FOLLOWING)
"""The letters of this room whose links confirm."""


def is_confirmed() -> ColumnElement[bool]:
    """The predicate of the partial indexes, word for word."""
    return Signature.state == literal(SignatureState.CONFIRMED, literal_execute=True)


def is_pending() -> ColumnElement[bool]:
    """Likewise."""
    return Signature.state == literal(SignatureState.PENDING, literal_execute=True)


def confirmed_signature(reader_id: int) -> Signature | None:
    """The reader's signature that counts."""
    return db.session.scalar(select(Signature).where(Signature.reader_id == reader_id, is_confirmed()))


def standing_signature(reader_id: int) -> Signature | None:
    """The reader's signature that counts, or counted until it was invalidated."""
    return db.session.scalar(select(Signature).where(Signature.reader_id == reader_id, ~is_pending()))


def pending_signatures(reader_id: int) -> Sequence[Signature]:
    """The reader's signatures that wait for confirmation, newest first."""
    pending = select(Signature).where(Signature.reader_id == reader_id, is_pending())
    return db.session.scalars(pending.order_by(Signature.id.desc())).all()


def newest_pending_signature(reader_id: int) -> Signature | None:
    """The newest of them."""
    return next(iter(pending_signatures(reader_id)), None)


def pending_signature(campaign_id: int | None, signature_id: int) -> Signature | None:
    """A signature of a campaign, if it still waits for confirmation."""
    found = select(Signature).where(Signature.campaign_id == campaign_id, Signature.id == signature_id, is_pending())
    return db.session.scalar(found)


def reader_by_fingerprint(campaign_id: int | None, fingerprint: bytes) -> Reader | None:
    """The reader of a campaign with this fingerprint."""
    found = select(Reader).where(Reader.campaign_id == campaign_id, Reader.fingerprint == fingerprint)
    return db.session.scalar(found)


def delivery_of_link(token: str) -> Delivery | None:
    """The delivery whose letter carried this random link."""
    found = select(Delivery).where(Delivery.link_hash == token_hash(token)).options(joinedload(Delivery.reader))
    return db.session.scalar(found)


def reader_by_handle(handle: bytes | None) -> Reader | None:
    """The reader for whom a signed link stands."""
    return db.session.scalar(select(Reader).where(Reader.handle == handle)) if handle else None


@dataclass(frozen=True)
class Wanted:
    """Which of the names that are shown are wanted: those from a country, those who show an organisation, or all."""

    country: str | None = None
    organisation_key: str | None = None


def listed_signatures(
    campaign_id: int, before: tuple[datetime, int] | None, wanted: Wanted = Wanted(), limit: int = PAGE
) -> Sequence[Signature]:
    """A page of the names that are shown, newest first; `before` is the last row's (confirmed_at, id)."""
    listed = select(Signature).where(
        Signature.campaign_id == campaign_id, is_confirmed(), Signature.public_name.is_not(None)
    )
    if wanted.country is not None:
        listed = listed.where(Signature.country == wanted.country)
    if wanted.organisation_key is not None:  # said twice: the index's predicate stands there word for word
        listed = listed.where(
            Signature.organisation_key == wanted.organisation_key, Signature.organisation_key.is_not(None)
        )
    if before is not None:
        listed = listed.where(tuple_(Signature.confirmed_at, Signature.id) < before)
    return db.session.scalars(listed.order_by(Signature.confirmed_at.desc(), Signature.id.desc()).limit(limit)).all()


@dataclass(frozen=True)
class Found:
    """A page of names that were sought; where to go on, and whether there are names not looked at yet."""

    signatures: Sequence[Signature]
    end: tuple[datetime, int] | None
    is_partial: bool


def named(campaign_id: int, part: str, before: tuple[datetime, int] | None) -> Found:
    """A page of the listed names that hold a part, newest first. Only names that their owners show are looked at."""
    place = tuple_(Signature.confirmed_at, Signature.id)
    newest_first = (Signature.confirmed_at.desc(), Signature.id.desc())
    listed = [Signature.campaign_id == campaign_id, is_confirmed(), Signature.public_name.is_not(None)]
    if before is not None:
        listed.append(place < before)
    places = select(Signature.confirmed_at, Signature.id).where(*listed).order_by(*newest_first)
    last = db.session.execute(places.offset(LOOKED_AT - 1).limit(1)).first()
    if last is not None:
        listed.append(place >= (last.confirmed_at, last.id))
    holding = select(Signature).where(*listed, Signature.public_name.icontains(part, autoescape=True))
    found = db.session.scalars(holding.order_by(*newest_first).limit(FOUND)).all()
    if len(found) == FOUND:
        return Found(found, _place_of(found[-1]), False)
    return Found(found, (last.confirmed_at, last.id) if last else None, last is not None)


def _place_of(signature: Signature) -> tuple[datetime, int] | None:
    return (signature.confirmed_at, signature.id) if signature.confirmed_at else None


def signature_of(delivery: Delivery) -> Signature | None:
    """The signature that a letter's link confirms: the one typed with it, unless another was confirmed before."""
    if delivery.letter not in CONFIRM_A_SIGNATURE or delivery.reader_id is None:
        return None
    return standing_signature(delivery.reader_id) or db.session.get(Signature, delivery.subject_id)


@dataclass(frozen=True)
class Progress:
    """How many signatures count, how many are the goal, and how many are on paper, which are counted apart.

    `countries`: from how many countries they come, as it was counted last.
    """

    count: int
    goal: int
    on_paper: int = 0
    countries: int = 0


def progress(campaign: Campaign) -> Progress:
    """How far a campaign is, by the public count."""
    counted = select(SignatureStatistics.countries).where(SignatureStatistics.campaign_id == campaign.id)
    count, countries = db.session.execute(select(newest_count(campaign.id), counted.scalar_subquery())).one()
    return Progress(count or 0, campaign.goal_at(count or 0), count_on_paper(campaign.id), countries or 0)


def count_unknown_to_ledger(campaign_id: int) -> int:
    """How many signatures count without an entry of their own in the ledger, or due to it: for audits."""
    entered, due = (
        select(entry.id).where(entry.commitment == Signature.commitment, entry.change == Change.ADDED).exists()
        for entry in (LedgerEntry, DueEntry)
    )
    counted = select(func.count()).select_from(Signature)
    return db.session.scalar(counted.where(Signature.campaign_id == campaign_id, is_confirmed(), ~entered, ~due)) or 0


class PageState(NamedTuple):
    """A campaign, how often what its page shows was changed, and the public count: the same while the page is."""

    campaign_id: int
    revision: int
    signed: int


def page_state(slug: str) -> PageState | None:
    """How the page at this address stands, drafts included, in one SELECT; None where there is none."""
    if not SLUG.fullmatch(slug):
        return None
    newest = select(LedgerEntry.count).where(LedgerEntry.campaign_id == Campaign.id)
    count = newest.order_by(LedgerEntry.number.desc()).limit(1).correlate(Campaign).scalar_subquery()
    found = db.session.execute(select(Campaign.id, Campaign.revision, count).where(Campaign.slug == slug)).first()
    return PageState(found[0], found[1], found[2] or 0) if found else None


def counts_of(campaign_ids: Collection[int]) -> dict[int, int]:
    """The public counts of several campaigns, in one query."""
    newest = select(LedgerEntry.count).where(LedgerEntry.campaign_id == Campaign.id)
    count = newest.order_by(LedgerEntry.number.desc()).limit(1).correlate(Campaign).scalar_subquery()
    rows = db.session.execute(select(Campaign.id, count.label("signed")).where(Campaign.id.in_(campaign_ids)))
    return {row.id: row.signed or 0 for row in rows}


def count_confirmed(campaign_id: int) -> int:
    """How many signatures count, counted one by one: for audits, never for a page."""
    counted = select(func.count()).select_from(Signature)
    return db.session.scalar(counted.where(Signature.campaign_id == campaign_id, is_confirmed())) or 0
