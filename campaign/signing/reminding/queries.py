"""What waits for so long that it is time for the reminder."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute

from campaign.db import db
from campaign.mailing.models import CONFIRM_FOLLOWING, Delivery, News, Reader
from campaign.mailing.operations import LINK_LASTS
from campaign.signing.models import Signature
from campaign.signing.queries import CONFIRM_SIGNATURE, is_pending

LINK_AT_LEAST = timedelta(hours=12)
"""A reminder whose link would work for less is not sent."""


@dataclass(frozen=True)
class Patience:
    """How long after the letter that asked the reminder comes, and how long what is not confirmed is kept."""

    remind_after: timedelta
    forget_after: timedelta


def signatures_to_remind_of(patience: Patience, limit: int, now: datetime) -> Sequence[Signature]:
    """Signatures that wait, oldest first, held until the transaction ends; what another worker holds is left to it."""
    waiting = select(Signature).where(
        is_pending(),
        Signature.reminded_at.is_(None),
        Signature.signed_at <= now - patience.remind_after,
        Signature.signed_at > now - patience.forget_after + LINK_AT_LEAST,
        ~_was_asked_lately(Signature.reader_id, CONFIRM_SIGNATURE, now - patience.remind_after),
    )
    held = waiting.order_by(Signature.signed_at).limit(limit).with_for_update(skip_locked=True, of=Signature)
    return db.session.scalars(held).all()


def followers_to_remind(patience: Patience, limit: int, now: datetime) -> Sequence[Reader]:
    """Readers who asked for news and have not confirmed it, oldest first, held likewise."""
    waiting = select(Reader).where(
        Reader.confirmed_at.is_(None),
        Reader.reminded_at.is_(None),
        Reader.news != literal(News.NONE.value, literal_execute=True),
        Reader.created_at <= now - patience.remind_after,
        ~_was_asked_lately(Reader.id, CONFIRM_FOLLOWING, now - patience.remind_after),
    )
    held = waiting.order_by(Reader.created_at).limit(limit).with_for_update(skip_locked=True, of=Reader)
    return db.session.scalars(held).all()


def asked_to_follow_at(reader: Reader) -> datetime | None:
    """When somebody last asked for news with this address."""
    last = select(func.max(Delivery.link_expires_at)).where(
        Delivery.reader_id == reader.id, Delivery.letter == CONFIRM_FOLLOWING
    )
    ends_at = db.session.scalar(last)
    return ends_at - LINK_LASTS if ends_at else None


def _was_asked_lately(reader_id: InstrumentedAttribute[int], letter: str, since: datetime) -> ColumnElement[bool]:
    """Whether the letter that asks is still on its way, or came lately: then there is nothing to remind of yet."""
    asked = select(Delivery.id).where(Delivery.reader_id == reader_id, Delivery.letter == letter)
    return asked.where(Delivery.settled_at.is_(None) | (Delivery.settled_at > since)).exists()
