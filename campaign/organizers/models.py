"""Organizers and how they sign in; their roles; errands, approvals and the log."""

import os
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from flask_security import UserMixin, WebAuthnMixin
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from campaign.db import Base, one_of, partial_index
from campaign.mailing.models import Reader
from campaign.organizers.names import name_key

IDLE = timedelta(minutes=30)
"""A session that was not used for so long is over (ASVS 5.0, 7.3.1)."""

LONGEST = timedelta(hours=8)
"""No session lasts longer (ASVS 5.0, 7.3.2)."""

SETTLED_AFTER = timedelta(days=3)
"""Whoever came to a campaign later than this is not yet the second person for an act: an account that was broken into
cannot invite its own accomplice and go on at once; the others have seen the newcomer by then."""


class Role(StrEnum):
    """What an organizer may do in a campaign."""

    OWNER = "owner"
    EDITOR = "editor"
    MODERATOR = "moderator"
    TRANSLATOR = "translator"


class Organizer(Base, UserMixin):
    """An account. Its address is a reader's, sealed; it is signed in to with a name of its owner's choice.

    The columns beginning with fs_, tf_ and mf_ are Flask-Security's. `username` and `password` are not there until the
    invitation is accepted.
    """

    __tablename__ = "organizers"
    __table_args__ = (Index("uq_organizers_name_key", "name_key", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str | None] = mapped_column(unique=True)
    name_key: Mapped[str | None]
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    locale: Mapped[str]
    may_found: Mapped[bool] = mapped_column(default=False)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id"), unique=True)
    invited_at: Mapped[datetime]
    fs_uniquifier: Mapped[str] = mapped_column(unique=True, default=lambda: os.urandom(32).hex())
    fs_webauthn_user_handle: Mapped[str | None] = mapped_column(unique=True)  # type: ignore[assignment]
    tf_primary_method: Mapped[str | None]
    tf_totp_secret: Mapped[str | None]
    tf_last_counter: Mapped[int | None]
    mf_recovery_codes: Mapped[list[str] | None] = mapped_column(MutableList.as_mutable(JSON))

    reader: Mapped[Reader] = relationship()
    memberships: Mapped[list["Membership"]] = relationship(
        foreign_keys="Membership.organizer_id", back_populates="organizer", cascade="all, delete-orphan"
    )
    webauthn: Mapped[list["Passkey"]] = relationship(cascade="all, delete-orphan")  # type: ignore[assignment]

    @property
    def name(self) -> str:
        """The name that the other organizers see."""
        return self.username or "…"

    @property
    def email(self) -> str:  # type: ignore[override]
        """What Flask-Security tells accounts apart by, where it would take the address."""
        return self.fs_uniquifier

    @property
    def has_account(self) -> bool:
        """Whether the invitation was accepted and the account is not closed."""
        return self.active and self.password is not None

    @validates("username")
    def _keep_key(self, _attribute: str, username: str | None) -> str | None:
        self.name_key = name_key(username) if username else None
        return username


class Passkey(Base, WebAuthnMixin):
    """A passkey of an organizer, in Flask-Security's columns."""

    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("organizers.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(default=0)
    transports: Mapped[list[str] | None] = mapped_column(MutableList.as_mutable(JSON))
    backup_state: Mapped[bool]
    device_type: Mapped[str]
    extensions: Mapped[str | None]
    lastuse_datetime: Mapped[datetime]
    usage: Mapped[str]


class SignIn(Base):
    """A session of an organizer. The cookie holds a token, this its SHA-256; no address of a machine, no browser."""

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    organizer_id: Mapped[int] = mapped_column(ForeignKey("organizers.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]

    def is_open(self, now: datetime) -> bool:
        """Whether the session goes on."""
        return now - self.seen_at < IDLE and now - self.began_at < LONGEST


class Membership(Base):
    """An organizer's role in a campaign."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("organizer_id", "campaign_id"), one_of("role", Role))

    id: Mapped[int] = mapped_column(primary_key=True)
    organizer_id: Mapped[int] = mapped_column(ForeignKey("organizers.id", ondelete="CASCADE"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    role: Mapped[str]
    since: Mapped[datetime]

    organizer: Mapped[Organizer] = relationship(foreign_keys=organizer_id, back_populates="memberships")

    def is_settled(self, now: datetime) -> bool:
        """Whether this member may be the second person for an act."""
        return now - self.since >= SETTLED_AFTER


class ErrandState(StrEnum):
    """Where an errand stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Errand(Base):
    """Something that the console asks the worker to do: what needs an address, or takes long.

    The payload is sealed to the worker and gone when the errand has ended; `result` and `file` hold nothing that the
    web may not see, and go a day later.
    """

    __tablename__ = "errands"
    __table_args__ = (
        one_of("state", ErrandState),
        partial_index("ix_errands_open", "made_at", where="ended_at IS NULL"),
        Index("ix_errands_campaign_id_kind", "campaign_id", "kind"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    organizer_id: Mapped[int | None] = mapped_column(ForeignKey("organizers.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(default=ErrandState.WAITING)
    sealed: Mapped[bytes | None]
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    file: Mapped[bytes | None] = mapped_column(deferred=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.ended_at is not None


class Approval(Base):
    """An act that waits for a second organizer. `digest` binds what was asked for: if that changes, it is void."""

    __tablename__ = "approvals"
    __table_args__ = (
        CheckConstraint("NOT is_granted OR decided_by_id <> asked_by_id", name="second_person"),
        CheckConstraint("(decided_at IS NULL) = (is_granted IS NULL)", name="decision"),
        partial_index("ix_approvals_open", "campaign_id", "id", where="decided_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    act: Mapped[str]
    subject_id: Mapped[int | None]
    digest: Mapped[bytes]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("organizers.id", ondelete="CASCADE"))
    asked_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("organizers.id", ondelete="CASCADE"))
    decided_at: Mapped[datetime | None]
    is_granted: Mapped[bool | None]

    asked_by: Mapped[Organizer] = relationship(foreign_keys=asked_by_id)
    decided_by: Mapped[Organizer | None] = relationship(foreign_keys=decided_by_id)


class AuditEntry(Base):
    """An act, or a read of personal data; never changed, never deleted (a trigger refuses both).

    It names the organizer by the name of that day, so that it stays true when the account is gone.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_campaign_id_id", "campaign_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int | None]
    organizer: Mapped[str | None]
    act: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime]
