"""What is due, what a claimed delivery needs, and how far the mailings are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select, true

from campaign.db import db
from campaign.kept import kept
from campaign.mailing.models import (
    REMINDERS,
    Bounce,
    Delivery,
    DeliveryState,
    Mailing,
    MailingState,
    News,
    Reader,
    Suppression,
    is_in,
)

RECENT = timedelta(minutes=1)
RECENT_LETTERS = 20_000
"""No more letters than this are looked at for how many go out in a minute."""


@dataclass(frozen=True)
class MailingProgress:
    """How far a mailing is: deliveries by state, those that there are none of left out; what came back, by kind."""

    mailing: Mailing
    by_state: dict[str, int]
    by_bounce: dict[str, int]

    @property
    def total(self) -> int:
        """How many letters were owed so far; while it is being spread, more will come."""
        return self.mailing.spread_count

    @property
    def ended(self) -> int:
        """How many letters nothing more will be done about."""
        return self.total - self.count(DeliveryState.DUE) - self.count(DeliveryState.LEASED)

    def count(self, state: str) -> int:
        """How many are in this state."""
        return self.by_state.get(state, 0)

    @property
    def complained(self) -> int:
        """How many of those that went out were called spam."""
        return self.by_bounce.get(Bounce.COMPLAINT, 0)

    @property
    def bounced(self) -> int:
        """How many of those that went out came back: all were sent, as far as the relay knew."""
        return sum(self.by_bounce.values()) - self.complained


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
    slot_at: datetime | None
    is_wanted: bool


def claimed(ids: Sequence[int]) -> list[Claimed]:
    """The claimed deliveries, in order; one whose reader has gone is left out, one unsubscribed is not wanted."""
    is_reached = Reader.confirmed_at.is_not(None) & Reader.unsubscribed_at.is_(None) & Reader.held_at.is_(None)
    still_reads = is_reached & _still_wants()
    joined = (
        select(
            Delivery.id.label("delivery_id"), Delivery.letter, Delivery.mailing_id, Delivery.subject_id,
            Delivery.attempts, Delivery.link_seed, Delivery.slot_at,
            Reader.campaign_id, Reader.handle, Reader.sealed_address, Reader.fingerprint, Reader.locale,
            case(
                (Delivery.letter.in_(REMINDERS), Delivery.link_hash.is_not(None) & Reader.unsubscribed_at.is_(None)),
                (Delivery.mailing_id.is_(None), true()),
                else_=still_reads,
            ).label("is_wanted"),
        )
        .join(Reader, Reader.id == Delivery.reader_id)
        .outerjoin(Mailing, Mailing.id == Delivery.mailing_id)
        .where(Delivery.id.in_(ids))
        .order_by(Delivery.id)
    )  # fmt: skip
    return [Claimed(**row) for row in db.session.execute(joined).mappings()]


def _still_wants() -> ColumnElement[bool]:
    """Whether a reader's wish still fits the mailing. Who wants each letter now was told nothing of the week so far."""
    of_week = Mailing.digest_of.is_not(None) & Reader.news.in_((News.WEEKLY, News.ALL))
    of_update = (Reader.news == News.ALL) | (Mailing.is_status & (Reader.news == News.STATUS))
    return of_week | (Mailing.digest_of.is_(None) & of_update)


def suppressed(keys: Sequence[bytes]) -> set[bytes]:
    """Which of these addresses' keys are suppressed."""
    return set(db.session.scalars(select(Suppression.key).where(Suppression.key.in_(keys))))


def suppressions_by_reason() -> dict[str, int]:
    """How many addresses are suppressed, by reason, most first."""
    counted = select(Suppression.reason, func.count()).group_by(Suppression.reason)
    return {row[0]: row[1] for row in db.session.execute(counted.order_by(func.count().desc(), Suppression.reason))}


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


def is_owed(reader_id: int, letter: str, subject_id: int | None) -> bool:
    """Whether such a letter is on its way to a reader."""
    found = select(Delivery.id).where(
        Delivery.reader_id == reader_id,
        Delivery.letter == letter,
        Delivery.subject_id == subject_id,
        Delivery.settled_at.is_(None),
    )
    return db.session.scalar(found.limit(1)) is not None


def wishes(campaign_id: int) -> dict[str, dict[str, int]]:
    """How many readers want which news, by locale; those who want none left out. Counts along an index."""
    counted = (
        select(Reader.locale, Reader.news, func.count())
        .where(Reader.campaign_id == campaign_id, Reader.confirmed_at.is_not(None), Reader.unsubscribed_at.is_(None))
        .group_by(Reader.locale, Reader.news)
        .order_by(Reader.locale, Reader.news)
    )
    found: dict[str, dict[str, int]] = {}
    for locale, news, count in db.session.execute(counted):
        if news != News.NONE:
            found.setdefault(locale, {})[news] = count
    return found


