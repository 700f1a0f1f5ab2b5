"""Batches of signatures on paper."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import JSON, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from campaign.db import Base, partial_index
from campaign.signing.counting.models import Breakdown

_IS_COUNTED = "imported_at IS NOT NULL AND undone_at IS NULL"


class PaperBatch(Base):
    """A file of signatures from paper, from its upload to what is kept of it: numbers by country, no names.

    `sealed` is the file, sealed to the worker until the import ends or the day is over. `rows_done` grows in the
    transaction that does the rows, so that an import which is broken off goes on where it stopped.
    """

    __tablename__ = "paper_batches"
    __table_args__ = (
        partial_index("ix_paper_batches_counted", "campaign_id", where=_IS_COUNTED),
        CheckConstraint("on_paper >= 0 AND letters >= 0 AND wrong >= 0", name="numbers"),
        CheckConstraint("undone_at IS NULL OR imported_at IS NOT NULL", name="imported_before_undone"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    by: Mapped[str]
    at: Mapped[datetime]
    sealed: Mapped[bytes | None]
    headers: Mapped[list[str]]
    columns: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    choices: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    errand_id: Mapped[UUID | None]
    rows_done: Mapped[int] = mapped_column(default=0)
    letters: Mapped[int] = mapped_column(default=0)
    on_paper: Mapped[int] = mapped_column(default=0)
    wrong: Mapped[int] = mapped_column(default=0)
    by_country: Mapped[Breakdown] = mapped_column(JSON, default=dict)
    imported_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
    undone_at: Mapped[datetime | None]

    @property
    def is_open(self) -> bool:
        """Whether it can still be read and imported."""
        return self.sealed is not None and self.imported_at is None

    def forget_file(self) -> None:
        """Keep the numbers, nothing of what the file said."""
        self.sealed, self.headers = None, []
