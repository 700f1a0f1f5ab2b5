"""Campaign, its texts, people and targets."""

import re
from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, Update, event, update
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from campaign.db import Base, Translated, one_of

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""A campaign's place in addresses."""

TARGET_KINDS = ("authority", "government", "embassy", "company", "other")


class OnThePage:
    """What the page of a campaign shows. Whoever adds, changes or deletes such a row makes the page anew."""

    campaign_id: Mapped[int]


class CampaignState(StrEnum):
    """Where an appeal stands."""

    DRAFT = "draft"
    OPEN = "open"
    WON = "won"
    ENDED = "ended"


class Campaign(Base):
    """The appeal. `told_as_of` is set when it is told as it stood on a day of the past.

    `revision` grows with whatever its page shows, but for the count: who knows both knows whether the page is the same.
    """

    __tablename__ = "campaigns"
    __table_args__ = (one_of("state", CampaignState), CheckConstraint("goal > 0", name="goal"))

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    locale: Mapped[str]
    country: Mapped[str | None]
    hashtag: Mapped[str | None]
    goal: Mapped[int]
    opened_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    told_as_of: Mapped[date | None]
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]

    texts: Mapped[list["CampaignText"]] = relationship(order_by="CampaignText.id", cascade="all, delete-orphan")
    people: Mapped[list["Person"]] = relationship(order_by="Person.position", cascade="all, delete-orphan")
    targets: Mapped[list["Target"]] = relationship(order_by="Target.position", cascade="all, delete-orphan")

    @property
    def is_signable(self) -> bool:
        """Whether it takes signatures."""
        return self.state == CampaignState.OPEN

    @property
    def is_followable(self) -> bool:
        """Whether it takes followers: as long as there may be news."""
        return self.state != CampaignState.DRAFT

    def text_in(self, locale: str) -> "CampaignText":
        """The text in the locale, else the original."""
        by_locale = {text.locale: text for text in self.texts}
        return by_locale.get(locale) or by_locale[self.locale]

    def day_of_telling(self, today: date) -> date:
        """The day to count from: today, or the day on which the story stands still."""
        return self.told_as_of or today


class CampaignText(OnThePage, Base):
    """All that a campaign says in one language."""

    __tablename__ = "campaign_texts"
    __table_args__ = (UniqueConstraint("campaign_id", "locale"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    locale: Mapped[str]
    title: Mapped[str]
    summary: Mapped[str]
    body: Mapped[str]
    demands: Mapped[list[str]]
    outcome: Mapped[str | None]


class Person(OnThePage, Base):
    """One whom the campaign is for; `since` is the day on which it began."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("campaign_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[Translated]
    role: Mapped[Translated]
    age: Mapped[int | None]
    since: Mapped[date]


class Target(OnThePage, Base):
    """One to whom the demands are addressed."""

    __tablename__ = "targets"
    __table_args__ = (UniqueConstraint("campaign_id", "position"), one_of("kind", TARGET_KINDS))

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    position: Mapped[int]
    kind: Mapped[str]
    name: Mapped[Translated]


def revised(campaign_ids: Collection[int]) -> Update:
    """The statement by which the pages of these campaigns show something else from now on."""
    grown = update(Campaign).where(Campaign.id.in_(campaign_ids)).values(revision=Campaign.revision + 1)
    return grown.execution_options(synchronize_session=False)


@event.listens_for(Session, "after_flush")
def _revise(session: Session, _context: object) -> None:
    rows = (*session.new, *session.dirty, *session.deleted)
    shown = {row.campaign_id for row in rows if isinstance(row, OnThePage)}
    shown |= {row.id for row in rows if isinstance(row, Campaign)}
    if shown:
        session.execute(revised(shown))
