"""Updates, their texts, and the statuses that they set; drafts of updates, and who looks at them."""

import hashlib
import json
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign.campaigns.models import Campaign, OnThePage, Person
from campaign.db import Base, Translated, one_of, partial_index
from campaign.i18n import fall_back


class Kind(StrEnum):
    """What an update tells."""

    NEWS = "news"
    STATUS = "status"
    HEARING = "hearing"
    ACTION = "action"
    REPORT = "report"
    OUTCOME = "outcome"
    CORRECTION = "correction"


class Status(StrEnum):
    """How it stands with a person."""

    MISSING = "missing"
    DETAINED = "detained"
    CHARGED = "charged"
    ON_TRIAL = "on_trial"
    SENTENCED = "sentenced"
    TRANSFERRED = "transferred"
    RELEASED = "released"
    DEPORTED = "deported"
    KILLED = "killed"
    OTHER = "other"


class Update(OnThePage, Base):
    """A dated entry of the timeline. Once published it is corrected or retracted in the open, never edited."""

    __tablename__ = "updates"
    __table_args__ = (
        UniqueConstraint("campaign_id", "number"),
        one_of("kind", Kind),
        CheckConstraint("(retracted_at IS NULL) = (retraction IS NULL)", name="retraction"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[str]
    occurred_on: Mapped[date]
    published_at: Mapped[datetime | None]
    sources: Mapped[list[str]]
    corrects_id: Mapped[int | None] = mapped_column(ForeignKey("updates.id"))
    retracted_at: Mapped[datetime | None]
    retraction: Mapped[str | None]
    retraction_texts: Mapped[Translated | None]

    campaign: Mapped[Campaign] = relationship()
    texts: Mapped[list["UpdateText"]] = relationship(order_by="UpdateText.id", cascade="all, delete-orphan")
    changes: Mapped[list["StatusChange"]] = relationship(order_by="StatusChange.id", cascade="all, delete-orphan")
    corrects: Mapped["Update | None"] = relationship(remote_side=[id], back_populates="corrected_by")
    corrected_by: Mapped[list["Update"]] = relationship(back_populates="corrects", order_by="Update.number")

    @property
    def is_status(self) -> bool:
        """Whether it is for those, too, who want to hear of changes of status only."""
        return bool(self.changes) or self.kind in (Kind.STATUS, Kind.OUTCOME)

    def text_in(self, locale: str) -> "UpdateText":
        """The text in the locale, else in the first language of the campaign's in which there is one."""
        by_locale = {text.locale: text for text in self.texts}
        return by_locale[fall_back(locale, self.campaign.languages, by_locale) or locale]


class UpdateText(Base):
    """What an update says in one language. A trigger refuses to change that of a published one."""

    __tablename__ = "update_texts"
    __table_args__ = (UniqueConstraint("update_id", "locale"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    update_id: Mapped[int] = mapped_column(ForeignKey("updates.id", ondelete="CASCADE"))
    locale: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]


class StatusChange(Base):
    """An update sets the status of a person."""

    __tablename__ = "status_changes"
    __table_args__ = (UniqueConstraint("update_id", "person_id"), one_of("status", Status))

    id: Mapped[int] = mapped_column(primary_key=True)
    update_id: Mapped[int] = mapped_column(ForeignKey("updates.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    status: Mapped[str]

    person: Mapped[Person] = relationship()


class Draft(Base):
    """An update that is being written. It shows on no page: publishing it makes an update of what it says.

    It may lack anything. `texts` are {locale: {"title", "body"}}, `statuses` {person's id: status}. `revision` grows
    with each change. While it is scheduled (`publish_at`) it is not changed. `agreed_digest` is that of what a second
    organizer agreed to.
    """

    __tablename__ = "update_drafts"
    __table_args__ = (
        one_of("kind", Kind),
        CheckConstraint("publish_at IS NULL OR update_id IS NULL", name="scheduled"),
        partial_index("ix_update_drafts_open", "campaign_id", "saved_at", where="update_id IS NULL"),
        partial_index("ix_update_drafts_due", "publish_at", where="publish_at IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    kind: Mapped[str | None]
    occurred_on: Mapped[date | None]
    sources: Mapped[list[str]] = mapped_column(default=list)
    texts: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON, default=dict)
    statuses: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    corrects_id: Mapped[int | None] = mapped_column(ForeignKey("updates.id", ondelete="SET NULL"))
    revision: Mapped[int] = mapped_column(default=1)
    saved_by_id: Mapped[int | None] = mapped_column(ForeignKey("organizers.id", ondelete="SET NULL"))
    saved_at: Mapped[datetime]
    publish_at: Mapped[datetime | None]
    publisher_id: Mapped[int | None] = mapped_column(ForeignKey("organizers.id", ondelete="SET NULL"))
    agreed_digest: Mapped[bytes | None]
    refusal: Mapped[str | None]
    update_id: Mapped[int | None] = mapped_column(ForeignKey("updates.id", ondelete="CASCADE"), unique=True)

    campaign: Mapped[Campaign] = relationship()
    corrects: Mapped[Update | None] = relationship(foreign_keys=[corrects_id])
    update: Mapped[Update | None] = relationship(foreign_keys=[update_id])

    @property
    def is_status(self) -> bool:
        """Whether it will be for those, too, who want to hear of changes of status only."""
        return bool(self.statuses) or self.kind in (Kind.STATUS, Kind.OUTCOME)

    @property
    def content(self) -> dict[str, Any]:
        """All that it says."""
        return {
            "kind": self.kind,
            "occurred_on": self.occurred_on,
            "sources": self.sources,
            "texts": self.texts,
            "statuses": self.statuses,
            "corrects_id": self.corrects_id,
        }

    @property
    def digest(self) -> bytes:
        """Stands for all that it says: when a word of it changes, this changes."""
        said = {"draft": self.id} | self.content
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).digest()

    def text_in(self, locale: str) -> tuple[str, str, str]:
        """(locale, title, body) as readers of the locale will get it; empty where nothing is written."""
        written = {at: text for at, text in self.texts.items() if text["title"] or text["body"]}
        found = fall_back(locale, self.campaign.languages, written) or locale
        text = written.get(found, {"title": "", "body": ""})
        return found, text["title"], text["body"]


class DraftLook(Base):
    """When an organizer last had a draft open."""

    __tablename__ = "draft_looks"

    draft_id: Mapped[int] = mapped_column(ForeignKey("update_drafts.id", ondelete="CASCADE"), primary_key=True)
    organizer_id: Mapped[int] = mapped_column(
        ForeignKey("organizers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    seen_at: Mapped[datetime]
