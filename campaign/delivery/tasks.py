"""The worker's part: the contacts of those who agreed, encrypted to an organizer's key."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pyrage
import structlog

from campaign import clock
from campaign.csv_out import BOM, rows_as_csv
from campaign.db import db
from campaign.delivery.queries import agreed_to_contact, count_agreed
from campaign.i18n import country_name
from campaign.mailing.models import Reader
from campaign.mailing.queries import suppressed
from campaign.mailing.tasks import open_address
from campaign.opening import CannotOpen, Keyring
from campaign.organizers.models import Errand, Organizer
from campaign.organizers.operations import log_act
from campaign.organizers.tasks import hold
from campaign.sealing import EmailAddress, binding
from campaign.signing.models import Signature

BATCH = 500
HEADER = ("name", "email", "country", "country_name", "language", "signed_on")

Contact = tuple[Signature, EmailAddress, str]
"""A signature, its address, its name."""

log = structlog.get_logger()


def export_contacts(errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """Encrypt the contacts to the key in the payload; says how many. Only the encrypted file is ever written.

    Changes nothing but the errand, so it may run again from the start. Whoever withdraws or unsubscribes while it
    runs is in or out, depending on which came first.
    """
    if errand.campaign_id is None:
        raise ValueError("contacts are a campaign's")
    recipient = pyrage.x25519.Recipient.from_str(payload["key"])
    campaign_id, errand.total = errand.campaign_id, count_agreed(errand.campaign_id)
    rows = list(_rows(errand, campaign_id, keys))
    plain = BOM + "".join(rows_as_csv(HEADER, rows))
    errand.file = pyrage.encrypt(plain.encode(), [recipient])
    by = db.session.get(Organizer, errand.organizer_id) if errand.organizer_id else None
    log_act("contacts.made", campaign_id, by.name if by else None, clock.now(), people=len(rows))
    return {"people": len(rows)}


def _rows(errand: Errand, campaign_id: int, keys: Keyring) -> Iterator[tuple[str, ...]]:
    after_id, done = 0, 0
    while batch := agreed_to_contact(campaign_id, after_id, BATCH):
        after_id = batch[-1][0].id
        yield from [_row(contact) for contact in _writable(_opened(batch, keys), keys)]
        done += len(batch)
        hold(errand, done)


def _row(contact: Contact) -> tuple[str, ...]:
    signature, address, name = contact
    day = signature.confirmed_at.date().isoformat() if signature.confirmed_at else ""
    return name, str(address), signature.country, country_name(signature.country), signature.locale, day


def _opened(batch: Iterable[tuple[Signature, Reader]], keys: Keyring) -> Iterator[Contact]:
    for signature, reader in batch:
        info = binding("signer", signature.campaign_id, signature.commitment)
        try:
            yield signature, open_address(reader, keys), json.loads(keys.open(signature.sealed, info))["name"]
        except CannotOpen:  # one bad row must not hold up the others
            log.error("contact does not open", signature=signature.id)


def _writable(contacts: Iterable[Contact], keys: Keyring) -> list[Contact]:
    """Without those whose addresses refuse mail."""
    by_key = {keys.suppression_key(contact[1]): contact for contact in contacts}
    blocked = suppressed(list(by_key))
    return [contact for key, contact in by_key.items() if key not in blocked]
