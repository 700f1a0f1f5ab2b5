"""Take a request in; answer it with a letter; confirm, change, withdraw, erase."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, select

from campaign.campaigns.models import Campaign, revised
from campaign.campaigns.operations import version_signed
from campaign.db import db
from campaign.ledger.models import Change
from campaign.ledger.operations import owe
from campaign.mailing.models import CONFIRM_FOLLOWING, News, Reader
from campaign.mailing.operations import Owed, call_off_reminders, forget_reader, owe_letter
from campaign.sealing import Sealer, binding
from campaign.signing.models import Appear, Intake, Signature, SignatureState, new_secret
from campaign.signing.queries import (
    CONFIRM_SIGNATURE,
    is_pending,
    newest_pending_signature,
    pending_signatures,
    standing_signature,
)

FAILED_INTAKE_LASTS = timedelta(days=7)
ALREADY_SIGNED = "already_signed"
ALREADY_FOLLOWS = "already_follows"


@dataclass(frozen=True, repr=False)
class Request:
    """What somebody typed, between the web that seals it and the worker that opens it."""

    kind: str
    locale: str
    email: str = ""
    delivery_id: int | None = None
    news: str = News.NONE
    appear: str = Appear.COUNT
    country: str = ""
    name: str = ""
    city: str = ""
    affiliation: str = ""
    statement: str = ""
    text_version_id: int | None = None
    source: str = ""
    may_contact: bool = False
    details: dict[str, Any] = field(default_factory=dict)
    """What a kind of request holds that a room above has added."""

    def private_part(self) -> bytes:
        """What stays sealed until the signing is confirmed."""
        kept = {"name": self.name, "city": self.city, "affiliation": self.affiliation, "statement": self.statement}
        return json.dumps(kept).encode()


def take(campaign: Campaign, request: Request, sealer: Sealer, now: datetime) -> Intake:
    """Take a request in: sealed to the worker, bound to the campaign and to its row. Looks nothing up."""
    row_id = uuid4()
    sealed = sealer.seal(json.dumps(asdict(request)).encode(), binding("intake", campaign.id, row_id.bytes))
    intake = Intake(id=row_id, campaign_id=campaign.id, sealed=sealed, received_at=now)
    db.session.add(intake)
    db.session.flush()
    return intake


@dataclass(frozen=True)
class Answering:
    """What answering a request takes besides the request: the reader who asks, the sealer, the maker of links."""

    campaign: Campaign
    reader: Reader
    sealer: Sealer
    link_token: Callable[[str, bytes], str]
    now: datetime

    def write(self, letter: str, subject_id: int | None = None, *, has_link: bool = False) -> None:
        """Owe the reader a letter."""
        owe_letter(Owed(self.reader, letter, subject_id), self.now, self.link_token if has_link else None)


def sign(request: Request, at: Answering) -> None:
    """A new pending signature and the letter that confirms it; who signed before is told so."""
    _speak_as_asked(request, at.reader)
    if standing_signature(at.reader.id) is not None:
        at.write(ALREADY_SIGNED)
    elif at.campaign.is_signable:
        at.write(CONFIRM_SIGNATURE, _add_pending(request, at).id, has_link=True)


def follow(request: Request, at: Answering) -> None:
    """News without a signature, once the address is confirmed; whoever confirmed before gets the link to "yours"."""
    _speak_as_asked(request, at.reader)
    if standing_signature(at.reader.id) is not None:
        at.write(ALREADY_SIGNED)
    elif at.reader.confirmed_at is not None:
        at.write(ALREADY_FOLLOWS)  # whoever reads it may choose other news there; whoever asked here may not
    else:
        at.reader.news = request.news
        at.write(CONFIRM_FOLLOWING, has_link=True)


def _speak_as_asked(request: Request, reader: Reader) -> None:
    """Until the address is confirmed its letters speak the language in which was asked last; then its owner's."""
    if reader.confirmed_at is None:
        reader.locale = request.locale
    call_off_reminders(reader.id)  # a new letter asks


