"""Proposing statements and endorsing; deciding on both, and taking decisions back; forgetting."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import delete, select

from campaign.db import Translated, db
from campaign.errors import Refusal
from campaign.mailing.models import Delivery, DeliveryState, News, is_in
from campaign.mailing.operations import Owed, owe_letter
from campaign.organizers.models import Organizer
from campaign.sealing import binding
from campaign.signing.models import Signature
from campaign.signing.operations import Answering, Request, mail_link
from campaign.signing.queries import pending_signatures
from campaign.statements.cases import newest_decision
from campaign.statements.models import (
    Act,
    Decision,
    Endorsement,
    EndorsementState,
    Item,
    Reason,
    Statement,
    StatementState,
)
from campaign.statements.queries import CONFIRM_ENDORSEMENT, is_unconfirmed, newest_unconfirmed


class OneStatementEach(Refusal):
    """The signer has left a statement already."""


def propose(signature: Signature, body: str, now: datetime) -> Statement:
    """Leave a statement with a signature, to be moderated; raises OneStatementEach."""
    if db.session.scalar(select(Statement.id).where(Statement.signature_id == signature.id)) is not None:
        raise OneStatementEach(_("You have left a statement already."))
    statement = Statement(
        campaign_id=signature.campaign_id, signature=signature, body=body, locale=signature.locale,
        country=signature.country, made_at=now,
    )  # fmt: skip
    db.session.add(statement)
    db.session.flush()
    return statement


def say(signature: Signature, body: str, now: datetime) -> None:
    """Leave a statement, or other words than before: those are new, and wait for a decision of their own."""
    said = db.session.scalar(select(Statement).where(Statement.signature_id == signature.id))
    if said is not None and said.body == body:
        return
    if said is not None:
        take_statement_back(said)
    propose(signature, body, now)


def take_statement_back(statement: Statement) -> None:
    """Delete a statement, with what was decided on it."""
    take_letter_back(statement)
    db.session.delete(statement)
    db.session.flush()


@dataclass(frozen=True)
class EndorsementDraft:
    """An organisation's support, as somebody described it."""

    organisation: str
    country: str | None = None
    represents: int | None = None
    speaker: str | None = None
    office: str | None = None
    is_personal: bool = False
    statement: Translated | None = None
    source: str | None = None


def add_endorsement(campaign_id: int, draft: EndorsementDraft, now: datetime) -> Endorsement:
    """Add an endorsement that an organizer vouches for."""
    endorsement = Endorsement(
        campaign_id=campaign_id,
        state=EndorsementState.PUBLISHED,
        made_at=now,
        decided_at=now,
        published_at=now,
        **vars(draft),
    )
    db.session.add(endorsement)
    db.session.flush()
    return endorsement


def request_to_endorse(locale: str, email: str, draft: EndorsementDraft) -> Request:
    """What somebody typed to endorse, ready to be sealed."""
    return Request(kind="endorse", locale=locale, email=email, details=asdict(draft))


def endorse(request: Request, at: Answering) -> None:
    """Keep an endorsement sealed, and ask the address to confirm it. The answer is the same for any address."""
    if not at.campaign.is_signable:
        return
    endorsement = Endorsement(
        campaign_id=at.campaign.id,
        reader_id=at.reader.id,
        state=EndorsementState.UNCONFIRMED,
        sealed=b"",
        made_at=at.now,
    )
    db.session.add(endorsement)
    db.session.flush()
    draft = EndorsementDraft(**request.details)  # what does not fit is not kept
    endorsement.sealed = at.sealer.seal(json.dumps(asdict(draft)).encode(), sealed_to(endorsement))
    at.write(CONFIRM_ENDORSEMENT, endorsement.id, has_link=True)


def endorse_again(_request: Request, at: Answering) -> None:
    """A new letter to whoever has not confirmed an endorsement yet: the link of the last one no longer works."""
    endorsement_id = newest_unconfirmed(at.reader.id)
    if endorsement_id is not None:
        at.write(CONFIRM_ENDORSEMENT, endorsement_id, has_link=True)


def mail_lost_link(request: Request, at: Answering) -> None:
    """The link that somebody lost: to the endorsement, if that is all there is to confirm."""
    endorsement_id = newest_unconfirmed(at.reader.id)
    if endorsement_id is not None and at.reader.confirmed_at is None and not pending_signatures(at.reader.id):
        at.write(CONFIRM_ENDORSEMENT, endorsement_id, has_link=True)
    else:
        mail_link(request, at)


def sealed_to(endorsement: Endorsement) -> bytes:
    """What binds the sealed words of an endorsement to their row."""
    return binding("endorsement", endorsement.campaign_id, endorsement.id.to_bytes(8, "big"))


def confirm_endorsement(endorsement: Endorsement, now: datetime) -> None:
    """The address is its owner's, and the endorsement waits for a decision from now on; idempotent."""
    db.session.refresh(endorsement, with_for_update=True)
    if endorsement.state != EndorsementState.UNCONFIRMED:
        return
    endorsement.state, endorsement.made_at = EndorsementState.WAITING, now
    reader = endorsement.reader
    if reader is not None and reader.confirmed_at is None:
        reader.news = News.NONE  # who endorses has not asked for news
        reader.confirm(now)


def open_endorsement(endorsement: Endorsement, plain: bytes, domain: str) -> None:
    """Show to the moderators what was sealed, and the domain of the address that confirmed it."""
    for name, value in json.loads(plain).items():
        setattr(endorsement, name, value)
    endorsement.sealed, endorsement.proved_domain = None, domain


