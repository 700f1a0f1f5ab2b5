"""Adding a campaign from the description of one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from flask_babel import gettext as _

from campaign.campaigns.models import SLUG, TARGET_KINDS, Campaign, CampaignState, CampaignText, Person, Target
from campaign.campaigns.queries import campaign_by_slug
from campaign.db import Translated, db
from campaign.errors import Refusal
from campaign.i18n import DEFAULT_LOCALE, LOCALES, countries

RESERVED_SLUGS = frozenset(
    {"api", "confirm", "console", "healthz", "inbox", "letter", "metrics", "static", "unsubscribe", "yours"}
)


@dataclass(frozen=True)
class TextDraft:
    """A campaign's text in one language."""

    title: str
    summary: str
    body: str
    demands: list[str]
    outcome: str | None = None


@dataclass(frozen=True)
class PersonDraft:
    """A person whom a campaign is for."""

    name: Translated
    since: date
    role: Translated = field(default_factory=dict)
    age: int | None = None


@dataclass(frozen=True)
class TargetDraft:
    """One to whom the demands are addressed."""

    kind: str
    name: Translated


@dataclass(frozen=True)
class CampaignDraft:
    """A whole campaign, as somebody described it."""

    slug: str
    locale: str
    texts: dict[str, TextDraft]
    people: list[PersonDraft]
    targets: list[TargetDraft]
    goal: int
    state: str = CampaignState.DRAFT
    country: str | None = None
    hashtag: str | None = None
    opened_on: date | None = None
    closed_on: date | None = None
    told_as_of: date | None = None


class SlugTaken(Refusal):
    """There is a campaign at this address, or the address is reserved."""


def _check(draft: CampaignDraft) -> None:
    if not SLUG.fullmatch(draft.slug):
        raise Refusal(_("The address “%(slug)s” may hold only a to z, digits and hyphens.", slug=draft.slug))
    if draft.slug in RESERVED_SLUGS or campaign_by_slug(draft.slug) is not None:
        raise SlugTaken(_("The address “%(slug)s” is taken.", slug=draft.slug))
    if draft.locale not in draft.texts:
        raise Refusal(_("The text in the original language (%(locale)s) is missing.", locale=draft.locale))
    check_locales(draft.texts)
    if draft.country is not None and draft.country not in dict(countries(DEFAULT_LOCALE)):
        raise Refusal(_("The country “%(country)s” is not a code of two letters such as PK.", country=draft.country))
    if draft.state not in list(CampaignState):
        raise Refusal(
            _("“%(state)s” is not a state; there are: %(all)s.", state=draft.state, all=", ".join(CampaignState))
        )
    for target in draft.targets:
        if target.kind not in TARGET_KINDS:
            raise Refusal(
                _(
                    "“%(kind)s” is not a kind of target; there are: %(all)s.",
                    kind=target.kind,
                    all=", ".join(TARGET_KINDS),
                )
            )
    if draft.goal < 1:
        raise Refusal(_("The goal is a whole number, 1 or more."))


def check_locales(locales: Iterable[str]) -> None:
    """Raise Refusal for a text in a language that the interface does not speak."""
    for locale in locales:
        if locale not in LOCALES:
            raise Refusal(
                _("“%(locale)s” is not a language here; there are: %(all)s.", locale=locale, all=", ".join(LOCALES))
            )


def add_campaign(draft: CampaignDraft, now: datetime) -> Campaign:
    """Add a campaign; raises SlugTaken, and Refusal when the original text is missing."""
    _check(draft)
    campaign = Campaign(
        slug=draft.slug,
        state=draft.state,
        locale=draft.locale,
        country=draft.country,
        hashtag=draft.hashtag,
        goal=draft.goal,
        opened_on=draft.opened_on,
        closed_on=draft.closed_on,
        told_as_of=draft.told_as_of,
        created_at=now,
        texts=[CampaignText(locale=locale, **vars(text)) for locale, text in draft.texts.items()],
        people=[Person(position=place, **vars(person)) for place, person in enumerate(draft.people)],
        targets=[Target(position=place, **vars(target)) for place, target in enumerate(draft.targets)],
    )
    db.session.add(campaign)
    db.session.flush()
    return campaign