def mail_link(request: Request, at: Answering) -> None:
    """The link that somebody lost: to "yours" if confirmed, else to what is still to be confirmed."""
    pending = newest_pending_signature(at.reader.id)
    if standing_signature(at.reader.id) is not None:
        at.write(ALREADY_SIGNED)
    elif at.reader.confirmed_at is not None and pending is None:
        at.write(ALREADY_FOLLOWS)
    elif pending is not None:
        at.write(CONFIRM_SIGNATURE, pending.id, has_link=True)
    else:
        at.write(CONFIRM_FOLLOWING, has_link=True)


def _add_pending(request: Request, at: Answering) -> Signature:
    secret, commitment = new_secret()
    signature = Signature(
        campaign_id=at.campaign.id,
        reader_id=at.reader.id,
        appear=request.appear,
        news=request.news,
        locale=request.locale,
        country=request.country,
        source=request.source or None,
        may_contact=request.may_contact,
        sealed=at.sealer.seal(request.private_part(), binding("signer", at.campaign.id, commitment)),
        secret=secret,
        commitment=commitment,
        signed_at=at.now,
        text_version=version_signed(at.campaign, request.text_version_id, request.locale, at.now),
    )
    db.session.add(signature)
    db.session.flush()
    return signature


def confirm(signature: Signature, now: datetime) -> Signature:
    """Count a signature from now on; idempotent. Returns the reader's one signature, perhaps an invalidated one."""
    db.session.refresh(signature.reader, with_for_update=True)
    standing = standing_signature(signature.reader_id)
    if standing is not None:
        return standing
    signature.state, signature.confirmed_at = SignatureState.CONFIRMED, now
    reader = signature.reader
    reader.confirm(now)
    call_off_reminders(reader.id)
    reader.news, reader.locale = signature.news, signature.locale
    for other in pending_signatures(reader.id):
        if other is not signature:
            db.session.delete(other)
    owe(signature.campaign_id, Change.ADDED, signature.commitment)
    return signature


def confirm_following(reader: Reader, now: datetime) -> None:
    """The reader gets the news that were asked for; idempotent."""
    reader.confirm(now)
    call_off_reminders(reader.id)


def forget_old(now: datetime, lasts: timedelta) -> None:
    """Delete what was not confirmed for so long; and requests that could not be opened, after seven days."""
    db.session.execute(delete(Signature).where(is_pending(), Signature.signed_at < now - lasts))
    db.session.execute(delete(Intake).where(Intake.failed_at < now - FAILED_INTAKE_LASTS))


def change_appearance(signature: Signature, appear: Appear) -> None:
    """Appear otherwise from now on: what was shown goes at once, what is now wished comes with the worker."""
    if appear != signature.appear:
        signature.choose_appearance(appear)
        db.session.execute(revised([signature.campaign_id]))


def withdraw(signature: Signature) -> None:
    """Take a signature back: it is deleted with all that it held; the ledger keeps a blinded entry.

    One that was invalidated counts no longer, and takes nothing from the count a second time.
    """
    locked = select(Signature).where(Signature.id == signature.id).with_for_update()
    if db.session.scalar(locked.execution_options(populate_existing=True)) is None:
        return  # taken back in the meantime
    if signature.is_confirmed:
        owe(signature.campaign_id, Change.WITHDRAWN, signature.commitment)
    db.session.execute(revised([signature.campaign_id]))
    db.session.delete(signature)
    signature.reader.held_at = None
    db.session.flush()


def erase(reader: Reader) -> None:
    """Delete all that is known of a reader: address, fingerprint, signature, words, letters not yet sent."""
    signature = standing_signature(reader.id)
    if signature is not None:
        withdraw(signature)
    elif reader.campaign_id is not None:
        db.session.execute(revised([reader.campaign_id]))  # an endorsement may go with the reader
    forget_reader(reader)
