"""Mailings: posted, spread over their readers, paused, stopped, tried again and closed."""

from collections.abc import Mapping
from datetime import date, datetime

from flask_babel import gettext as _
from sqlalchemy import func, literal, select, update

from campaign.db import db, insert
from campaign.errors import Refusal
from campaign.mailing.models import (
    Delivery,
    DeliveryState,
    DigestEntry,
    Mailing,
    MailingState,
    Reader,
    is_in,
)

TOLD = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
"""How the letters ended that a reader has, or may have."""


def post(campaign_id: int, update_id: int, *, is_status: bool, now: datetime) -> Mailing:
    """Owe the letters of an update to whoever reads the campaign at this moment; once for each update."""
    newest_reader = db.session.scalar(select(func.max(Reader.id))) or 0
    mailing = Mailing(
        campaign_id=campaign_id,
        update_id=update_id,
        is_status=is_status,
        state=MailingState.SENDING,
        spread_until=newest_reader,
        created_at=now,
    )
    db.session.add(mailing)
    db.session.flush()
    return mailing


def post_digest(campaign_id: int, monday: date, told: Mapping[int, bool], now: datetime) -> bool:
    """Owe the letters of the week before a Monday, once, whoever else does; says whether this call did.

    `told`: the updates, by id, and whether each was told before and is taken back.
    """
    row = {
        "campaign_id": campaign_id,
        "digest_of": monday,
        "is_status": False,
        "state": MailingState.SENDING,
        "spread_until": db.session.scalar(select(func.max(Reader.id))) or 0,
        "created_at": now,
    }
    posted = insert(Mailing).values(row).on_conflict_do_nothing().returning(Mailing.id)
    mailing_id = db.session.scalar(posted)
    if mailing_id is None:
        return False
    entries = [{"mailing_id": mailing_id, "update_id": at, "is_retraction": told[at]} for at in told]
    db.session.execute(insert(DigestEntry), entries)
    return True


def _is_news_to_reader(mailing_id: int):  # type: ignore[no-untyped-def]
    """Whether the letter of a week tells a reader anything that no letter of an update has told this reader."""
    was_told = (
        select(Delivery.id)
        .join(Mailing, Mailing.id == Delivery.mailing_id)
        .where(Mailing.update_id == DigestEntry.update_id, Delivery.reader_id == Reader.id, Delivery.state.in_(TOLD))
    )
    entries = select(DigestEntry.update_id).where(DigestEntry.mailing_id == mailing_id)
    untold = ~was_told.correlate(DigestEntry, Reader).exists()
    return entries.where(DigestEntry.is_retraction | untold).correlate(Reader).exists()


def spread(mailing: Mailing, size: int, now: datetime) -> None:
    """Make the deliveries of the next `size` reader ids; making one twice makes nothing."""
    upto = min(mailing.spread_to + size, mailing.spread_until)
    letter, subject_id = mailing.letter
    readers = (
        select(
            literal(mailing.id),
            Reader.id,
            literal(letter),
            literal(subject_id),
            literal(DeliveryState.DUE.value),
            literal(0),
            literal(now, Delivery.not_before.type),
        )
        .where(
            Reader.id > mailing.spread_to,
            Reader.id <= upto,
            Reader.campaign_id == mailing.campaign_id,
            Reader.confirmed_at.is_not(None),
            Reader.unsubscribed_at.is_(None),
            Reader.held_at.is_(None),
            Reader.news.in_(mailing.wanting),
            *([_is_news_to_reader(mailing.id)] if mailing.digest_of else []),
        )
        .order_by(Reader.id)
    )
    columns = ["mailing_id", "reader_id", "letter", "subject_id", "state", "attempts", "not_before"]
    once = [Delivery.reader_id, Delivery.mailing_id]  # said, so that PostgreSQL looks into no other unique index
    owing = insert(Delivery).from_select(columns, readers).on_conflict_do_nothing(index_elements=once)
    made = db.session.execute(owing, execution_options={"preserve_rowcount": True})
    mailing.spread_count = Mailing.spread_count + made.rowcount  # type: ignore[attr-defined]
    mailing.spread_to = upto


def pause(mailing: Mailing, reason: str | None = None) -> None:
    """Send nothing more of a mailing until it is resumed."""
    _move(mailing, {MailingState.SENDING}, state=MailingState.PAUSED, reason=reason)


def resume(mailing: Mailing) -> None:
    """Go on with a paused mailing."""
    _move(mailing, {MailingState.PAUSED}, state=MailingState.SENDING, reason=None)


def stop(mailing: Mailing, now: datetime, reason: str | None = None) -> None:
    """Send nothing more of a mailing, ever. Raises Refusal when there is nothing left to stop."""
    going = {MailingState.SENDING, MailingState.PAUSED}
    if not _move(mailing, going, state=MailingState.STOPPED, reason=reason, done_at=now):
        raise Refusal(_("This mailing has ended already."))


def retry_failed(mailing: Mailing, now: datetime) -> int:
    """Owe again what has failed; says how many letters. What is uncertain is not sent again: it may have arrived.

    Addresses that were refused for good stay suppressed, so the sender skips them. Raises Refusal.
    """
    if mailing.state == MailingState.STOPPED:
        raise Refusal(_("This mailing was stopped. Nothing more is sent of it."))
    failed = update(Delivery).where(
        Delivery.mailing_id == mailing.id, is_in(DeliveryState.FAILED), Delivery.reader_id.is_not(None)
    )
    again = {"state": DeliveryState.DUE, "attempts": 0, "not_before": now, "settled_at": None}
    owed = db.session.execute(failed.values(**again).execution_options(synchronize_session=False))
    count: int = owed.rowcount  # type: ignore[attr-defined]
    if not count:
        raise Refusal(_("No letter of this mailing can be tried again."))
    _move(mailing, {MailingState.DONE}, state=MailingState.SENDING, done_at=None)
    return count


def _move(mailing: Mailing, states: set[MailingState], **values: object) -> bool:
    """Change a mailing that is in one of these states, whoever else changes it meanwhile; says whether it was."""
    moved = update(Mailing).where(Mailing.id == mailing.id, Mailing.state.in_(states)).values(**values)
    db.session.flush()
    is_moved: bool = db.session.execute(moved.execution_options(synchronize_session=False)).rowcount == 1  # type: ignore[attr-defined]
    db.session.refresh(mailing)
    return is_moved


def close_done_mailings(now: datetime) -> None:
    """Mark the mailings that have nothing left to send."""
    due, leased = (
        select(Delivery.id).where(Delivery.mailing_id == Mailing.id, is_in(state)).exists()
        for state in (DeliveryState.DUE, DeliveryState.LEASED)
    )
    is_spread = Mailing.spread_to >= Mailing.spread_until
    done = update(Mailing).where(Mailing.state == MailingState.SENDING, is_spread, ~due, ~leased)
    db.session.execute(done.values(state=MailingState.DONE, done_at=now))
