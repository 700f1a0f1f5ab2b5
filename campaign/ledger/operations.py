"""Owing entries to the ledger, and appending what is owed."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select

from campaign.db import db
from campaign.ledger.models import Change, DueEntry, LedgerEntry
from campaign.ledger.queries import last_entry


def owe(campaign_id: int, change: Change, commitment: bytes, turn: int = 0) -> None:
    """Owe the ledger an entry; part of the transaction that makes it true.

    `turn`: which time it is that this signature is invalidated or restored.
    """
    db.session.add(DueEntry(campaign_id=campaign_id, change=change, commitment=commitment, round=turn))
    db.session.flush()


def owe_all(campaign_id: int, change: Change, entries: Iterable[tuple[bytes, int]]) -> None:
    """Owe many entries of one kind: each a commitment and its turn."""
    db.session.add_all(
        DueEntry(campaign_id=campaign_id, change=change, commitment=commitment, round=turn)
        for commitment, turn in entries
    )
    db.session.flush()


def append_due(limit: int, now: datetime) -> int:
    """Append at most `limit` of the owed entries, oldest first; says how many. One appender at a time."""
    due = db.session.scalars(select(DueEntry).order_by(DueEntry.id).limit(limit).with_for_update()).all()
    by_campaign = defaultdict(list)
    for entry in due:
        by_campaign[entry.campaign_id].append(entry)
    for campaign_id, entries in by_campaign.items():
        _append(campaign_id, entries, now)
    db.session.execute(delete(DueEntry).where(DueEntry.id.in_([entry.id for entry in due])))
    return len(due)


def _append(campaign_id: int, entries: list[DueEntry], now: datetime) -> None:
    last = last_entry(campaign_id)
    number, count = (last.number, last.count) if last else (0, 0)
    for entry in entries:
        number, count = number + 1, count + Change(entry.change).step
        db.session.add(
            LedgerEntry(
                campaign_id=campaign_id,
                number=number,
                change=entry.change,
                commitment=entry.commitment,
                round=entry.round,
                count=count,
                entered_at=now,
            )
        )
    db.session.flush()
