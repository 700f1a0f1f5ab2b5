"""Readers found or added and forgotten; letters owed; mailings posted, spread, claimed and settled."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

from flask_babel import gettext as _
from sqlalchemy import Connection, Table, bindparam, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from campaign.config import LINK_DAYS
from campaign.db import db, is_sqlite
from campaign.errors import Refusal
from campaign.links import token_hash
from campaign.mailing.models import (
    REMINDERS,
    Allowance,
    Delivery,
    DeliveryState,
    DigestEntry,
    Mailing,
    MailingState,
    News,
    Reader,
    Suppression,
    is_in,
)

LETTERS_A_DAY = 5
LINK_LASTS = timedelta(days=LINK_DAYS)
TOLD = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
"""How the letters ended that a reader has, or may have."""


@dataclass(frozen=True)
class Addressee:
    """Who asks for something, in a campaign or in none: by fingerprint, and how to seal the address if it is new."""

    campaign_id: int | None
    fingerprint: bytes
    locale: str
    seal: Callable[[], bytes]


def find_or_add_reader(addressee: Addressee, now: datetime, *, may_add: bool) -> Reader | None:
    """The reader with this fingerprint, added unconfirmed if there is none and `may_add`; two workers get the same."""
    found = select(Reader).where(
        Reader.campaign_id == addressee.campaign_id, Reader.fingerprint == addressee.fingerprint
    )
    reader = db.session.scalar(found)
    if reader is not None or not may_add:
        return reader
    row = {
        "campaign_id": addressee.campaign_id,
        "handle": os.urandom(16),
        "sealed_address": addressee.seal(),
        "fingerprint": addressee.fingerprint,
        "locale": addressee.locale,
        "news": News.NONE,
        "created_at": now,
    }
    db.session.execute(insert(Reader).values(row).on_conflict_do_nothing())
    return db.session.scalar(found)


def forget_reader(reader: Reader) -> None:
    """Delete a reader, with the letters that were not sent; of those that were, only that they were."""
    unsent = Delivery.reader_id == reader.id, Delivery.settled_at.is_(None)
    fewer = update(Mailing).where(Mailing.id.in_(select(Delivery.mailing_id).where(*unsent)))
    db.session.execute(fewer.values(spread_count=Mailing.spread_count - 1).execution_options(synchronize_session=False))
    db.session.execute(delete(Delivery).where(*unsent))
    db.session.execute(
        update(Delivery)
        .where(Delivery.reader_id == reader.id)
        .values(reader_id=None, link_seed=None, link_hash=None, subject_id=None)
    )
    db.session.delete(reader)
    db.session.flush()


def forget_unconfirmed(now: datetime, lasts: timedelta) -> None:
    """Delete the readers who never confirmed, so long after the last letter for which somebody asked.

    A reminder was not asked for: its link puts nothing off.
    """
    asked = select(Delivery.id).where(
        Delivery.reader_id == Reader.id,
        Delivery.letter.not_in(REMINDERS),
        Delivery.link_expires_at > now - lasts + LINK_LASTS,
    )
    is_old = Reader.created_at < now - lasts
    forgotten = db.session.scalars(
        select(Reader).where(Reader.confirmed_at.is_(None), is_old, ~asked.exists()).limit(500)
    )
    for reader in forgotten:
        forget_reader(reader)


def may_write(suppression_key: bytes, allowance_key: bytes, now: datetime) -> bool:
    """Whether a letter that was asked for may go out; if so, it is counted against the address's allowance."""
    if db.session.get(Suppression, suppression_key) is not None:
        return False
    counted = (
        insert(Allowance)
        .values(key=allowance_key, letters=1, counted_at=now)
        .on_conflict_do_update(index_elements=["key"], set_={"letters": Allowance.letters + 1})
        .returning(Allowance.letters)
    )
    letters: int = db.session.execute(counted).scalar_one()
    return letters <= LETTERS_A_DAY


def forget_allowances(now: datetime) -> None:
    """Delete the allowances of earlier days."""
    db.session.execute(delete(Allowance).where(Allowance.counted_at < now - timedelta(days=1)))


def suppress(key: bytes, reason: str, now: datetime) -> None:
    """Never write to an address again."""
    row = {"key": key, "reason": reason, "created_at": now}
    db.session.execute(insert(Suppression).values(row).on_conflict_do_nothing())


@dataclass(frozen=True)
class Owed:
    """A letter owed to one reader; `subject_id` is what it tells of or what its link acts upon.

    `until`: when its link ends, if it has one; 72 hours from now where nothing is said.
    """

    reader: Reader
    letter: str
    subject_id: int | None = None
    until: datetime | None = None


def owe_letter(owed: Owed, now: datetime, link_token: Callable[[str, bytes], str] | None = None) -> Delivery:
    """Owe a letter to one reader; with `link_token` it carries a random link."""
    delivery = Delivery(reader=owed.reader, letter=owed.letter, subject_id=owed.subject_id, not_before=now)
    if link_token is not None:
        delivery.link_seed = os.urandom(16)
        delivery.link_hash = token_hash(link_token(owed.letter, delivery.link_seed))
        delivery.link_expires_at = owed.until or now + LINK_LASTS
    db.session.add(delivery)
    db.session.flush()
    return delivery


def call_off_reminders(reader_id: int) -> None:
    """Send no reminder to a reader that is not sent yet: its link is taken away, and so the sender leaves it out."""
    unsent = update(Delivery).where(
        Delivery.reader_id == reader_id, Delivery.letter.in_(REMINDERS), Delivery.settled_at.is_(None)
    )
    linkless = {"link_seed": None, "link_hash": None, "link_expires_at": None}
    db.session.execute(unsent.values(**linkless).execution_options(synchronize_session=False))


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
    owing = insert(Delivery).from_select(columns, readers).on_conflict_do_nothing()
    made = db.session.execute(owing, execution_options={"preserve_rowcount": True})
    mailing.spread_count = Mailing.spread_count + made.rowcount  # type: ignore[attr-defined]
    mailing.spread_to = upto