def recent_wishes(campaign_id: int) -> dict[str, dict[str, int]]:
    """The same, some seconds old where there are very many readers: to look at, never to decide by."""
    return kept(("wishes", campaign_id), lambda: wishes(campaign_id), _sum)


def _sum(found: dict[str, dict[str, int]]) -> int:
    return sum(count for by_news in found.values() for count in by_news.values())


def digest_progress(campaign_id: int, limit: int) -> list[MailingProgress]:
    """The last weekly mailings of a campaign that reached anybody, newest first, and how far they are."""
    weekly = select(Mailing).where(Mailing.campaign_id == campaign_id, Mailing.digest_of.is_not(None))
    reaching = weekly.where(Mailing.spread_count > 0).order_by(Mailing.digest_of.desc()).limit(limit)
    return [recent_progress(mailing) for mailing in db.session.scalars(reaching)]


def digest_of(campaign_id: int, monday: date) -> Mailing | None:
    """The mailing of a Monday."""
    found = select(Mailing).where(Mailing.campaign_id == campaign_id, Mailing.digest_of == monday)
    return db.session.scalar(found)


def mailings_progress() -> list[MailingProgress]:
    """Every mailing and how far it is, newest first."""
    return [mailing_progress(mailing) for mailing in db.session.scalars(select(Mailing).order_by(Mailing.id.desc()))]


def mailing_progress(mailing: Mailing) -> MailingProgress:
    """How far a mailing is. What is sent is never counted, but is what remains of the total: it is the most."""
    unsent = [state for state in DeliveryState if state is not DeliveryState.SENT]
    counted = db.session.execute(
        select(Mailing.spread_count, *(_counted(state) for state in unsent)).where(Mailing.id == mailing.id)
    ).one()
    by_state = {state.value: count for state, count in zip(unsent, counted[1:], strict=True) if count}
    sent = counted.spread_count - sum(by_state.values())
    sent_too = by_state | ({DeliveryState.SENT.value: sent} if sent > 0 else {})
    return MailingProgress(mailing, sent_too, _returned(mailing.id))


def _returned(mailing_id: int) -> dict[str, int]:
    """How many letters of a mailing came back, by kind; by the index of those alone."""
    counted = select(Delivery.bounce, func.count()).where(
        Delivery.mailing_id == mailing_id, Delivery.bounce.is_not(None)
    )
    return {str(row[0]): row[1] for row in db.session.execute(counted.group_by(Delivery.bounce))}


def recent_progress(mailing: Mailing) -> MailingProgress:
    """The same, some seconds old where there are very many letters."""
    if not mailing.is_spread:
        return mailing_progress(mailing)  # the total still grows
    key = ("progress", mailing.id, mailing.state, mailing.spread_count)
    counted = kept(key, lambda: _counts(mailing), lambda _found: mailing.spread_count)
    return MailingProgress(mailing, *counted)


def _counts(mailing: Mailing) -> tuple[dict[str, int], dict[str, int]]:
    progress = mailing_progress(mailing)
    return progress.by_state, progress.by_bounce


def _counted(state: DeliveryState):  # type: ignore[no-untyped-def]
    found = select(func.count()).where(Delivery.mailing_id == Mailing.id, is_in(state))
    return found.select_from(Delivery).correlate(Mailing).scalar_subquery()


def failures(mailing_id: int) -> dict[int | None, int]:
    """How many letters of a mailing have failed, by the relay's reply code, most first."""
    counted = (
        select(Delivery.code, func.count().label("letters"))
        .where(Delivery.mailing_id == mailing_id, is_in(DeliveryState.FAILED))
        .group_by(Delivery.code)
        .order_by(func.count().desc(), Delivery.code)
    )
    return {row.code: row.letters for row in db.session.execute(counted)}


def letters_a_minute(mailing: Mailing, now: datetime) -> int:
    """How many letters of a mailing ended in the last minute; letters go in the order of their ids, so few are read."""
    claimable = select(Delivery.id).where(
        Delivery.mailing_id == mailing.id, is_in(DeliveryState.DUE), Delivery.not_before <= now
    )
    first = db.session.scalar(claimable.order_by(Delivery.not_before, Delivery.id).limit(1))
    if first is None:
        return 0
    return kept(("rate", mailing.id), lambda: _count_settled(mailing, first, now), lambda _found: mailing.spread_count)


def _count_settled(mailing: Mailing, first: int, now: datetime) -> int:
    """How many of the letters before the first that waits ended in the last minute."""
    before = select(Delivery.mailing_id, Delivery.settled_at).where(
        Delivery.id < first, Delivery.id >= first - RECENT_LETTERS
    )
    looked_at = before.limit(RECENT_LETTERS).subquery()  # the limit keeps this a range of ids for every planner
    recent = select(func.count()).where(looked_at.c.mailing_id == mailing.id, looked_at.c.settled_at > now - RECENT)
    return db.session.scalar(recent) or 0
