"""Batches of paper, and how many signatures they hold."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from campaign.db import db
from campaign.signing.counting.models import Breakdown
from campaign.signing.paper.models import PaperBatch

_IS_COUNTED = (PaperBatch.imported_at.is_not(None), PaperBatch.undone_at.is_(None))


def batches(campaign_id: int) -> Sequence[PaperBatch]:
    """The batches of a campaign, newest first."""
    found = select(PaperBatch).where(PaperBatch.campaign_id == campaign_id)
    return db.session.scalars(found.order_by(PaperBatch.at.desc())).all()


def paper_batch(campaign_id: int, batch_id: UUID) -> PaperBatch | None:
    """One of them."""
    found = select(PaperBatch).where(PaperBatch.campaign_id == campaign_id, PaperBatch.id == batch_id)
    return db.session.scalar(found)


def locked_batch(campaign_id: int, batch_id: UUID) -> PaperBatch:
    """The same, as it is now, for this transaction alone."""
    found = select(PaperBatch).where(PaperBatch.campaign_id == campaign_id, PaperBatch.id == batch_id)
    return db.session.scalars(found.with_for_update().execution_options(populate_existing=True)).one()


def count_on_paper(campaign_id: int) -> int:
    """How many signatures on paper stand beside the count."""
    total = select(func.sum(PaperBatch.on_paper)).where(PaperBatch.campaign_id == campaign_id, *_IS_COUNTED)
    return db.session.scalar(total) or 0


def on_paper_by_country(campaign_id: int) -> Breakdown:
    """The same by country, the most first."""
    counted = select(PaperBatch.by_country).where(PaperBatch.campaign_id == campaign_id, *_IS_COUNTED)
    total: Counter[str] = Counter()
    for by_country in db.session.scalars(counted):
        total.update(by_country)
    return dict(total.most_common())