def close_done_mailings(now: datetime) -> None:
    """Mark the mailings that have nothing left to send."""
    due, leased = (
        select(Delivery.id).where(Delivery.mailing_id == Mailing.id, is_in(state)).exists()
        for state in (DeliveryState.DUE, DeliveryState.LEASED)
    )
    is_spread = Mailing.spread_to >= Mailing.spread_until
    done = update(Mailing).where(Mailing.state == MailingState.SENDING, is_spread, ~due, ~leased)
    db.session.execute(done.values(state=MailingState.DONE, done_at=now))


@dataclass(frozen=True)
class Lease:
    """Who holds deliveries, and until when."""

    owner: str
    until: datetime


def claim(mailing_id: int | None, lease: Lease, size: int, now: datetime) -> list[int]:
    """Lease at most `size` due deliveries of a mailing (None: letters that were asked for), oldest first."""
    of_mailing = Delivery.mailing_id.is_(None) if mailing_id is None else Delivery.mailing_id == mailing_id
    due = (
        select(Delivery.id)
        .where(of_mailing, is_in(DeliveryState.DUE), Delivery.not_before <= now)
        .order_by(Delivery.not_before, Delivery.id)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    leased = {"state": DeliveryState.LEASED, "owner": lease.owner, "lease_until": lease.until}
    claimed = (
        update(Delivery)
        .where(Delivery.id.in_(due.scalar_subquery()))
        .values(**leased)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(db.session.scalars(claimed))


@dataclass(frozen=True)
class Outcome:
    """How a lease ended: the state, the relay's code, not before when it is tried again, whether it was tried."""

    state: DeliveryState
    code: int | None = None
    not_before: datetime | None = None
    is_attempt: bool = True


_table = cast("Table", Delivery.__table__)
_SETTLE = (
    update(_table)
    .where(_table.c.id == bindparam("delivery"), _table.c.owner == bindparam("holder"))
    .values(
        state=bindparam("ended_as"),
        owner=None,
        lease_until=None,
        code=bindparam("reply"),
        attempts=_table.c.attempts + bindparam("tries"),
        not_before=func.coalesce(bindparam("wait_until", type_=_table.c.not_before.type), _table.c.not_before),
        settled_at=bindparam("ended_at", type_=_table.c.settled_at.type),
    )
)
"""Made once: it runs for each letter. Those of one moment are settled together."""


_RETURNED = {"state": DeliveryState.DUE, "owner": None, "lease_until": None}

_turn = bindparam("turn", type_=_table.c.not_before.type)
_POSTPONE = (
    update(_table)
    .where(_table.c.id == bindparam("delivery"), _table.c.owner == bindparam("holder"))
    .values(**_RETURNED, not_before=_turn, slot_at=bindparam("slot", type_=_table.c.slot_at.type))
)


def settle(outcomes: Mapping[int, Outcome], owner: str, now: datetime, connection: Connection | None = None) -> int:
    """Record how attempts ended, by delivery; how many there were of which the lease was still the owner's.

    Of the others nothing is changed: somebody else holds them, or has settled them. `connection`: another than the
    session's, to commit these alone.
    """
    rows = [_settled(delivery_id, owner, outcome, now) for delivery_id, outcome in outcomes.items()]
    on = db.session.connection() if connection is None else connection
    return on.execute(_SETTLE, rows, execution_options={"preserve_rowcount": True}).rowcount


def _settled(delivery_id: int, owner: str, outcome: Outcome, now: datetime) -> dict[str, object]:
    is_due = outcome.state is DeliveryState.DUE
    return {
        "delivery": delivery_id,
        "holder": owner,
        "ended_as": outcome.state.value,
        "reply": outcome.code,
        "tries": int(outcome.is_attempt),
        "wait_until": (outcome.not_before or now) if is_due else None,
        "ended_at": None if is_due else now,
    }


def give_back(delivery_ids: Sequence[int], owner: str, not_before: datetime | None = None) -> None:
    """Return claimed deliveries that were not tried, to be tried again at once or not before a time."""
    held = update(Delivery).where(Delivery.id.in_(delivery_ids), Delivery.owner == owner)
    returned = _RETURNED | ({"not_before": not_before} if not_before else {})
    db.session.execute(held.values(**returned).execution_options(synchronize_session=False))


@dataclass(frozen=True)
class Turn:
    """When a letter may go to its receiving domain; one that is not `is_kept` has to ask again then."""

    at: datetime
    is_kept: bool = True


def postpone(turns: Mapping[int, Turn], owner: str) -> None:
    """Return claimed deliveries until their turns at the receiving domain have come."""
    rows = [
        {"delivery": delivery_id, "holder": owner, "turn": turn.at, "slot": turn.at if turn.is_kept else None}
        for delivery_id, turn in turns.items()
    ]
    if rows:
        db.session.connection().execute(_POSTPONE, rows)


def return_expired_leases(now: datetime) -> None:
    """What a stopped worker held becomes due again."""
    expired = update(Delivery).where(is_in(DeliveryState.LEASED), Delivery.lease_until < now)
    db.session.execute(expired.values(**_RETURNED).execution_options(synchronize_session=False))


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


def insert(model: type):  # type: ignore[no-untyped-def]
    """INSERT with ON CONFLICT, which both databases spell alike."""
    return sqlite.insert(model) if is_sqlite() else postgresql.insert(model)
