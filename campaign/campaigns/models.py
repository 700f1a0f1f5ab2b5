"""Campaign, its texts and their versions, people and their photos, targets."""

import re
from collections.abc import Collection, Iterator
from datetime import date, datetime
from enum import StrEnum
from itertools import takewhile

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, Update, event, false, update
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from campaign.db import Base, Translated, one_of
from campaign.i18n import fall_back

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""A campaign's place in addresses."""

TARGET_KINDS = ("authority", "government", "embassy", "company", "other")


HIGHEST_GOAL = 2**31 - 1


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
    The three columns beginning with `second` say which acts need a second organizer: a mailing to more than so many
    readers, telling that somebody was released or killed, an export of contacts.
    """

    __tablename__ = "campaigns"
    __table_args__ = (
        one_of("state", CampaignState),
        CheckConstraint("goal > 0", name="goal"),
        CheckConstraint("second_above >= 0", name="second_above"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    locale: Mapped[str]
    country: Mapped[str | None]
    hashtag: Mapped[str | None]
    goal: Mapped[int]
    goal_grows: Mapped[bool] = mapped_column(default=False, server_default=false())
    second_above: Mapped[int | None]
    second_for_status: Mapped[bool] = mapped_column(default=False, server_default=false())
    second_for_export: Mapped[bool] = mapped_column(default=False, server_default=false())
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

    @property
    def languages(self) -> list[str]:
        """Its languages, its own first, then as they were added: in this order they stand in for one another."""
        return list(dict.fromkeys([self.locale, *(text.locale for text in self.texts)]))

    def text_in(self, locale: str) -> "CampaignText":
        """The text in the locale, else the original."""
        by_locale = {text.locale: text for text in self.texts}
        return by_locale[fall_back(locale, [self.locale], by_locale) or self.locale]

    def text_of(self, locale: str) -> "CampaignText | None":
        """The text in the locale, if there is one."""
        return next((text for text in self.texts if text.locale == locale), None)

    def goal_at(self, count: int) -> int:
        """The goal to show at this count: one that grows is the first of the steps that is still ahead."""
        return next(step for step in steps() if step >= self.goal and step > count) if self.goal_grows else self.goal

    def day_of_telling(self, today: date) -> date:
        """The day to count from: today, or the day on which the story stands still."""
        return self.told_as_of or today


def steps() -> Iterator[int]:
    """100, 250, 500, 1000, 2500, and so on."""
    power = 100
    while True:
        yield from (power, power * 5 // 2, power * 5)
        power *= 10


def step_reached(count: int) -> int:
    """The highest of the steps that a count has reached; 0 for none."""
    return max(takewhile(lambda step: step <= count, steps()), default=0)


class TextVersion(OnThePage, Base):
    """What stood at one time in one language for people to sign.

    Until the campaign has its first signature, a change replaces the present version. The first signature fixes all
    versions of its campaign, and those made afterwards are fixed from the start: a trigger refuses to change them.
    """

    __tablename__ = "text_versions"
    __table_args__ = (UniqueConstraint("campaign_id", "locale", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    locale: Mapped[str]
    number: Mapped[int]
    made_at: Mapped[datetime]
    fixed_at: Mapped[datetime | None]
    title: Mapped[str] = mapped_column(deferred=True, deferred_group="words")
    summary: Mapped[str] = mapped_column(deferred=True, deferred_group="words")
    body: Mapped[str] = mapped_column(deferred=True, deferred_group="words")
    demands: Mapped[list[str]] = mapped_column(deferred=True, deferred_group="words")


class TextState(StrEnum):
    """How a text stands to the original."""

    ORIGINAL = "original"
    TRANSLATED = "translated"
    OLDER = "older"


class CampaignText(OnThePage, Base):
    """All that a campaign says in one language.

    `changed_at` is when its words were last changed or, for a translation, last found right beside the original;
    `changed_by` is the name of the organizer who did it, as it was that day.
    """

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
    version_id: Mapped[int] = mapped_column(ForeignKey("text_versions.id"))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str | None]

    version: Mapped[TextVersion] = relationship(lazy="joined", innerjoin=True)

    def state_beside(self, original: "CampaignText") -> TextState:
        """How it stands to the original."""
        if self.locale == original.locale:
            return TextState.ORIGINAL
        return TextState.OLDER if self.changed_at < original.changed_at else TextState.TRANSLATED


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

    photo: Mapped["Photo | None"] = relationship(lazy="joined", cascade="all, delete-orphan")


class Photo(OnThePage, Base):
    """The photo of a person, encoded anew: as WebP in two sizes, as JPEG in the narrow one.

    Its name is random and is used for one photo only.
    """

    __tablename__ = "photos"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), unique=True)
    name: Mapped[str] = mapped_column(unique=True)
    alt: Mapped[Translated]
    width: Mapped[int]
    height: Mapped[int]
    jpeg: Mapped[bytes] = mapped_column(deferred=True)
    narrow: Mapped[bytes] = mapped_column(deferred=True)
    wide: Mapped[bytes] = mapped_column(deferred=True)


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
