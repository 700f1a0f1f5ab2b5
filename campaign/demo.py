"""The demonstration: three real campaigns, and made-up signers for one of them."""

import tomllib
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import campaign_by_slug
from campaign.db import db
from campaign.importing import import_campaign, read_campaign
from campaign.mailing.models import Delivery
from campaign.mailing.operations import Addressee, find_or_add_reader
from campaign.opening import Keyring
from campaign.sealing import EmailAddress, binding
from campaign.signing.operations import Answering, Request, confirm, sign
from campaign.signing.queries import pending_signatures
from campaign.signing.tasks import unveil_names
from campaign.statements.cases import waiting_statements
from campaign.statements.operations import approve, propose

FOLDER = Path(__file__).parent / "demo"
CAMPAIGNS = ("release-amin", "karachi-eleven", "release-amar-fayaz")
SIGNED = "release-amin"


def load_demo(keys: Keyring) -> int:
    """Load the campaigns that are not there yet, and the signers of the first; says how many campaigns."""
    missing = [slug for slug in CAMPAIGNS if campaign_by_slug(slug) is None]
    for slug in missing:
        campaign = import_campaign(read_campaign(FOLDER / f"{slug}.toml"), clock.now())
        if slug == SIGNED:
            _sign_all(campaign, keys)
    db.session.commit()
    return len(missing)


def _sign_all(campaign: Campaign, keys: Keyring) -> None:
    for signer in tomllib.loads((FOLDER / "signers.toml").read_text("utf-8"))["signers"]:
        _sign(campaign, signer, keys)
    db.session.commit()
    unveil_names(keys, lambda signature, body: propose(signature, body, clock.now()))
    for statement in waiting_statements():
        approve(statement, clock.now())
    _forget_letters()


def _sign(campaign: Campaign, signer: dict[str, Any], keys: Keyring) -> None:
    request = Request(kind="sign", **signer)
    address = EmailAddress.parse(request.email)
    fingerprint = keys.fingerprint(address, campaign.id)
    sealed = keys.sealer.seal(str(address).encode(), binding("reader", campaign.id, fingerprint))
    addressee = Addressee(campaign.id, fingerprint, request.locale, lambda: sealed)
    reader = find_or_add_reader(addressee, clock.now(), may_add=True)
    if reader is None:
        return
    sign(request, Answering(campaign, reader, keys.sealer, keys.link_token, clock.now()))
    for signature in pending_signatures(reader.id):
        confirm(signature, clock.now())


def _forget_letters() -> None:
    """The made-up signers have confirmed already: they get letters only from what happens next."""
    db.session.execute(delete(Delivery))
