"""Invalidations, and which signatures each took."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign.db import Base, one_of, partial_index
from campaign.signing.models import Signature


class InvalidationKind(StrEnum):
    """Why signatures do not count."""

    FORGED = "forged"
    REPEATED = "repeated"
    TRIAL = "trial"
    OTHER = "other"


class Invalidation(Base):
    """One act by which an organizer takes signatures out of the count, for a reason that everybody can read.

    `criteria` says which: a domain, countries, times, never an address. `taken` and `restored` count what the worker
    has done so far. Undoing it is asked for once (`undone_at`) and done when `restored_at` is set.
    """

    __tablename__ = "invalidations"
    __table_args__ = (
        one_of("kind", InvalidationKind),
        CheckConstraint("restored_at IS NULL OR undone_at IS NOT NULL", name="undone_before_restored"),
        CheckConstraint("restored <= taken", name="restored"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    reason: Mapped[str]
    criteria: Mapped[dict[str, Any]] = mapped_column(JSON)
    by: Mapped[str]
    at: Mapped[datetime]
    taken: Mapped[int] = mapped_column(default=0)
    errand_id: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
    undone_at: Mapped[datetime | None]
    restored: Mapped[int] = mapped_column(default=0)
    restored_at: Mapped[datetime | None]

    @property
    def is_under_way(self) -> bool:
        """Whether the worker has still something to do for it."""
        return self.restored_at is None if self.undone_at is not None else self.ended_at is None


class Taken(Base):
    """A signature that an invalidation took; `round` says which time it was for this signature.

    Goes with the signature, when its signer takes it back or has it forgotten.
    """

    __tablename__ = "taken_signatures"
    __table_args__ = (
        UniqueConstraint("signature_id", "round"),
        partial_index("uq_taken_signatures_standing", "signature_id", where="restored_at IS NULL", unique=True),
        partial_index("ix_taken_signatures_standing", "invalidation_id", "id", where="restored_at IS NULL"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    invalidation_id: Mapped[int] = mapped_column(ForeignKey("invalidations.id", ondelete="CASCADE"), index=True)
    signature_id: Mapped[int] = mapped_column(ForeignKey("signatures.id", ondelete="CASCADE"))
    round: Mapped[int]
    restored_at: Mapped[datetime | None]

    signature: Mapped[Signature] = relationship()
