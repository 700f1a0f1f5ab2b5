"""What is due, what a claimed delivery needs, and how far the mailings are."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select, true

from campaign.db import db
from campaign.mailing.models import Delivery, Mailing, MailingState, News, Reader, Suppression


@dataclass(frozen=True)
class MailingProgress:
    """How far a mailing is: deliveries by state."""

    mailing: Mailing
    by_state: dict[str, int]


def sending_mailings() -> Sequence[Mailing]:
    """The mailings that are being sent, oldest first."""
    return db.session.scalars(select(Mailing).where(Mailing.state == MailingState.SENDING).order_by(Mailing.id)).all()


@dataclass(frozen=True, repr=False)
class Claimed:
    """A claimed delivery and what its sending needs of the reader, read at once."""

    delivery_id: int
    letter: str
    mailing_id: int | None
    subject_id: int | None
    attempts: int
    link_seed: bytes | None
    campaign_id: int | None
    handle: bytes
    sealed_address: bytes
    fingerprint: bytes
    locale: str
    is_wanted: bool


def claimed(ids: Sequence[int]) -> list[Claimed]:
    """The claimed deliveries, in order; one whose reader has gone is left out, one unsubscribed is not wanted."""
    wants_all = (Reader.news == News.ALL) | (Mailing.is_status & (Reader.news == News.STATUS))
    is_reached = Reader.confirmed_at.is_not(None) & Reader.unsubscribed_at.is_(None) & Reader.held_at.is_(None)
    still_reads = is_reached & wants_all
    joined = (
        select(
            Delivery.id.label("delivery_id"), Delivery.letter, Delivery.mailing_id, Delivery.subject_id,
            Delivery.attempts, Delivery.link_seed,
            Reader.campaign_id, Reader.handle, Reader.sealed_address, Reader.fingerprint, Reader.locale,
            case((Delivery.mailing_id.is_(None), true()), else_=still_reads).label("is_wanted"),
        )
        .join(Reader, Reader.id == Delivery.reader_id)
        .outerjoin(Mailing, Mailing.id == Delivery.mailing_id)
        .where(Delivery.id.in_(ids))
        .order_by(Delivery.id)
    )  # fmt: skip
    return [Claimed(**row) for row in db.session.execute(joined).mappings()]


def suppressed(keys: Sequence[bytes]) -> set[bytes]:
    """Which of these addresses' keys are suppressed."""
    return set(db.session.scalars(select(Suppression.key).where(Suppression.key.in_(keys))))


def reach(campaign_id: int, *, is_status: bool) -> dict[str, int]:
    """How many readers an update would reach, by locale. Reads every reader of the campaign."""
    wanting = [News.ALL, News.STATUS] if is_status else [News.ALL]
    counted = (
        select(Reader.locale, func.count().label("readers"))
        .where(
            Reader.campaign_id == campaign_id,
            Reader.confirmed_at.is_not(None),
            Reader.unsubscribed_at.is_(None),
            Reader.held_at.is_(None),
            Reader.news.in_(wanting),
        )
        .group_by(Reader.locale)
        .order_by(Reader.locale)
    )
    return {row.locale: row.readers for row in db.session.execute(counted)}


def mailings_progress() -> list[MailingProgress]:
    """Every mailing and how far it is, newest first."""
    counted = select(Delivery.mailing_id, Delivery.state, func.count()).group_by(Delivery.mailing_id, Delivery.state)
    states: dict[int | None, dict[str, int]] = {}
    for mailing_id, state, count in db.session.execute(counted):
        states.setdefault(mailing_id, {})[state] = count
    mailings = db.session.scalars(select(Mailing).order_by(Mailing.id.desc()))
    return [MailingProgress(mailing, states.get(mailing.id, {})) for mailing in mailings]
