"""Adding a campaign; writing its texts, which keeps what was signed; where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from flask_babel import gettext as _
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from campaign.campaigns.models import (
    HIGHEST_GOAL,
    SLUG,
    TARGET_KINDS,
    Campaign,
    CampaignState,
    CampaignText,
    Person,
    Target,
    TextVersion,
)
from campaign.campaigns.queries import campaign_by_slug, is_signed
from campaign.db import Translated, db
from campaign.errors import Refusal
from campaign.i18n import DEFAULT_LOCALE, LOCALES, countries

RESERVED_SLUGS = frozenset(
    {"api", "confirm", "console", "healthz", "inbox", "letter", "metrics", "oembed", "photo", "safety", "static",
     "unsubscribe", "yours"}
)  # fmt: skip


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
    goal_grows: bool = False
    state: str = CampaignState.DRAFT
    country: str | None = None
    hashtag: str | None = None
    opened_on: date | None = None
    closed_on: date | None = None
    told_as_of: date | None = None


class SlugTaken(Refusal):
    """There is a campaign at this address, or the address is reserved."""


class NotNow(Refusal):
    """A campaign in this state does not go into that one."""

    status = 409


class NotReady(Refusal):
    """Something is missing before the campaign can open."""


def _check(draft: CampaignDraft) -> None:
    check_slug(draft.slug)
    if draft.locale not in draft.texts:
        raise Refusal(_("The text in the original language (%(locale)s) is missing.", locale=draft.locale))
    check_locales(draft.texts)
    check_country(draft.country)
    if draft.state not in list(CampaignState):
        raise Refusal(
            _("“%(state)s” is not a state; there are: %(all)s.", state=draft.state, all=", ".join(CampaignState))
        )
    for target in draft.targets:
        check_kind(target.kind)
    check_goal(draft.goal)


def check_slug(slug: str) -> None:
    """Raise Refusal for an address that no campaign can have; SlugTaken for one that is another's."""
    if not SLUG.fullmatch(slug):
        raise Refusal(_("The address “%(slug)s” may hold only a to z, digits and hyphens.", slug=slug))
    if slug in RESERVED_SLUGS or campaign_by_slug(slug) is not None:
        raise SlugTaken(_("The address “%(slug)s” is taken.", slug=slug))


def check_country(country: str | None) -> None:
    """Raise Refusal for what is not the code of a country."""
    if country is not None and country not in dict(countries(DEFAULT_LOCALE)):
        raise Refusal(_("The country “%(country)s” is not a code of two letters such as PK.", country=country))


def check_kind(kind: str) -> None:
    """Raise Refusal for what is not a kind of target."""
    if kind not in TARGET_KINDS:
        raise Refusal(
            _("“%(kind)s” is not a kind of target; there are: %(all)s.", kind=kind, all=", ".join(TARGET_KINDS))
        )


def check_goal(goal: int) -> None:
    """Raise Refusal for a goal that nobody can reach."""
    if not 1 <= goal <= HIGHEST_GOAL:
        raise Refusal(_("The goal is a whole number, 1 or more."))


def check_locales(locales: Iterable[str]) -> None:
    """Raise Refusal for a text in a language that the interface does not speak."""
    for locale in locales:
        if locale not in LOCALES:
            raise Refusal(
                _("“%(locale)s” is not a language here; there are: %(all)s.", locale=locale, all=", ".join(LOCALES))
            )


def add_campaign(draft: CampaignDraft, now: datetime, by: str | None = None) -> Campaign:
    """Add a campaign; raises SlugTaken, and Refusal when the original text is missing."""
    _check(draft)
    campaign = Campaign(
        slug=draft.slug,
        state=draft.state,
        locale=draft.locale,
        country=draft.country,
        hashtag=draft.hashtag,
        goal=draft.goal,
        goal_grows=draft.goal_grows,
        opened_on=draft.opened_on,
        closed_on=draft.closed_on,
        told_as_of=draft.told_as_of,
        created_at=now,
        people=[Person(position=place, **vars(person)) for place, person in enumerate(draft.people)],
        targets=[Target(position=place, **vars(target)) for place, target in enumerate(draft.targets)],
    )
    _add_unless_taken(campaign)
    for locale, text in draft.texts.items():
        write_text(campaign, locale, text, Writing(by, now))
    return campaign


def _add_unless_taken(campaign: Campaign) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(campaign)
    except IntegrityError:  # somebody else was quicker by a moment
        raise SlugTaken(_("The address “%(slug)s” is taken.", slug=campaign.slug)) from None


# Texts


@dataclass(frozen=True)
class Writing:
    """Who writes, by name, and when."""

    by: str | None
    now: datetime


