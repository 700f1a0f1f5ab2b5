"""Statements and endorsements."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign.campaigns.models import OnThePage
from campaign.db import Base, Translated, one_of, partial_index
from campaign.signing.models import Signature


class StatementState(StrEnum):
    """Where a statement stands."""

    WAITING = "waiting"
    PUBLISHED = "published"
    REJECTED = "rejected"


_IS_PUBLISHED = "state = 'published'"


class Statement(OnThePage, Base):
    """A signer's words. They go with the signature, and show with the name that the signer chose to show."""

    __tablename__ = "statements"
    __table_args__ = (
        one_of("state", StatementState),
        partial_index("ix_statements_published", "campaign_id", "published_at", "id", where=_IS_PUBLISHED),
        partial_index("ix_statements_waiting", "id", where="state = 'waiting'"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    signature_id: Mapped[int] = mapped_column(ForeignKey("signatures.id", ondelete="CASCADE"), unique=True)
    body: Mapped[str]
    locale: Mapped[str]
    state: Mapped[str] = mapped_column(default=StatementState.WAITING)
    reason: Mapped[str | None]
    made_at: Mapped[datetime]
    published_at: Mapped[datetime | None]

    signature: Mapped[Signature] = relationship()


class Endorsement(OnThePage, Base):
    """An organisation's support: who speaks for it, for how many members."""

    __tablename__ = "endorsements"
    __table_args__ = (one_of("state", StatementState),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    organisation: Mapped[str]
    country: Mapped[str | None]
    represents: Mapped[int | None]
    speaker: Mapped[str | None]
    statement: Mapped[Translated | None]
    source: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=StatementState.WAITING)
