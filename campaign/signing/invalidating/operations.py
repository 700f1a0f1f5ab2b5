"""Begin an invalidation, take a batch of signatures, undo, give a batch back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _

from campaign.campaigns.models import revised
from campaign.db import db
from campaign.errors import Refusal
from campaign.ledger.models import Change
from campaign.ledger.operations import owe_all
from campaign.signing.invalidating.models import Invalidation, InvalidationKind, Taken
from campaign.signing.invalidating.queries import Criteria, times_taken
from campaign.signing.models import Signature


class UndoneAlready(Refusal):
    """An invalidation is undone once; a right one may follow."""


@dataclass(frozen=True)
class Verdict:
    """Why signatures do not count, in words that everybody can read, and which."""

    kind: InvalidationKind
    reason: str
    criteria: Criteria


def begin(campaign_id: int, verdict: Verdict, by: str, now: datetime) -> Invalidation:
    """Note an invalidation; the worker carries it out. Raises Refusal where everybody would be meant."""
    if verdict.criteria.are_none:
        raise Refusal(_("Please say which signatures you mean: without that, all of them would be taken."))
    begun = Invalidation(
        campaign_id=campaign_id,
        kind=verdict.kind,
        reason=verdict.reason,
        criteria=verdict.criteria.kept(),
        by=by,
        at=now,
        taken=0,
        restored=0,
    )
    db.session.add(begun)
    db.session.flush()
    return begun


def take(invalidation: Invalidation, signatures: Sequence[Signature], now: datetime) -> None:
    """Take signatures out of the count. No news goes to their readers meanwhile, whatever the kind: an address that was
    only typed in by somebody else must not get letters, and for the others a pause does less harm."""
    turns = times_taken([signature.id for signature in signatures])
    for signature in signatures:
        signature.invalidate(invalidation.reason)
        signature.reader.held_at = now
        turn = turns.get(signature.id, 0)
        db.session.add(Taken(invalidation_id=invalidation.id, signature_id=signature.id, round=turn))
    entries = [(signature.commitment, turns.get(signature.id, 0)) for signature in signatures]
    owe_all(invalidation.campaign_id, Change.INVALIDATED, entries)
    invalidation.taken += len(signatures)
    db.session.execute(revised([invalidation.campaign_id]))


def undo(invalidation: Invalidation, by: str, now: datetime) -> None:
    """Ask that all be given back that an invalidation took and that is still there; raises UndoneAlready."""
    if invalidation.undone_at is not None:
        raise UndoneAlready(_("This has been undone already."))
    invalidation.undone_by, invalidation.undone_at = by, now


def give_back(invalidation: Invalidation, taken: Sequence[Taken], now: datetime) -> None:
    """Let signatures count again."""
    for one in taken:
        one.signature.restore()
        one.signature.reader.held_at = None
        one.restored_at = now
    owe_all(invalidation.campaign_id, Change.RESTORED, [(one.signature.commitment, one.round) for one in taken])
    invalidation.restored += len(taken)
    db.session.execute(revised([invalidation.campaign_id]))
