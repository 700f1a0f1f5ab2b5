"""Who may do what, who is signed in, what waits for a second person, and the log."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from campaign.db import db
from campaign.organizers.models import Approval, AuditEntry, Errand, Membership, Organizer, SignIn
from campaign.organizers.names import name_key

PAGE = 50


def role_in(organizer_id: int, campaign_id: int) -> str | None:
    """An organizer's role in a campaign; None for a stranger."""
    found = select(Membership.role).where(
        Membership.organizer_id == organizer_id, Membership.campaign_id == campaign_id
    )
    return db.session.scalar(found)


def membership(campaign_id: int, organizer_id: int) -> Membership | None:
    """An organizer's membership of a campaign."""
    found = select(Membership).where(Membership.campaign_id == campaign_id, Membership.organizer_id == organizer_id)
    return db.session.scalar(found)


def memberships_of(organizer_id: int) -> dict[int, str]:
    """An organizer's campaigns: role by the campaign's id."""
    found = select(Membership.campaign_id, Membership.role).where(Membership.organizer_id == organizer_id)
    return {row.campaign_id: row.role for row in db.session.execute(found)}


def members(campaign_id: int) -> Sequence[Membership]:
    """The members of a campaign, in the order in which they came."""
    found = select(Membership).where(Membership.campaign_id == campaign_id).order_by(Membership.since, Membership.id)
    return db.session.scalars(found.options(joinedload(Membership.organizer))).all()


def last_seen(organizer_ids: Sequence[int]) -> dict[int, datetime]:
    """When organizers with an open session were last seen."""
    seen = select(SignIn.organizer_id, func.max(SignIn.seen_at).label("at"))
    rows = db.session.execute(seen.where(SignIn.organizer_id.in_(organizer_ids)).group_by(SignIn.organizer_id))
    return {row.organizer_id: row.at for row in rows}


def organizer_by_name(username: str) -> Organizer | None:
    """The organizer who signs in with this name, or with one that could be taken for it."""
    return db.session.scalar(select(Organizer).where(Organizer.name_key == name_key(username)))


def all_organizers() -> Sequence[Organizer]:
    """Every organizer, with their memberships, by name; those who were only invited come last."""
    found = select(Organizer).options(selectinload(Organizer.memberships))
    return db.session.scalars(found.order_by(Organizer.username.is_(None), Organizer.username, Organizer.id)).all()


def sign_ins_of(organizer_id: int) -> Sequence[SignIn]:
    """An organizer's sessions, the newest first; those that are over may be among them."""
    return db.session.scalars(
        select(SignIn).where(SignIn.organizer_id == organizer_id).order_by(SignIn.id.desc())
    ).all()


def errand_of(campaign_id: int | None, kind: str, errand_id: UUID) -> Errand | None:
    """An errand of a campaign."""
    return db.session.scalar(
        select(Errand).where(Errand.id == errand_id, Errand.campaign_id == campaign_id, Errand.kind == kind)
    )


def open_approvals(campaign_id: int) -> Sequence[Approval]:
    """What waits for a second organizer, oldest first."""
    waiting = select(Approval).where(Approval.campaign_id == campaign_id, Approval.decided_at.is_(None))
    return db.session.scalars(waiting.order_by(Approval.id).options(joinedload(Approval.asked_by))).all()


def open_approval_counts(campaign_ids: Collection[int]) -> dict[int, int]:
    """How many acts wait for a second organizer, by campaign; none where none waits."""
    waiting = select(Approval.campaign_id, func.count().label("waiting")).where(
        Approval.campaign_id.in_(campaign_ids), Approval.decided_at.is_(None)
    )
    return {row.campaign_id: row.waiting for row in db.session.execute(waiting.group_by(Approval.campaign_id))}


def approval_for(act: str, campaign_id: int, subject_id: int | None = None) -> Approval | None:
    """The newest open approval for an act."""
    asked = select(Approval).where(
        Approval.campaign_id == campaign_id,
        Approval.act == act,
        Approval.subject_id == subject_id,
        Approval.decided_at.is_(None),
    )
    return db.session.scalar(asked.order_by(Approval.id.desc()).limit(1))


@dataclass(frozen=True)
class LogFilter:
    """Which lines of the log: by organizer's name, by the beginning of the act, by day."""

    organizer: str = ""
    act: str = ""
    since: datetime | None = None
    until: datetime | None = None


def audit_entries(campaign_id: int, chosen: LogFilter, before: int | None = None) -> Sequence[AuditEntry]:
    """A page of a campaign's log, newest first; `before` is the last one's id."""
    entries = select(AuditEntry).where(AuditEntry.campaign_id == campaign_id)
    if chosen.organizer:
        entries = entries.where(AuditEntry.organizer == chosen.organizer)
    if chosen.act:
        entries = entries.where(AuditEntry.act.startswith(chosen.act, autoescape=True))
    if chosen.since is not None:
        entries = entries.where(AuditEntry.at >= chosen.since)
    if chosen.until is not None:
        entries = entries.where(AuditEntry.at < chosen.until)
    if before is not None:
        entries = entries.where(AuditEntry.id < before)
    return db.session.scalars(entries.order_by(AuditEntry.id.desc()).limit(PAGE)).all()
