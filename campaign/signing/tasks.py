"""The worker's part: open intake and answer it; show what confirmed signers chose to show."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from sqlalchemy import select

from campaign import clock
from campaign.campaigns.models import Campaign, revised
from campaign.db import db
from campaign.mailing.models import Delivery, Reader
from campaign.mailing.operations import Addressee, Owed, find_or_add_reader, may_write, owe_letter
from campaign.mailing.tasks import open_address
from campaign.opening import Keyring
from campaign.organizers.models import Errand
from campaign.sealing import EmailAddress, binding
from campaign.signing.models import Intake, Signature, SignatureState
from campaign.signing.operations import Answering, Request, follow, mail_link, sign
from campaign.signing.queries import (
    CONFIRM_SIGNATURE,
    is_confirmed,
    newest_pending_signature,
    pending_signature,
    reader_by_fingerprint,
    standing_signature,
)

BATCH = 50
"""How many requests one transaction answers: few, so that SQLite's write lock is held briefly."""

Answer = Callable[[Request, Answering], None]

ANSWERS: dict[str, Answer] = {"sign": sign, "follow": follow, "link": mail_link, "again": mail_link}

Propose = Callable[[Signature, str], object]
"""What is done with the statement of somebody who confirmed."""

log = structlog.get_logger()


def open_intake(keys: Keyring, answers: Mapping[str, Answer] = ANSWERS) -> int:
    """Answer a batch of what waits, in one transaction; says how many.

    Request gone, signature and letter there, or neither. `answers`: those of the rooms above, too.
    """
    waiting = select(Intake).where(Intake.failed_at.is_(None)).order_by(Intake.received_at).limit(BATCH)
    batch = db.session.scalars(waiting.with_for_update(skip_locked=True)).all()
    for intake in batch:
        _open(intake, keys, answers)
    db.session.commit()
    return len(batch)


def _open(intake: Intake, keys: Keyring, answers: Mapping[str, Answer]) -> None:
    try:
        with db.session.begin_nested():
            _answer(intake, keys, answers)
            db.session.delete(intake)
    except Exception as error:  # one bad row must not hold up the others; it stays, sealed, for whoever looks
        log.error("intake failed", intake=str(intake.id), error=type(error).__name__)
        intake.failed_at = clock.now()


def _answer(intake: Intake, keys: Keyring, answers: Mapping[str, Answer]) -> None:
    plain = keys.open(intake.sealed, binding("intake", intake.campaign_id, intake.id.bytes))
    answer(Request(**json.loads(plain)), db.session.get_one(Campaign, intake.campaign_id), keys, answers)


def answer(request: Request, campaign: Campaign, keys: Keyring, answers: Mapping[str, Answer] = ANSWERS) -> None:
    """Do what somebody asked for, if a letter may go to the address."""
    now = clock.now()
    address = _address(request, keys)
    if address is None or not may_write(keys.suppression_key(address), keys.allowance_key(address, now.date()), now):
        return
    reader = _reader(address, request, campaign, keys)
    if reader is not None:
        answers[request.kind](request, Answering(campaign, reader, keys.sealer, keys.link_token, now))


def _address(request: Request, keys: Keyring) -> EmailAddress | None:
    """The address that the request names, or that of the reader who used an expired link."""
    if request.delivery_id is None:
        return EmailAddress.parse(request.email)
    delivery = db.session.get(Delivery, request.delivery_id)
    return open_address(delivery.reader, keys) if delivery is not None and delivery.reader is not None else None


def _reader(address: EmailAddress, request: Request, campaign: Campaign, keys: Keyring) -> Reader | None:
    fingerprint = keys.fingerprint(address, campaign.id)
    addressee = Addressee(
        campaign.id,
        fingerprint,
        request.locale,
        lambda: keys.sealer.seal(str(address).encode(), binding("reader", campaign.id, fingerprint)),
    )
    return find_or_add_reader(addressee, clock.now(), may_add=request.kind in ("sign", "follow", "endorse"))


def unveil_names(keys: Keyring, propose: Propose) -> None:
    """Show the names of those who confirmed, as they chose; pass their statements on to be moderated."""
    while True:
        veiled = select(Signature).where(is_confirmed(), Signature.is_veiled).order_by(Signature.id).limit(BATCH)
        batch = db.session.scalars(veiled.with_for_update(skip_locked=True, of=Signature)).all()
        for signature in batch:
            _unveil_or_set_aside(signature, keys, propose)
        db.session.execute(revised({signature.campaign_id for signature in batch}))
        db.session.commit()
        if len(batch) < BATCH:
            return


def _unveil_or_set_aside(signature: Signature, keys: Keyring, propose: Propose) -> None:
    try:
        with db.session.begin_nested():
            _unveil(signature, keys, propose)
    except Exception as error:  # one bad row must not hold up the others: it stays in the count, without a name
        log.error("name not shown", signature=signature.id, error=type(error).__name__)
        signature.is_veiled = False


def _unveil(signature: Signature, keys: Keyring, propose: Propose) -> None:
    info = binding("signer", signature.campaign_id, signature.commitment)
    private = json.loads(keys.open(signature.sealed, info))
    signature.unveil(private["name"], private["city"] or None, private["affiliation"] or None)
    statement = private["statement"]
    if statement:
        propose(signature, statement)
        signature.sealed = keys.sealer.seal(json.dumps({**private, "statement": ""}).encode(), info)


# What the console asks for


def find_signature(errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """Where the signature of an exact address stands, and nothing else of it."""
    address = EmailAddress.parse(payload["address"])
    reader = reader_by_fingerprint(errand.campaign_id, keys.fingerprint(address, errand.campaign_id or 0))
    signature = (standing_signature(reader.id) or newest_pending_signature(reader.id)) if reader else None
    if signature is None:
        return {"state": "none"}
    at = signature.signed_at if signature.state == SignatureState.PENDING else signature.confirmed_at
    return {"state": signature.state, "at": at.isoformat() if at else "", "signature_id": signature.id}


def resend_confirmation(errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """The letter that confirms once more, if the address may still be written to today. Nobody is told whether it was.

    The letter and the end of the errand are one transaction: run again, it finds itself done.
    """
    signature = pending_signature(errand.campaign_id, payload["signature_id"])
    if signature is not None and signature.campaign.is_signable:
        now = clock.now()
        address = open_address(signature.reader, keys)
        if may_write(keys.suppression_key(address), keys.allowance_key(address, now.date()), now):
            owe_letter(Owed(signature.reader, CONFIRM_SIGNATURE, signature.id), now, keys.link_token)
    return {}
