"""Updates, their texts, and the statuses that they set."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign.campaigns.models import Campaign, OnThePage, Person
from campaign.db import Base, one_of


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
        """The text in the locale, else in the campaign's language, else the first there is."""
        by_locale = {text.locale: text for text in self.texts}
        return by_locale.get(locale) or by_locale.get(self.campaign.locale) or self.texts[0]


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
