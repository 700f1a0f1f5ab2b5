"""A heartbeat is written, taken back, forgotten."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, update

from campaign.db import db
from campaign.watching.models import Heartbeat

SILENT_LASTS = timedelta(hours=1)
"""For so long a worker that stopped without a word is remembered."""


@dataclass(frozen=True)
class Pulse:
    """What a worker says of itself; see `Heartbeat`."""

    doing: str
    failing: str | None = None
    failed_at: datetime | None = None


def beat(name: str, started_at: datetime, pulse: Pulse, now: datetime) -> None:
    """Say that the worker of this name lives, and forget those that have been silent for an hour."""
    said = {"beat_at": now, **asdict(pulse)}
    mine = update(Heartbeat).where(Heartbeat.name == name).execution_options(synchronize_session=False)
    if not db.session.execute(mine.values(said)).rowcount:  # type: ignore[attr-defined]
        db.session.add(Heartbeat(name=name, role="worker", started_at=started_at, **said))
    db.session.execute(delete(Heartbeat).where(Heartbeat.beat_at < now - SILENT_LASTS))
    db.session.flush()


def leave(name: str) -> None:
    """Take the heartbeat back: the worker stopped in good order."""
    db.session.execute(delete(Heartbeat).where(Heartbeat.name == name))
