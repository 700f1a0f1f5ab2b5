"""Organizers invited, made members and dismissed; errands sent; second persons asked; acts logged."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from flask_babel import gettext as _
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from campaign.db import db
from campaign.errors import Refusal
from campaign.mailing.operations import Owed, owe_letter
from campaign.organizers.models import Approval, AuditEntry, Errand, Membership, Organizer, Role, SignIn
from campaign.organizers.queries import membership
from campaign.sealing import Sealer, binding

APPROVAL_ASKED = "approval_asked"
ENDED_STAY = timedelta(days=1)

Carry = Callable[[Approval, datetime], None]

_CARRIES_OUT: dict[str, Carry] = {}


class LastOwner(Refusal):
    """A campaign keeps at least one owner."""


class NameTaken(Refusal):
    """Two organizers have names that can be told apart."""


class Dismissed(Refusal):
    """A closed account is opened again from the command line only."""


class NotTheSecond(Refusal):
    """Whoever asked, or came only now, cannot be the second person."""

    status = 403


# The log


def log_act(act: str, campaign_id: int | None, by: str | None, now: datetime, **details: str | int) -> None:
    """Write a line of the log; part of the transaction of what it tells. No personal data in `details`."""
    db.session.add(AuditEntry(campaign_id=campaign_id, organizer=by, act=act, details=details, at=now))


# Members


def join(organizer: Organizer, campaign_id: int, role: Role, now: datetime) -> Membership:
    """Make somebody a member of a campaign, or give a member another role."""
    present = membership(campaign_id, organizer.id)
    if present is not None:
        change_role(present, role)
        return present
    joined = Membership(organizer=organizer, campaign_id=campaign_id, role=role, since=now)
    db.session.add(joined)
    db.session.flush()
    return joined


def change_role(member: Membership, role: Role) -> None:
    """Give a member another role; raises LastOwner."""
    if role != Role.OWNER:
        _keep_an_owner(member)
    member.role = role


def leave(member: Membership) -> None:
    """End a membership; raises LastOwner."""
    _keep_an_owner(member)
    db.session.delete(member)
    db.session.flush()


def _keep_an_owner(member: Membership) -> None:
    """Another owner stays, who can sign in."""
    found = select(Membership).where(
        Membership.campaign_id == member.campaign_id, Membership.role == Role.OWNER, Membership.id != member.id
    )
    others = db.session.scalars(found.with_for_update())
    if member.role == Role.OWNER and not any(other.organizer.has_account for other in others):
        raise LastOwner(_("A campaign needs an owner. Make somebody else an owner first."))


# Accounts


def open_account(organizer: Organizer, username: str, password_hash: str, now: datetime) -> None:
    """Accept an invitation; raises NameTaken, also when another takes the name at the same moment."""
    organizer.username, organizer.password = username, password_hash
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise NameTaken(_("Somebody signs in with this name already. Please take another.")) from None
    log_act("account.opened", None, organizer.name, now)


def dismiss(organizer: Organizer) -> None:
    """Close an account: it cannot sign in, and its sessions end at once (ASVS 5.0, 7.4.2)."""
    organizer.active = False
    renew_secret(organizer)


def begin_anew(organizer: Organizer) -> None:
    """Open a closed account for an invitation: nothing of how it was signed in to before counts any more."""
    organizer.active, organizer.username, organizer.password = True, None, None
    forget_second_factor(organizer)


def forget_second_factor(organizer: Organizer) -> None:
    """Take the second factor away, so that the next signing in sets it up anew; all sessions end."""
    organizer.tf_primary_method = organizer.tf_totp_secret = organizer.mf_recovery_codes = None
    organizer.webauthn.clear()
    renew_secret(organizer)


def renew_secret(organizer: Organizer) -> None:
    """End every session, also those that are not begun to the end."""
    organizer.fs_uniquifier = os.urandom(32).hex()
    sign_out_everywhere(organizer)


# Sessions


def sign_in(organizer: Organizer, token: str, now: datetime) -> SignIn:
    """Begin a session; sessions that are over are forgotten."""
    for earlier in db.session.scalars(select(SignIn).where(SignIn.organizer_id == organizer.id)):
        if not earlier.is_open(now):
            db.session.delete(earlier)
    begun = SignIn(organizer_id=organizer.id, token_hash=sha256(token.encode()).digest(), began_at=now, seen_at=now)
    db.session.add(begun)
    db.session.flush()
    return begun


def sign_out(token: str) -> None:
    """End the session of this token."""
    db.session.execute(delete(SignIn).where(SignIn.token_hash == sha256(token.encode()).digest()))


def sign_out_everywhere(organizer: Organizer) -> None:
    """End all of an organizer's sessions."""
    db.session.execute(delete(SignIn).where(SignIn.organizer_id == organizer.id))


