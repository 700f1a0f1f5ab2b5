"""Dossiers: what was made to be handed in, and the letter on top of it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaign.db import Base


class Dossier(Base):
    """What an organizer chose to hand in. Numbers and names are as they stand when it is read."""

    __tablename__ = "dossiers"
    __table_args__ = (
        UniqueConstraint("campaign_id", "number"),
        CheckConstraint("statements >= 0", name="statements"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    number: Mapped[int]
    locale: Mapped[str]
    country: Mapped[str | None]
    cover_letter: Mapped[str]
    has_names: Mapped[bool]
    statements: Mapped[int]
    made_at: Mapped[datetime]
