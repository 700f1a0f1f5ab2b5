"""The worker's part: run errands; invite organizers; mail the link to a new password."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog
from flask_babel import gettext as _
from sqlalchemy import or_, select, update

from campaign import clock
from campaign.db import db
from campaign.mailing.operations import Addressee, Owed, find_or_add_reader, may_write, owe_letter
from campaign.mailing.tasks import open_address
from campaign.opening import Keyring
from campaign.organizers.models import Errand, ErrandState, Organizer, Role
from campaign.organizers.operations import Dismissed, begin_anew, join, log_act
from campaign.organizers.queries import organizer_by_name
from campaign.sealing import EmailAddress, binding

LEASE = timedelta(minutes=2)
"""After so long without a sign of life an errand is begun anew; each can be done twice with the effect of once."""

RESET_LASTS = timedelta(hours=1)
INVITATION, ADDED, RESET = "invitation", "added", "reset_password"

Run = Callable[[Errand, dict[str, Any], Keyring], dict[str, Any]]
"""What an errand does: its payload opened, its result returned."""

log = structlog.get_logger()


def run_errands(kinds: Mapping[str, Run], keys: Keyring) -> None:
    """Run what waits, one after the other, oldest first."""
    while (errand := _take_one()) is not None:
        _run(errand, kinds, keys)


def _take_one() -> Errand | None:
    now = clock.now()
    is_free = or_(Errand.lease_until.is_(None), Errand.lease_until < now)
    waiting = select(Errand).where(Errand.ended_at.is_(None), is_free).order_by(Errand.made_at).limit(1)
    errand = db.session.scalar(waiting.with_for_update(skip_locked=True))
    if errand is not None:
        errand.state, errand.lease_until = ErrandState.RUNNING, now + LEASE
    db.session.commit()
    return errand


def hold(errand: Errand, done: int) -> None:
    """Say how far an errand is, and that it goes on; commits what was done so far with it."""
    values = {"done": done, "total": errand.total, "lease_until": clock.now() + LEASE}
    db.session.execute(update(Errand).where(Errand.id == errand.id).values(values))
    db.session.commit()


def _run(errand: Errand, kinds: Mapping[str, Run], keys: Keyring) -> None:
    try:
        info = binding("errand", errand.campaign_id or 0, errand.id.bytes)
        payload = json.loads(keys.open(errand.sealed or b"", info))
        errand.result = kinds[errand.kind](errand, payload, keys)
        errand.state = ErrandState.DONE
    except Exception as error:  # one that cannot be done must not hold up the others
        db.session.rollback()
        log.error("errand failed", kind=errand.kind, error=type(error).__name__)
        errand.state = ErrandState.FAILED
    errand.sealed, errand.lease_until, errand.ended_at = None, None, clock.now()
    db.session.commit()


# Invitations


def invite(errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """Invite somebody to a campaign: a new organizer, or one who has an account already; raises Dismissed."""
    now = clock.now()
    by = db.session.get(Organizer, errand.organizer_id) if errand.organizer_id else None
    address, role = EmailAddress.parse(payload["email"]), Role(payload["role"])
    campaign_ids = [errand.campaign_id] if errand.campaign_id is not None else []
    organizer = enlist(address, role, campaign_ids, payload["locale"], keys)
    log_act("member.invited", errand.campaign_id, by.name if by else None, now, role=role)
    if may_write(keys.suppression_key(address), keys.allowance_key(address, now.date()), now):
        write_invitation(organizer, keys)
    return {}


def enlist(
    address: EmailAddress, role: Role, campaign_ids: list[int], locale: str, keys: Keyring, *, reopens: bool = False
) -> Organizer:
    """Make the owner of an address a member of campaigns, with an account if there is none. Owners may found more.

    Raises Dismissed for an account that was closed, unless this opens it again.
    """
    organizer = _find_or_add(address, locale, keys)
    if not organizer.active and not reopens:
        raise Dismissed(_("This account was closed. It is opened again from the command line only."))
    if not organizer.active:
        begin_anew(organizer)
    organizer.may_found = organizer.may_found or role == Role.OWNER
    for campaign_id in campaign_ids:
        join(organizer, campaign_id, role, clock.now())
    return organizer


def write_invitation(organizer: Organizer, keys: Keyring) -> str | None:
    """Owe an organizer the letter of the invitation; returns its link's token, or None for whoever has an account."""
    if organizer.password is None:
        return _owe_link(Owed(organizer.reader, INVITATION, organizer.id), keys)
    owe_letter(Owed(organizer.reader, ADDED, organizer.id), clock.now())
    return None


def _owe_link(owed: Owed, keys: Keyring, lasts: timedelta | None = None) -> str:
    tokens: list[str] = []

    def remember(purpose: str, seed: bytes) -> str:
        tokens.append(keys.link_token(purpose, seed))
        return tokens[-1]

    delivery = owe_letter(owed, clock.now(), remember)
    if lasts is not None:
        delivery.link_expires_at = clock.now() + lasts
    return tokens[-1]


def _find_or_add(address: EmailAddress, locale: str, keys: Keyring) -> Organizer:
    now = clock.now()
    fingerprint = keys.fingerprint(address, 0)
    sealed = keys.sealer.seal(str(address).encode(), binding("reader", 0, fingerprint))
    reader = find_or_add_reader(Addressee(None, fingerprint, locale, lambda: sealed), now, may_add=True)
    assert reader is not None  # noqa: S101 - it was added if it was not there
    reader.confirm(now)
    found = db.session.scalar(select(Organizer).where(Organizer.reader_id == reader.id))
    if found is not None:
        return found
    organizer = Organizer(reader=reader, locale=locale, invited_at=now)
    db.session.add(organizer)
    db.session.flush()
    return organizer


# Forgotten passwords


def mail_reset(_errand: Errand, payload: dict[str, Any], keys: Keyring) -> dict[str, Any]:
    """Mail the link to a new password, if there is such an account; the web cannot tell."""
    organizer = organizer_by_name(payload["username"])
    if organizer is None or not organizer.has_account:
        return {}
    now = clock.now()
    address = open_address(organizer.reader, keys)
    if may_write(keys.suppression_key(address), keys.allowance_key(address, now.date()), now):
        _owe_link(Owed(organizer.reader, RESET, organizer.id), keys, RESET_LASTS)
    return {}