# Errands


@dataclass(frozen=True)
class Order:
    """What an errand is to do; the payload is sealed to the worker."""

    kind: str
    campaign_id: int | None
    payload: Mapping[str, object]


def send_errand(order: Order, sealer: Sealer, by: Organizer | None, now: datetime) -> Errand:
    """Ask the worker to do something. Commit, then wake "errands"."""
    errand_id = uuid4()
    plain = json.dumps(dict(order.payload)).encode()
    errand = Errand(
        id=errand_id,
        kind=order.kind,
        campaign_id=order.campaign_id,
        organizer_id=by.id if by else None,
        sealed=sealer.seal(plain, binding("errand", order.campaign_id or 0, errand_id.bytes)),
        made_at=now,
    )
    db.session.add(errand)
    db.session.flush()
    return errand


def forget_errands(now: datetime) -> None:
    """Delete errands, with what they brought, a day after they ended."""
    db.session.execute(delete(Errand).where(Errand.ended_at < now - ENDED_STAY))


# Second persons


@dataclass(frozen=True)
class Wish:
    """An act that somebody wants and a second person must grant. `digest` stands for all that it would do."""

    act: str
    campaign_id: int
    subject_id: int | None = None
    digest: bytes = b""
    payload: Mapping[str, Any] | None = None


def ask_second(wish: Wish, by: Organizer, now: datetime) -> Approval:
    """Ask for a second organizer; those who may grant it get a letter. What was asked before for the same is void."""
    db.session.execute(
        delete(Approval).where(
            Approval.campaign_id == wish.campaign_id,
            Approval.act == wish.act,
            Approval.subject_id == wish.subject_id,
            Approval.decided_at.is_(None),
        )
    )
    asked = Approval(
        campaign_id=wish.campaign_id,
        act=wish.act,
        subject_id=wish.subject_id,
        digest=wish.digest,
        payload=dict(wish.payload or {}),
        asked_by=by,
        asked_at=now,
    )
    db.session.add(asked)
    db.session.flush()
    for member in possible_seconds(wish.campaign_id, by, now):
        owe_letter(Owed(member.organizer.reader, APPROVAL_ASKED, asked.id), now)
    return asked


def possible_seconds(campaign_id: int, by: Organizer, now: datetime) -> list[Membership]:
    """The members who could grant what `by` asks for."""
    found = select(Membership).where(
        Membership.campaign_id == campaign_id,
        Membership.organizer_id != by.id,
        Membership.role.in_([Role.OWNER, Role.EDITOR]),
    )
    return [member for member in db.session.scalars(found) if member.organizer.has_account and member.is_settled(now)]


def carries_out(act: str) -> Callable[[Carry], Carry]:
    """Say what happens when an act is granted. It may raise Refusal, and nothing is granted then."""

    def register(carry: Carry) -> Carry:
        _CARRIES_OUT[act] = carry
        return carry

    return register


def grant(approval: Approval, by: Organizer, now: datetime) -> None:
    """Grant an act and carry it out; raises NotTheSecond, and Refusal when it no longer fits."""
    _check_undecided(approval)
    _check_asker(approval)
    if by.id not in {member.organizer_id for member in possible_seconds(approval.campaign_id, approval.asked_by, now)}:
        raise NotTheSecond(
            _("This needs a second owner or editor who has been in the campaign for at least three days.")
        )
    approval.decided_by, approval.decided_at, approval.is_granted = by, now, True
    db.session.flush()
    _CARRIES_OUT[approval.act](approval, now)


def refuse(approval: Approval, by: Organizer, now: datetime) -> None:
    """Refuse an act, or take one's own wish back."""
    _check_undecided(approval)
    approval.decided_by, approval.decided_at, approval.is_granted = by, now, False
    db.session.flush()


def _check_asker(approval: Approval) -> None:
    """Whoever was removed or dismissed since, perhaps because somebody else had their account, asks for nothing."""
    asker = membership(approval.campaign_id, approval.asked_by_id)
    if asker is None or asker.role not in (Role.OWNER, Role.EDITOR) or not asker.organizer.active:
        raise Refusal(_("Whoever asked for this may not do it any more. It can be refused, and asked for anew."))


def _check_undecided(approval: Approval) -> None:
    db.session.refresh(approval, with_for_update=True)
    if approval.decided_at is not None:
        raise Refusal(_("This has been decided already."))
