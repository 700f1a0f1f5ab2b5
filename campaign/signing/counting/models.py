"""What the worker counted."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from campaign.db import Base

Breakdown = dict[str, int]
"""How many signatures, by a day, a country's code, a locale, a source or a state."""


class SignatureStatistics(Base):
    """A campaign's signatures counted, as of a moment; `stamp` says of which state of things.

    `countries` is from how many countries they are, which the campaign's page says.
    """

    __tablename__ = "signature_statistics"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True)
    stamp: Mapped[str]
    breakdowns: Mapped[dict[str, Breakdown]] = mapped_column(JSON)
    countries: Mapped[int] = mapped_column(default=0, server_default="0")
    counted_at: Mapped[datetime]
