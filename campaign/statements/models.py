"""Statements, endorsements, and what was decided on them."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from flask_babel import gettext as _
from sqlalchemy import CheckConstraint, ForeignKey, Index, false
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column, relationship

from campaign.campaigns.models import OnThePage
from campaign.db import Base, Translated, one_of, partial_index
from campaign.mailing.models import Reader
from campaign.organizers.models import Organizer
from campaign.signing.models import Signature


class StatementState(StrEnum):
    """Where a statement stands."""

    WAITING = "waiting"
    HELD = "held"
    PUBLISHED = "published"
    REJECTED = "rejected"


class EndorsementState(StrEnum):
    """Where an endorsement stands; an unconfirmed one is shown to nobody."""

    UNCONFIRMED = "unconfirmed"
    WAITING = "waiting"
    HELD = "held"
    PUBLISHED = "published"
    REJECTED = "rejected"


class Act(StrEnum):
    """What a moderator may decide; `returned` takes a decision back."""

    PUBLISHED = "published"
    REJECTED = "rejected"
    HELD = "held"
    RETURNED = "returned"


class Reason(StrEnum):
    """Why something is rejected, for the team."""

    SPAM = "spam"
    INSULT = "insult"
    DANGER = "danger"
    PRIVATE = "private"
    FALSE = "false"
    OFF_TOPIC = "off_topic"
    UNPROVEN = "unproven"
    OTHER = "other"


_IS_PUBLISHED = "state = 'published'"
_IS_WAITING = "state = 'waiting'"
_IS_HELD = "state = 'held'"
_IS_DECIDED = "state IN ('published', 'rejected')"


class Statement(OnThePage, Base):
    """A signer's words. They go with the signature, and show with the name that the signer chose to show.

    `country` is the signature's, kept here so that the words from one country can be read through an index; who appears
    only in the count shows none. `is_chosen`: organizers want it to stand first. `told_at` is when the letter that
    tells of the publishing was first owed: it is owed once.
    """

    __tablename__ = "statements"
    __table_args__ = (
        one_of("state", StatementState),
        CheckConstraint("NOT is_chosen OR state = 'published'", name="chosen_of_published"),
        partial_index("ix_statements_published", "campaign_id", "published_at", "id", where=_IS_PUBLISHED),
        partial_index("ix_statements_chosen", "campaign_id", "is_chosen", "published_at", "id", where=_IS_PUBLISHED),
        partial_index("ix_statements_country", "campaign_id", "country", "published_at", "id", where=_IS_PUBLISHED),
        partial_index(
            "ix_statements_country_chosen",
            "campaign_id",
            "country",
            "is_chosen",
            "published_at",
            "id",
            where=_IS_PUBLISHED,
        ),
        partial_index("ix_statements_waiting", "campaign_id", "made_at", "id", where=_IS_WAITING),
        partial_index("ix_statements_held", "campaign_id", "made_at", "id", where=_IS_HELD),
        partial_index("ix_statements_decided", "campaign_id", "decided_at", "id", where=_IS_DECIDED),
        {"sqlite_autoincrement": True},
    )

    kind: ClassVar[str] = "statement"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    signature_id: Mapped[int] = mapped_column(ForeignKey("signatures.id", ondelete="CASCADE"), unique=True)
    body: Mapped[str]
    locale: Mapped[str]
    country: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=StatementState.WAITING)
    is_chosen: Mapped[bool] = mapped_column(default=False, server_default=false())
    made_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]

    signature: Mapped[Signature] = relationship()

    @property
    def reader(self) -> Reader | None:
        """Who is told when the words are published."""
        return self.signature.reader


class Endorsement(OnThePage, Base):
    """An organisation's support: who speaks for it, for how many members; or somebody of it, in a personal capacity.

    What was typed stays in `sealed` until it is confirmed by mail; then the worker opens it, and `proved_domain` says
    where the letter went. One that an organizer vouches for has neither reader nor proof.
    """

    __tablename__ = "endorsements"
    __table_args__ = (
        one_of("state", EndorsementState),
        CheckConstraint("(organisation IS NULL) = (sealed IS NOT NULL)", name="opened"),
        CheckConstraint("sealed IS NULL OR state IN ('unconfirmed', 'waiting')", name="decided_when_opened"),
        CheckConstraint("represents > 0", name="represents"),
        partial_index("ix_endorsements_unconfirmed", "made_at", where="state = 'unconfirmed'"),
        partial_index("ix_endorsements_sealed", "id", where="state = 'waiting' AND sealed IS NOT NULL"),
        partial_index("ix_endorsements_waiting", "campaign_id", "made_at", "id", where=_IS_WAITING),
        partial_index("ix_endorsements_held", "campaign_id", "made_at", "id", where=_IS_HELD),
        partial_index("ix_endorsements_decided", "campaign_id", "decided_at", "id", where=_IS_DECIDED),
        {"sqlite_autoincrement": True},
    )

    kind: ClassVar[str] = "endorsement"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    reader_id: Mapped[int | None] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"), index=True)
    sealed: Mapped[bytes | None]
    organisation: Mapped[str | None]
    country: Mapped[str | None]
    represents: Mapped[int | None]
    speaker: Mapped[str | None]
    office: Mapped[str | None]
    is_personal: Mapped[bool] = mapped_column(default=False)
    statement: Mapped[Translated | None]
    source: Mapped[str | None]
    proved_domain: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=EndorsementState.WAITING)
    made_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]

    reader: Mapped[Reader | None] = relationship()


Item = Statement | Endorsement
"""What moderators decide on."""


class Decision(Base):
    """What somebody decided on a statement or an endorsement; kept as long as that is. By nobody: by command."""

    __tablename__ = "decisions"
    __table_args__ = (
        one_of("act", Act),
        one_of("reason", Reason),
        CheckConstraint("(statement_id IS NULL) <> (endorsement_id IS NULL)", name="one_subject"),
        Index("ix_decisions_of", "campaign_id", "organizer_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    statement_id: Mapped[int | None] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"), index=True)
    endorsement_id: Mapped[int | None] = mapped_column(ForeignKey("endorsements.id", ondelete="CASCADE"), index=True)
    organizer_id: Mapped[int | None] = mapped_column(ForeignKey("organizers.id", ondelete="SET NULL"))
    act: Mapped[str]
    reason: Mapped[str | None]
    note: Mapped[str | None]
    made_at: Mapped[datetime]

    organizer: Mapped[Organizer | None] = relationship()
    statement: Mapped[Statement | None] = relationship()
    endorsement: Mapped[Endorsement | None] = relationship()

    @classmethod
    def about(cls, kind: str) -> InstrumentedAttribute[int | None]:
        """The column that refers to a statement or to an endorsement."""
        return cls.statement_id if kind == Statement.kind else cls.endorsement_id

    @property
    def who(self) -> str:
        """Who decided."""
        return self.organizer.name if self.organizer else _("Somebody at the command line")

    @property
    def subject(self) -> tuple[str, int]:
        """The kind and the number of what it is about."""
        return ("statement", self.statement_id) if self.statement_id else ("endorsement", self.endorsement_id or 0)

    def told(self) -> str:
        """Who decided what, as a sentence."""
        sentences = {
            Act.PUBLISHED: _("%(who)s has published this in the meantime.", who=self.who),
            Act.REJECTED: _("%(who)s has rejected this in the meantime.", who=self.who),
            Act.HELD: _("%(who)s has put this on hold in the meantime.", who=self.who),
            Act.RETURNED: _("%(who)s has taken the decision back in the meantime.", who=self.who),
        }
        return sentences[Act(self.act)]