def take_endorsement_back(endorsement: Endorsement) -> None:
    """Delete an endorsement with all that it held."""
    take_letter_back(endorsement)
    db.session.delete(endorsement)
    db.session.flush()


def forget_old_endorsements(now: datetime, lasts: timedelta) -> None:
    """Delete what was not confirmed for so long."""
    db.session.execute(delete(Endorsement).where(is_unconfirmed(), Endorsement.made_at < now - lasts))


# Deciding


class DecidedMeanwhile(Refusal):
    """Somebody else decided since this was looked at."""

    status = 409


class NotToBeDecided(Refusal):
    """As it stands, this cannot be decided of it."""

    status = 409


class NeedsReason(Refusal):
    """Nothing is rejected without a reason."""


@dataclass(frozen=True)
class Verdict:
    """What is decided, and why; the reason is kept for the team."""

    act: Act
    reason: Reason | None = None
    note: str | None = None

    @property
    def is_explained(self) -> bool:
        """Whether it says why, where it has to."""
        return self.act != Act.REJECTED or bool(self.note) or self.reason not in (None, Reason.OTHER)


@dataclass(frozen=True)
class Moderator:
    """Who decides, when, and which decision was the newest that this person saw; `seen` None: whatever was decided."""

    organizer: Organizer | None
    now: datetime
    seen: int | None = None


MAY_FOLLOW = {
    Act.PUBLISHED: (StatementState.WAITING, StatementState.HELD, StatementState.REJECTED),
    Act.REJECTED: (StatementState.WAITING, StatementState.HELD, StatementState.PUBLISHED),
    Act.HELD: (StatementState.WAITING,),
    Act.RETURNED: (StatementState.HELD, StatementState.PUBLISHED, StatementState.REJECTED),
}
"""What may be decided of something that is in one of these states."""

STATE_AFTER = {
    Act.PUBLISHED: StatementState.PUBLISHED,
    Act.REJECTED: StatementState.REJECTED,
    Act.HELD: StatementState.HELD,
    Act.RETURNED: StatementState.WAITING,
}


def decide(item: Item, verdict: Verdict, moderator: Moderator) -> Decision:
    """Decide on a statement or an endorsement; raises DecidedMeanwhile, NotToBeDecided or NeedsReason."""
    if not verdict.is_explained:
        raise NeedsReason(_("Please say why: choose a reason, or write one."))
    _lock(item, verdict, moderator)
    item.state, item.decided_at = STATE_AFTER[verdict.act], moderator.now
    item.published_at = moderator.now if verdict.act == Act.PUBLISHED else None
    if isinstance(item, Statement):
        item.is_chosen = False
    decision = Decision(
        campaign_id=item.campaign_id,
        organizer_id=moderator.organizer.id if moderator.organizer else None,
        made_at=moderator.now,
        **{f"{item.kind}_id": item.id},
        **vars(verdict),
    )
    db.session.add(decision)
    if verdict.act == Act.PUBLISHED:
        _tell(item, moderator.now)
    else:
        take_letter_back(item)
    db.session.flush()
    return decision


def _lock(item: Item, verdict: Verdict, moderator: Moderator) -> None:
    """Let nobody else decide now; look again at how it stands."""
    locked = db.session.get(type(item), item.id, with_for_update=True, populate_existing=True)
    if locked is None:
        raise NotToBeDecided(_("It is gone: whoever wrote it has taken it back."))
    newest = newest_decision(item)
    if moderator.seen is not None and newest is not None and newest.id != moderator.seen:
        raise DecidedMeanwhile(newest.told())
    if item.state not in MAY_FOLLOW[verdict.act]:
        raise NotToBeDecided(newest.told() if newest else _("It is decided already."))


def choose(statement: Statement, *, is_chosen: bool) -> bool:
    """Let published words stand first, or no longer, and say whether that is new.

    Raises NotToBeDecided for words that nobody sees.
    """
    locked = db.session.get(Statement, statement.id, with_for_update=True, populate_existing=True)
    if locked is None or locked.state != StatementState.PUBLISHED:
        raise NotToBeDecided(_("Only words that are published can stand first."))
    is_new, locked.is_chosen = locked.is_chosen != is_chosen, is_chosen
    db.session.flush()
    return is_new


def approve(item: Item, now: datetime) -> bool:
    """Publish by command, and say whether it was not published before."""
    is_new = item.state != StatementState.PUBLISHED
    if is_new:
        decide(item, Verdict(Act.PUBLISHED), Moderator(None, now))
    return is_new


def _tell(item: Item, now: datetime) -> None:
    """Write, once, to whoever wrote it: a person may not want news, but asked for this."""
    reader = item.reader
    if item.told_at is None and reader is not None and reader.unsubscribed_at is None:
        owe_letter(Owed(reader, f"{item.kind}_published", item.id), now)
        item.told_at = now


def take_letter_back(item: Item) -> None:
    """Do not send the letter that tells of the publishing, if it is not on its way yet."""
    reader = item.reader
    if item.told_at is None or reader is None:
        return
    letter = delete(Delivery).where(
        Delivery.reader_id == reader.id,
        Delivery.letter == f"{item.kind}_published",
        Delivery.subject_id == item.id,
        is_in(DeliveryState.DUE),
    )
    if db.session.execute(letter.returning(Delivery.id)).first() is not None:
        item.told_at = None
