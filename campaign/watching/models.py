"""Heartbeats: a row for each worker process."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from campaign.db import Base


class Heartbeat(Base):
    """That a worker process lives: a random name, when it last said so, and what it was doing.

    `doing`: the drains that were running. `failing`: the drain that went wrong last, with the error's class.
    """

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime] = mapped_column(index=True)
    doing: Mapped[str]
    failing: Mapped[str | None]
    failed_at: Mapped[datetime | None]
