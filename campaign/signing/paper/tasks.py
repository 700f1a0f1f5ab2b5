"""The worker's part: try a file without changing anything, and import it; both can be run again from the start."""

from typing import Any
from uuid import UUID

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.i18n import speaking
from campaign.mailing.models import News
from campaign.opening import Keyring
from campaign.organizers.models import Errand
from campaign.organizers.tasks import hold
from campaign.sealing import binding
from campaign.signing.operations import Request
from campaign.signing.paper.models import PaperBatch
from campaign.signing.paper.operations import close, note_done
from campaign.signing.paper.queries import locked_batch, paper_batch
from campaign.signing.paper.reading import NotReadable, Row, Wrong, errors_file, read
from campaign.signing.tasks import answer

BATCH = 50
"""How many rows one transaction imports: few, so that SQLite's write lock is held briefly."""

PAPER = "paper"
"""The source of those who confirm by a letter that a list on paper brought them."""


def check_paper(errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """How an import would go, and the rows that are wrong as a file without a word of what they say."""
    batch = paper_batch(errand.campaign_id or 0, UUID(payload["batch_id"]))
    if batch is None or batch.sealed is None:
        return {"gone": True}
    with speaking(payload["locale"]):
        try:
            rows = _rows(batch, keys)
        except NotReadable as refusal:
            return {"unreadable": str(refusal.sentence)}
        wrong = [row for row in rows if isinstance(row, Wrong)]
        errand.file = errors_file(wrong) if wrong else None
    right = [row for row in rows if isinstance(row, Row)]
    letters = sum(1 for row in right if row.email)
    return {"letters": letters, "on_paper": len(right) - letters, "wrong": len(wrong)}


def import_paper(errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """Import what is not imported yet, some rows a transaction; how far it is stands in the same transaction."""
    campaign_id, batch_id = errand.campaign_id or 0, UUID(payload["batch_id"])
    rows: list[Row | Wrong] | None = None
    while True:
        batch = locked_batch(campaign_id, batch_id)
        if not batch.is_open:
            return {"letters": batch.letters, "on_paper": batch.on_paper, "wrong": batch.wrong}
        rows = _rows(batch, keys) if rows is None else rows
        _import_next(batch, rows, keys)
        errand.total = len(rows)
        hold(errand, batch.rows_done)


def _import_next(batch: PaperBatch, rows: list[Row | Wrong], keys: Keyring) -> None:
    campaign = db.session.get_one(Campaign, batch.campaign_id)
    part = rows[batch.rows_done : batch.rows_done + BATCH]
    for row in part:
        if isinstance(row, Row) and row.email:
            answer(_request(row, batch), campaign, keys)
    note_done(batch, part)
    if batch.rows_done >= len(rows):
        close(batch, clock.now())


def _request(row: Row, batch: PaperBatch) -> Request:
    """What the web would have made of it. No news: nobody wished for any on paper."""
    return Request(
        kind="sign",
        locale=batch.choices["locale"],
        email=row.email,
        name=row.name,
        country=row.country,
        city=row.city,
        affiliation=row.affiliation,
        appear=batch.choices["appear"],
        news=News.NONE,
        source=PAPER,
    )


def _rows(batch: PaperBatch, keys: Keyring) -> list[Row | Wrong]:
    """The same at every call for one batch, whatever the day."""
    text = keys.open(batch.sealed or b"", binding("paper", batch.campaign_id, batch.id.bytes)).decode()
    return list(read(text, batch.columns, batch.choices.get("country", ""), batch.at.date()))
