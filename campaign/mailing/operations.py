"""Readers found or added and forgotten; letters owed to one of them; who may be written to."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from campaign.config import LINK_DAYS
from campaign.db import db, insert
from campaign.links import token_hash
from campaign.mailing.models import REMINDERS, Allowance, Delivery, Mailing, News, Reader, Suppression

LETTERS_A_DAY = 5
LINK_LASTS = timedelta(days=LINK_DAYS)


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
