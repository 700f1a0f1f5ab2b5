"""Readers, mailings, deliveries, suppressed addresses and daily allowances."""

import os
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, literal
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign.db import Base, one_of, partial_index


class News(StrEnum):
    """Which news a reader wants."""

    ALL = "all"
    STATUS = "status"
    NONE = "none"


class DeliveryState(StrEnum):
    """Where one letter to one reader stands."""

    DUE = "due"
    LEASED = "leased"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCERTAIN = "uncertain"


class MailingState(StrEnum):
    """Where the letters of one update stand."""

    SENDING = "sending"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


IS_READING = "confirmed_at IS NOT NULL AND unsubscribed_at IS NULL"
"""Who gets letters of updates: the predicate of an index, by which they are counted without being read."""


class Reader(Base):
    """An address that gets letters of one campaign; an organizer's is of none. Only the worker can open it."""

    __tablename__ = "readers"
    __table_args__ = (
        UniqueConstraint("campaign_id", "fingerprint"),
        partial_index("uq_readers_of_no_campaign", "fingerprint", where="campaign_id IS NULL", unique=True),
        partial_index("ix_readers_unconfirmed", "created_at", where="confirmed_at IS NULL"),
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

    def wants(self, is_status: bool) -> bool:
        """Whether an update (of a status, or of anything else) is to be told to this reader."""
        if self.confirmed_at is None or self.unsubscribed_at is not None or self.held_at is not None:
            return False
        return self.news == News.ALL or (is_status and self.news == News.STATUS)

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
    """The letters of one update, owed in the order of the readers: up to `spread_to`, `spread_count` so far."""

    __tablename__ = "mailings"
    __table_args__ = (one_of("state", MailingState),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    update_id: Mapped[int] = mapped_column(ForeignKey("updates.id", ondelete="CASCADE"), unique=True)
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


class Delivery(Base):
    """One letter to one reader: the queue and the record.

    `link_seed` is set where the letter carries a random link; `link_hash` is the SHA-256 of that link's token.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("mailing_id", "reader_id"),
        partial_index("ix_deliveries_due", "mailing_id", "id", where="state = 'due'"),
        partial_index("ix_deliveries_leased", "mailing_id", "lease_until", where="state = 'leased'"),
        *(
            partial_index(f"ix_deliveries_{state}", "mailing_id", "code", where=f"state = '{state}'")
            for state in (DeliveryState.FAILED, DeliveryState.SKIPPED, DeliveryState.UNCERTAIN)
        ),
        one_of("state", DeliveryState),
        CheckConstraint("(state = 'leased') = (owner IS NOT NULL)", name="lease"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailings.id", ondelete="CASCADE"))
    reader_id: Mapped[int | None] = mapped_column(ForeignKey("readers.id", ondelete="SET NULL"), index=True)
    letter: Mapped[str]
    subject_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(default=DeliveryState.DUE)
    attempts: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime]
    code: Mapped[int | None]
    link_seed: Mapped[bytes | None]
    link_hash: Mapped[bytes | None] = mapped_column(unique=True)
    link_expires_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]

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
