"""Take a file in, say which column is which, import a part of it, undo, forget."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from flask_babel import gettext as _
from sqlalchemy import select

from campaign.campaigns.models import Campaign, revised
from campaign.db import db
from campaign.errors import Refusal
from campaign.sealing import Sealer, binding
from campaign.signing.paper.models import PaperBatch
from campaign.signing.paper.reading import Row, Wrong, decoded, headers

FILE_STAYS = timedelta(days=1)


class NotNow(Refusal):
    """The batch is no longer, or not yet, where this can be done."""


def take_file(campaign: Campaign, content: bytes, sealer: Sealer, by: str, now: datetime) -> PaperBatch:
    """Take a file in, sealed to the worker; only the names of its columns stay readable. Raises NotReadable."""
    text = decoded(content)
    batch_id = uuid4()
    batch = PaperBatch(
        id=batch_id,
        campaign_id=campaign.id,
        by=by,
        at=now,
        headers=headers(text),
        sealed=sealer.seal(text.encode(), binding("paper", campaign.id, batch_id.bytes)),
    )
    db.session.add(batch)
    db.session.flush()
    return batch


def describe(batch: PaperBatch, columns: Mapping[str, int], choices: Mapping[str, str]) -> None:
    """Say which column is which, and how those with an address are written to; raises NotNow."""
    if not batch.is_open or batch.rows_done:
        raise NotNow(_("This file has been imported, or is forgotten. Please choose it again."))
    batch.columns, batch.choices = dict(columns), dict(choices)


def check_importable(campaign: Campaign, batch: PaperBatch) -> None:
    """Raise NotNow when there is nothing to import, or nobody can sign."""
    if not batch.is_open or "name" not in batch.columns:
        raise NotNow(_("This file has been imported, or is forgotten. Please choose it again."))
    if not campaign.is_signable:
        raise NotNow(_("The campaign takes no signatures now."))


def note_done(batch: PaperBatch, rows: Sequence[Row | Wrong]) -> None:
    """Count rows whose letters are owed; of those without an address nothing but their number by country is kept."""
    on_paper = Counter(row.country for row in rows if isinstance(row, Row) and not row.email)
    batch.by_country = dict(Counter(batch.by_country) + on_paper)
    batch.on_paper += on_paper.total()
    batch.letters += sum(1 for row in rows if isinstance(row, Row) and row.email)
    batch.wrong += sum(1 for row in rows if isinstance(row, Wrong))
    batch.rows_done += len(rows)


def close(batch: PaperBatch, now: datetime) -> None:
    """The import has ended: from now on its paper counts, and the file is forgotten."""
    batch.imported_at = now
    batch.forget_file()
    db.session.execute(revised([batch.campaign_id]))


def undo_paper(batch: PaperBatch, by: str, now: datetime) -> None:
    """Count a batch's paper no longer. Letters that went out stay out: who confirmed has signed. Raises NotNow."""
    if batch.imported_at is None or batch.undone_at is not None:
        raise NotNow(_("There is nothing to undo."))
    batch.undone_by, batch.undone_at = by, now
    db.session.execute(revised([batch.campaign_id]))


def forget_files(now: datetime) -> None:
    """Forget the files that nobody imported within a day; one that was imported in part counts as far as it came."""
    old = select(PaperBatch).where(PaperBatch.sealed.is_not(None), PaperBatch.at < now - FILE_STAYS)
    for batch in db.session.scalars(old):
        if batch.rows_done:
            close(batch, now)
        else:
            db.session.delete(batch)
