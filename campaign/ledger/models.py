"""Ledger entries, and those that are due to be appended."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaign.db import Base, one_of, partial_index


class Change(StrEnum):
    """What an entry does to the count."""

    ADDED = "added"
    WITHDRAWN = "withdrawn"
    INVALIDATED = "invalidated"
    RESTORED = "restored"

    @property
    def step(self) -> int:
        """By how much the count changes."""
        return 1 if self in GROWTH else -1


GROWTH = (Change.ADDED, Change.RESTORED)
"""The changes by which the count grows."""


class LedgerEntry(Base):
    """One change of the count; never updated, never deleted (a trigger refuses both).

    `commitment` is a blinded stand-in for the signature: a SHA-256 over a secret that only the signer's receipt
    keeps. `count` is the public count after this entry, so that reading it costs one row. `round` says which time it
    is that this signature is invalidated or restored: a wrong invalidation is undone, a right one may follow.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        UniqueConstraint("campaign_id", "number"),
        UniqueConstraint("commitment", "change", "round"),
        partial_index("ix_ledger_entries_not_added", "campaign_id", "change", where="change <> 'added'"),
        one_of("change", Change),
        CheckConstraint("count >= 0", name="count"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    number: Mapped[int]
    change: Mapped[str]
    commitment: Mapped[bytes]
    round: Mapped[int] = mapped_column(default=0, server_default="0")
    count: Mapped[int]
    entered_at: Mapped[datetime]


class DueEntry(Base):
    """An entry that is owed to the ledger: written with what it tells of, appended in batches by the worker."""

    __tablename__ = "ledger_due_entries"
    __table_args__ = (
        UniqueConstraint("commitment", "change", "round"),
        one_of("change", Change),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    change: Mapped[str]
    commitment: Mapped[bytes]
    round: Mapped[int] = mapped_column(default=0, server_default="0")