def write_text(campaign: Campaign, locale: str, draft: TextDraft, writing: Writing) -> CampaignText:
    """Write a campaign's text in a language. What was signed stays as a version; the same words change nothing."""
    check_locales([locale])
    _check_text(draft)
    present = campaign.text_of(locale)
    if present is None:
        return _add_text(campaign, locale, draft, writing)
    if _words(present) != _words(draft):
        present.version = _next_version(present, draft, writing.now)
    if vars(draft) != {name: getattr(present, name) for name in vars(draft)}:
        _set(present, **vars(draft), changed_at=writing.now, changed_by=writing.by)
    db.session.flush()
    return present


def find_right(text: CampaignText, writing: Writing) -> None:
    """Say that a translation, as it is, still says what the original says."""
    text.changed_at, text.changed_by = writing.now, writing.by


def version_signed(campaign: Campaign, version_id: int | None, locale: str, now: datetime) -> TextVersion:
    """The version that somebody signed: the one shown, if it is this campaign's, else the present one in the language.

    It is fixed from now on, and with it all others that stand.
    """
    shown = db.session.get(TextVersion, version_id) if version_id is not None else None
    version = shown if shown is not None and shown.campaign_id == campaign.id else campaign.text_in(locale).version
    if version.fixed_at is None:
        unfixed = update(TextVersion).where(TextVersion.campaign_id == campaign.id, TextVersion.fixed_at.is_(None))
        db.session.execute(unfixed.values(fixed_at=now))
    return version


def _check_text(draft: TextDraft) -> None:
    if not draft.title:
        raise Refusal(_("The text needs a title."))


def _add_text(campaign: Campaign, locale: str, draft: TextDraft, writing: Writing) -> CampaignText:
    fixed_at = writing.now if is_signed(campaign.id) else None
    version = TextVersion(
        campaign_id=campaign.id, locale=locale, number=1, made_at=writing.now, fixed_at=fixed_at, **_words(draft)
    )
    text = CampaignText(locale=locale, **vars(draft), version=version, changed_at=writing.now, changed_by=writing.by)
    campaign.texts.append(text)
    db.session.flush()
    return text


def _next_version(text: CampaignText, draft: TextDraft, now: datetime) -> TextVersion:
    """The present version with other words, as long as nobody has signed; then a new one."""
    present = db.session.get_one(TextVersion, text.version_id, with_for_update=True, populate_existing=True)
    if present.fixed_at is None:
        _set(present, made_at=now, **_words(draft))
        return present
    return TextVersion(
        campaign_id=text.campaign_id,
        locale=text.locale,
        number=present.number + 1,
        made_at=now,
        fixed_at=now,
        **_words(draft),
    )


def _words(of: TextDraft | CampaignText) -> dict[str, object]:
    """What people sign."""
    return {"title": of.title, "summary": of.summary, "body": of.body, "demands": of.demands}


def _set(row: CampaignText | TextVersion, **values: object) -> None:
    for name, value in values.items():
        setattr(row, name, value)


# Where it stands


def what_is_missing(campaign: Campaign) -> list[str]:
    """What a draft needs before it can open, in sentences."""
    text = campaign.text_in(campaign.locale)
    asked = {
        _("The text in the original language has nothing in it yet."): text.body,
        _("There is no demand yet. What do you ask for?"): text.demands,
        _("There is neither a person nor anybody to whom the demands go."): campaign.people or campaign.targets,
    }
    return [sentence for sentence, is_there in asked.items() if not is_there]


def open_campaign(campaign: Campaign, today: date) -> None:
    """Open a draft, or open again what was closed; raises NotReady with what is missing."""
    _check_now(campaign, CampaignState.DRAFT, CampaignState.ENDED, CampaignState.WON)
    missing = what_is_missing(campaign)
    if missing:
        raise NotReady(" ".join(missing))
    campaign.state, campaign.closed_on = CampaignState.OPEN, None
    campaign.opened_on = campaign.opened_on or today


def close_campaign(campaign: Campaign, state: CampaignState, outcomes: Translated, writing: Writing) -> None:
    """End a campaign, or say that it is won; `outcomes` tell how, by locale, and may be empty."""
    _check_now(campaign, CampaignState.OPEN, CampaignState.ENDED, CampaignState.WON)
    for text in campaign.texts:
        draft = TextDraft(**_words(text), outcome=outcomes.get(text.locale) or None)  # type: ignore[arg-type]
        write_text(campaign, text.locale, draft, writing)
    campaign.state, campaign.closed_on = state, campaign.closed_on or writing.now.date()


def _check_now(campaign: Campaign, *states: CampaignState) -> None:
    db.session.refresh(campaign, with_for_update=True)
    if campaign.state not in states:
        raise NotNow(_("The campaign is in another state by now. Please look again."))
