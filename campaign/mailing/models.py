"""Readers, mailings, deliveries, suppressed addresses, daily allowances and paces."""

import os
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, literal
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign.db import Base, one_of, one_of_often, partial_index


class News(StrEnum):
    """Which news a reader wants."""

    ALL = "all"
    STATUS = "status"
    WEEKLY = "weekly"
    NONE = "none"


CONFIRM_FOLLOWING = "confirm_follow"
REMIND_SIGNATURE = "remind_signature"
REMIND_FOLLOWING = "remind_follow"
REMINDERS = (REMIND_SIGNATURE, REMIND_FOLLOWING)
"""The letters that ask a second time to confirm: each is owed once for what it reminds of."""


class DeliveryState(StrEnum):
    """Where one letter to one reader stands."""

    DUE = "due"
    LEASED = "leased"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCERTAIN = "uncertain"


class Bounce(StrEnum):
    """What came back of a letter that went out, from the least to the gravest; the graver takes the other's place."""

    POLICY = "policy"
    """Refused for what we are or for what it said: not the address's fault."""
    SOFT = "soft"
    """Not taken for now: the inbox was full, the server away."""
    HARD = "hard"
    """The address takes no letters."""
    COMPLAINT = "complaint"
    """Its reader called it spam."""


UPDATE = "update"
DIGEST = "digest"
"""The kinds of letter that mailings send."""


class MailingState(StrEnum):
    """Where the letters of one mailing stand."""

    SENDING = "sending"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


IS_READING = "confirmed_at IS NOT NULL AND unsubscribed_at IS NULL"
"""Who gets letters of updates: the predicate of an index, by which they are counted without being read."""


IS_NOT_REMINDED = "confirmed_at IS NULL AND reminded_at IS NULL AND news <> 'none'"
"""Who asked for news, has not confirmed that, and was not asked again yet."""


class Reader(Base):
    """An address that gets letters of one campaign; an organizer's is of none. Only the worker can open it."""

    __tablename__ = "readers"
    __table_args__ = (
        UniqueConstraint("campaign_id", "fingerprint"),
        partial_index("uq_readers_of_no_campaign", "fingerprint", where="campaign_id IS NULL", unique=True),
        partial_index("ix_readers_unconfirmed", "created_at", where="confirmed_at IS NULL"),
        partial_index("ix_readers_not_reminded", "created_at", where=IS_NOT_REMINDED),
        partial_index("ix_readers_wishes", "campaign_id", "locale", "news", where=IS_READING),
        one_of("news", News),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    handle: Mapped[bytes] = mapped_column(unique=True, default=lambda: os.urandom(16))
    sealed_address: Mapped[bytes]
    fingerprint: Mapped[bytes]
    locale: Mapped[str]
    news: Mapped[str]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]
    held_at: Mapped[datetime | None]
    """Set while no news goes here, whatever the reader wishes: what was signed with the address does not count."""
    reminded_at: Mapped[datetime | None]
    """When it was decided about the one letter that asks again whether the address wants the news."""

    def confirm(self, now: datetime) -> None:
        """The address is its owner's. Confirming again after an unsubscription takes that back."""
        self.confirmed_at = self.confirmed_at or now
        self.unsubscribed_at = None

    def choose_news(self, news: News) -> None:
        """Wish for other news; wishing for any takes an unsubscription back."""
        self.news = news
        self.unsubscribed_at = None if news != News.NONE else self.unsubscribed_at

    def unsubscribe(self, now: datetime) -> None:
        """No more news; letters that the reader asks for still come."""
        self.unsubscribed_at = self.unsubscribed_at or now


