"""Proposing statements, and deciding on them."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select

from campaign.db import Translated, db
from campaign.errors import Refusal
from campaign.mailing.operations import Owed, owe_letter
from campaign.signing.models import Signature
from campaign.statements.models import Endorsement, Statement, StatementState

STATEMENT_PUBLISHED = "statement_published"


class OneStatementEach(Refusal):
    """The signer has left a statement already."""


def propose(signature: Signature, body: str, now: datetime) -> Statement:
    """Leave a statement with a signature, to be moderated; raises OneStatementEach."""
    if db.session.scalar(select(Statement.id).where(Statement.signature_id == signature.id)) is not None:
        raise OneStatementEach(_("You have left a statement already."))
    statement = Statement(
        campaign_id=signature.campaign_id, signature=signature, body=body, locale=signature.locale, made_at=now
    )
    db.session.add(statement)
    db.session.flush()
    return statement


def approve(statement: Statement, now: datetime) -> None:
    """Publish a statement, and write to its signer, who may not want news but asked for this."""
    if statement.state == StatementState.PUBLISHED:
        return
    statement.state, statement.published_at, statement.reason = StatementState.PUBLISHED, now, None
    reader = statement.signature.reader
    if reader.unsubscribed_at is None:
        owe_letter(Owed(reader, STATEMENT_PUBLISHED, statement.id), now)


def reject(statement: Statement, reason: str) -> None:
    """Keep a statement from showing."""
    statement.state, statement.published_at, statement.reason = StatementState.REJECTED, None, reason


@dataclass(frozen=True)
class EndorsementDraft:
    """An organisation's support, as somebody described it."""

    organisation: str
    country: str | None = None
    represents: int | None = None
    speaker: str | None = None
    statement: Translated | None = None
    source: str | None = None


def add_endorsement(campaign_id: int, draft: EndorsementDraft) -> Endorsement:
    """Add an endorsement that an organizer vouches for."""
    endorsement = Endorsement(campaign_id=campaign_id, state=StatementState.PUBLISHED, **vars(draft))
    db.session.add(endorsement)
    db.session.flush()
    return endorsement
