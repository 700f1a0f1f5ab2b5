"""Published statements by pages, those that wait, and endorsements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import joinedload

from campaign.db import db
from campaign.signing.models import Appear, Signature
from campaign.signing.queries import is_confirmed
from campaign.statements.models import Endorsement, Statement, StatementState

PAGE = 30


@dataclass(frozen=True)
class Voice:
    """A statement as it shows: with the name that the signer chose to show, or none."""

    id: int
    body: str
    locale: str
    name: str | None
    country: str | None
    published_at: datetime


def published_statements(campaign_id: int, limit: int, before: tuple[datetime, int] | None = None) -> list[Voice]:
    """Published statements of those whose signature counts, newest first; `before` is the last (published_at, id)."""
    published = (
        select(Statement.id, Statement.body, Statement.locale, Signature.public_name, Signature.country,
               Signature.appear, Statement.published_at)
        .join(Signature, Signature.id == Statement.signature_id)
        .where(Statement.campaign_id == campaign_id, is_confirmed(),
               Statement.state == literal(StatementState.PUBLISHED, literal_execute=True))
    )  # fmt: skip
    if before is not None:
        published = published.where(tuple_(Statement.published_at, Statement.id) < before)
    rows = db.session.execute(published.order_by(Statement.published_at.desc(), Statement.id.desc()).limit(limit))
    return [
        Voice(
            row.id,
            row.body,
            row.locale,
            row.public_name,
            row.country if row.appear != Appear.COUNT else None,
            row.published_at,
        )
        for row in rows
    ]


def waiting_statements() -> Sequence[Statement]:
    """The statements that wait for a decision, oldest first; of confirmed signers only."""
    waiting = (
        select(Statement)
        .join(Statement.signature)
        .where(Statement.state == literal(StatementState.WAITING, literal_execute=True), is_confirmed())
    )
    return db.session.scalars(waiting.order_by(Statement.id).options(joinedload(Statement.signature))).all()


def has_statement(signature_id: int) -> bool:
    """Whether a signature has a statement, published or not."""
    return db.session.scalar(select(Statement.id).where(Statement.signature_id == signature_id)) is not None


def endorsements(campaign_id: int) -> Sequence[Endorsement]:
    """The approved endorsements, those that speak for most first."""
    approved = select(Endorsement).where(
        Endorsement.campaign_id == campaign_id, Endorsement.state == StatementState.PUBLISHED
    )
    return db.session.scalars(approved.order_by(Endorsement.represents.desc().nulls_last(), Endorsement.id)).all()
