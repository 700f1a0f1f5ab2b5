"""Campaigns: one by its slug, and the lists; versions of a text; photos; people and targets of one campaign."""

from collections.abc import Collection, Sequence

from sqlalchemy import column, select, table
from sqlalchemy.orm import selectinload, undefer_group

from campaign.campaigns.models import SLUG, Campaign, CampaignState, Person, Photo, Target, TextVersion
from campaign.db import Translated, db
from campaign.i18n import fall_back


def campaign_by_slug(slug: str) -> Campaign | None:
    """The campaign at this address, drafts included."""
    return db.session.scalar(select(Campaign).where(Campaign.slug == slug)) if SLUG.fullmatch(slug) else None


def public_campaign(slug: str) -> Campaign | None:
    """The campaign at this address, unless it is a draft."""
    campaign = campaign_by_slug(slug)
    return None if campaign is None or campaign.state == CampaignState.DRAFT else campaign


def campaigns_in(*states: CampaignState) -> Sequence[Campaign]:
    """The campaigns in these states, newest first."""
    chosen = select(Campaign).where(Campaign.state.in_(states)).order_by(Campaign.opened_on.desc(), Campaign.id.desc())
    return db.session.scalars(chosen.options(selectinload(Campaign.texts), selectinload(Campaign.people))).all()


def campaigns_of(ids: Collection[int]) -> Sequence[Campaign]:
    """These campaigns, the newest first."""
    chosen = select(Campaign).where(Campaign.id.in_(ids)).order_by(Campaign.id.desc())
    whole = (selectinload(Campaign.texts), selectinload(Campaign.people), selectinload(Campaign.targets))
    return db.session.scalars(chosen.options(*whole)).all()


def is_signed(campaign_id: int) -> bool:
    """Whether anybody has signed yet, and so fixed the versions of the texts."""
    fixed = select(TextVersion.id).where(TextVersion.campaign_id == campaign_id, TextVersion.fixed_at.is_not(None))
    return db.session.scalar(fixed.limit(1)) is not None


def versions(campaign_id: int, locale: str) -> Sequence[TextVersion]:
    """The versions of a text, with their words, the newest first."""
    found = select(TextVersion).where(TextVersion.campaign_id == campaign_id, TextVersion.locale == locale)
    return db.session.scalars(found.order_by(TextVersion.number.desc()).options(undefer_group("words"))).all()


def person_of(campaign_id: int, person_id: int) -> Person | None:
    """A person of this campaign."""
    return db.session.scalar(select(Person).where(Person.id == person_id, Person.campaign_id == campaign_id))


def target_of(campaign_id: int, target_id: int) -> Target | None:
    """A target of this campaign."""
    return db.session.scalar(select(Target).where(Target.id == target_id, Target.campaign_id == campaign_id))


_STATUS_CHANGES = table("status_changes", column("person_id"))
"""The timeline's, which stands above this room: asked for by its name only."""


def has_history(person_id: int) -> bool:
    """Whether an update, published or not, says how it stands with this person."""
    told = select(_STATUS_CHANGES.c.person_id).where(_STATUS_CHANGES.c.person_id == person_id)
    return db.session.scalar(told.limit(1)) is not None


PHOTO_FILES = {"480.jpg": Photo.jpeg, "480.webp": Photo.narrow, "960.webp": Photo.wide}
"""The files of a photo, by width and format."""


def photo_file(name: str, file: str) -> bytes | None:
    """The bytes of one of a photo's files, by its random name."""
    return db.session.scalar(select(PHOTO_FILES[file]).where(Photo.name == name))


def photo_shown(person: Person, locale: str, original: str) -> dict[str, object] | None:
    """A person's photo, with the words for those who do not see it; None where there is none."""
    photo = person.photo
    if photo is None:
        return None
    alt = in_locale(photo.alt, locale, original) or in_locale(person.name, locale, original)
    return {"name": photo.name, "alt": alt, "width": photo.width, "height": photo.height}


def in_locale(texts: Translated, locale: str, original: str) -> str:
    """A short text in the locale, else in the original's, else as it is written, else nothing."""
    written = {at: text for at, text in texts.items() if text}
    return written.get(fall_back(locale, [original], written) or "", "")