class Mailing(Base):
    """The letters of one update, or of one week, owed in the order of the readers: `spread_count` up to `spread_to`.

    Those of a week are sent on the Monday `digest_of`, and tell its `DigestEntry`s.
    """

    __tablename__ = "mailings"
    __table_args__ = (
        UniqueConstraint("campaign_id", "digest_of"),
        one_of("state", MailingState),
        CheckConstraint("(update_id IS NULL) <> (digest_of IS NULL)", name="one_kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    update_id: Mapped[int | None] = mapped_column(ForeignKey("updates.id", ondelete="CASCADE"), unique=True)
    digest_of: Mapped[date | None]
    is_status: Mapped[bool]
    state: Mapped[str]
    reason: Mapped[str | None]
    spread_to: Mapped[int] = mapped_column(default=0)
    spread_until: Mapped[int]
    spread_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]

    @property
    def is_spread(self) -> bool:
        """Whether every reader of the moment of publishing has been considered."""
        return self.spread_to >= self.spread_until

    @property
    def letter(self) -> tuple[str, int]:
        """The kind of its letters, and the number of what they tell: the update, or this mailing itself."""
        return (DIGEST, self.id) if self.update_id is None else (UPDATE, self.update_id)

    @property
    def wanting(self) -> tuple[News, ...]:
        """Readers with which wishes get it."""
        if self.update_id is None:
            return (News.WEEKLY,)
        return (News.ALL, News.STATUS) if self.is_status else (News.ALL,)


class DigestEntry(Base):
    """An update of which the letters of a week tell; `is_retraction`: it was told before, and is taken back."""

    __tablename__ = "digest_entries"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailings.id", ondelete="CASCADE"), primary_key=True)
    update_id: Mapped[int] = mapped_column(ForeignKey("updates.id", ondelete="CASCADE"), primary_key=True)
    is_retraction: Mapped[bool]


_IS_REMINDER = f"letter IN ('{REMIND_SIGNATURE}', '{REMIND_FOLLOWING}')"


class Delivery(Base):
    """One letter to one reader: the queue and the record.

    `link_seed` is set where the letter carries a random link; `link_hash` is the SHA-256 of that link's token. A
    reminder's subject is the signature, or the reader, whom it reminds; one whose link was taken away is not sent.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("reader_id", "mailing_id"),  # in this order the letters of a reader are found by it, too
        partial_index("uq_deliveries_link_hash", "link_hash", where="link_hash IS NOT NULL", unique=True),
        partial_index("ix_deliveries_asked", "id", where="mailing_id IS NULL AND state = 'sent'"),
        partial_index("ix_deliveries_due", "mailing_id", "not_before", "id", where="state = 'due'"),
        partial_index("ix_deliveries_leased", "mailing_id", "lease_until", where="state = 'leased'"),
        *(
            partial_index(f"ix_deliveries_{state}", "mailing_id", "code", where=f"state = '{state}'")
            for state in (DeliveryState.FAILED, DeliveryState.SKIPPED, DeliveryState.UNCERTAIN)
        ),
        partial_index("ix_deliveries_returned", "mailing_id", "bounce", where="bounce IS NOT NULL"),
        partial_index("uq_deliveries_reminder", "letter", "subject_id", where=_IS_REMINDER, unique=True),
        one_of_often("state", DeliveryState),
        one_of_often("bounce", Bounce),
        CheckConstraint("(state = 'leased') = (owner IS NOT NULL)", name="lease"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailings.id", ondelete="CASCADE"))
    reader_id: Mapped[int | None] = mapped_column(ForeignKey("readers.id", ondelete="SET NULL"))
    letter: Mapped[str]
    subject_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(default=DeliveryState.DUE)
    attempts: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime]
    slot_at: Mapped[datetime | None]
    """Its turn at the receiving domain, where turns are given out."""
    code: Mapped[int | None]
    link_seed: Mapped[bytes | None]
    link_hash: Mapped[bytes | None]
    link_expires_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    bounce: Mapped[str | None]

    reader: Mapped[Reader | None] = relationship()

    def has_live_link(self, now: datetime) -> bool:
        """Whether its random link still works."""
        return self.link_expires_at is not None and self.link_expires_at >= now


def is_in(state: DeliveryState):  # type: ignore[no-untyped-def]
    """The predicate of the partial indexes, word for word: a bound value would not match them."""
    return Delivery.state == literal(state.value, literal_execute=True)


class Suppression(Base):
    """An address not to be written to, by a keyed hash: it outlives the erasing of the address."""

    __tablename__ = "suppressions"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    reason: Mapped[str]
    created_at: Mapped[datetime]


class Allowance(Base):
    """How many letters one address asked for on one day, by a hash whose key is that day's; deleted the day after."""

    __tablename__ = "letter_allowances"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    letters: Mapped[int]
    counted_at: Mapped[datetime] = mapped_column(index=True)


class Pace(Base):
    """How fast letters go to one receiving domain, or to the relay. The key is a keyed hash: domains are personal."""

    __tablename__ = "paces"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    next_at: Mapped[datetime | None]
    """When the next letter may go (the theoretical arrival time of the generic cell rate algorithm)."""
    slowed_to: Mapped[float | None]
    slowed_at: Mapped[datetime | None]
    day: Mapped[date | None]
    letters: Mapped[int] = mapped_column(default=0)
    """Letters of mailings on that day, where they are counted."""

    def _next_turn(self, now: datetime) -> datetime:
        return max(self.next_at or now, now)

    def letters_on(self, day: date) -> int:
        """How many letters of mailings have gone on a day."""
        return self.letters if self.day == day else 0

    def room(self, rate: float, now: datetime) -> int:
        """How many letters may go now, at so many a second."""
        return max(0, int((now + timedelta(seconds=max(1.0, 1 / rate)) - self._next_turn(now)).total_seconds() * rate))

    def take(self, letters: int, rate: float, now: datetime, of_mailings: int) -> None:
        """Count letters as gone, or, below zero, as not gone after all."""
        if rate:
            self.next_at = self._next_turn(now) + timedelta(seconds=letters / rate)
        if of_mailings:
            self.day, self.letters = now.date(), max(0, self.letters_on(now.date()) + of_mailings)
