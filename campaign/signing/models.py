"""Intake, which the web writes and the worker opens, and signatures."""

import hashlib
import os
import unicodedata
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign.campaigns.models import Campaign, TextVersion
from campaign.db import Base, one_of, partial_index
from campaign.mailing.models import News, Reader


class SignatureState(StrEnum):
    """Where a signature stands. A withdrawn one is deleted; the ledger remembers that it was there."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    INVALIDATED = "invalidated"


class Appear(StrEnum):
    """How a signer chose to appear."""

    NAME = "name"
    INITIALS = "initials"
    COUNT = "count"


class Intake(Base):
    """A sealed request that the web took and the worker has not opened yet."""

    __tablename__ = "intake"
    __table_args__ = (partial_index("ix_intake_waiting", "received_at", where="failed_at IS NULL"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    sealed: Mapped[bytes]
    received_at: Mapped[datetime]
    failed_at: Mapped[datetime | None]


_IS_NOT_REMINDED = "state = 'pending' AND reminded_at IS NULL"
_IS_VEILED = "state = 'confirmed' AND is_veiled"
_IS_LISTED = "state = 'confirmed' AND public_name IS NOT NULL"
_IS_LISTED_OF_ONE = f"{_IS_LISTED} AND organisation_key IS NOT NULL"

LONGEST_KEY = 200
"""Characters: one may unfold into eighteen, and PostgreSQL's indexes take no more than some two thousand bytes."""


class Signature(Base):
    """One person's signing of one campaign.

    Whatever the signer typed stays in `sealed` until the signing is confirmed; then the worker lifts the veil from
    what the signer chose to show, and from nothing else. One reader may have several pending signatures (each letter
    confirms what was typed with it), but only one that is confirmed or was invalidated.

    `organisation_key` is the organisation that shows, in the spelling in which it is looked for. `source` is where the
    signer came from, as the link said that they followed; `may_contact` whether the organizers may write to them
    themselves.
    """

    __tablename__ = "signatures"
    __table_args__ = (
        partial_index("uq_signatures_standing", "reader_id", where="state <> 'pending'", unique=True),
        partial_index("ix_signatures_pending", "signed_at", where="state = 'pending'"),
        partial_index("ix_signatures_not_reminded", "signed_at", where=_IS_NOT_REMINDED),
        partial_index("ix_signatures_veiled", "id", where=_IS_VEILED),
        partial_index("ix_signatures_listed", "campaign_id", "confirmed_at", "id", where=_IS_LISTED),
        partial_index("ix_signatures_listed_country", "campaign_id", "country", "confirmed_at", "id", where=_IS_LISTED),
        partial_index(
            "ix_signatures_listed_of", "campaign_id", "organisation_key", "confirmed_at", "id", where=_IS_LISTED_OF_ONE
        ),
        partial_index(
            "ix_signatures_listed_of_country",
            "campaign_id",
            "organisation_key",
            "country",
            "confirmed_at",
            "id",
            where=_IS_LISTED_OF_ONE,
        ),
        one_of("state", SignatureState),
        one_of("appear", Appear),
        one_of("news", News),
        CheckConstraint("public_name IS NULL OR (appear <> 'count' AND state <> 'pending')", name="shown_as_chosen"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(default=SignatureState.PENDING)
    reason: Mapped[str | None]
    appear: Mapped[str]
    news: Mapped[str]
    locale: Mapped[str]
    country: Mapped[str]
    source: Mapped[str | None]
    may_contact: Mapped[bool] = mapped_column(default=False, server_default=false())
    sealed: Mapped[bytes]
    is_veiled: Mapped[bool] = mapped_column(default=True)
    public_name: Mapped[str | None]
    city: Mapped[str | None]
    affiliation: Mapped[str | None]
    organisation_key: Mapped[str | None]
    secret: Mapped[bytes]
    commitment: Mapped[bytes] = mapped_column(unique=True)
    signed_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    """When it was decided about the one letter that asks again whether this is meant."""
    confirmed_at: Mapped[datetime | None]
    text_version_id: Mapped[int | None] = mapped_column(ForeignKey("text_versions.id"))

    campaign: Mapped[Campaign] = relationship()
    text_version: Mapped[TextVersion | None] = relationship()
    reader: Mapped[Reader] = relationship()

    @property
    def is_confirmed(self) -> bool:
        """Whether it counts."""
        return self.state == SignatureState.CONFIRMED

    @property
    def is_invalidated(self) -> bool:
        """Whether it was counted once and an organizer took it out of the count."""
        return self.state == SignatureState.INVALIDATED

    @property
    def receipt(self) -> str:
        """What proves to the signer alone that a ledger entry is theirs: its SHA-256 is the commitment."""
        return self.secret.hex()

    def choose_appearance(self, appear: Appear) -> None:
        """Appear otherwise. What was shown goes at once; the worker shows what is now wished."""
        self.public_name = self.city = self.affiliation = self.organisation_key = None
        self.appear = appear
        self.is_veiled = True

    def invalidate(self, reason: str) -> None:
        """Count no longer, and show nothing."""
        self.state, self.reason = SignatureState.INVALIDATED, reason
        self.choose_appearance(Appear(self.appear))

    def restore(self) -> None:
        """Count again; the worker shows again what the signer chose to show."""
        self.state, self.reason = SignatureState.CONFIRMED, None
        self.choose_appearance(Appear(self.appear))

    def unveil(self, name: str, city: str | None, affiliation: str | None) -> None:
        """Show what the signer chose to show, and nothing else."""
        if self.appear == Appear.NAME:
            self.public_name, self.city, self.affiliation = name, city, affiliation
            self.organisation_key = organisation_key(affiliation or "")
        elif self.appear == Appear.INITIALS:
            self.public_name = initials(name)
        self.is_veiled = False


def new_secret() -> tuple[bytes, bytes]:
    """A receipt's secret and the commitment to it."""
    secret = os.urandom(32)
    return secret, hashlib.sha256(secret).digest()


def initials(name: str) -> str:
    """The initials of a name: 'Rosa Luxemburg' → 'R. L.'"""
    return " ".join(f"{word[0].upper()}." for word in name.split())


def organisation_key(text: str) -> str | None:
    """How an organisation is looked for: without capitals, punctuation, forms of letters (NFKC); None for nothing."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in folded).split()
    return " ".join(words)[:LONGEST_KEY].strip() or None
