"""The worker's part: append what is owed."""

from sqlalchemy import text

from campaign import clock
from campaign.db import db, is_sqlite
from campaign.ledger.operations import append_due

BATCH = 500
_APPENDER = 0x1ED6E5
"""The PostgreSQL advisory lock that lets one appender at a time through."""


def append_entries() -> None:
    """Append all that is owed, a batch a transaction."""
    while True:
        if not is_sqlite():
            db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _APPENDER})
        appended = append_due(BATCH, clock.now())
        db.session.commit()
        if appended < BATCH:
            return
