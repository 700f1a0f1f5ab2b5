"""Drafting, publishing, correcting and retracting updates."""

from dataclasses import dataclass, field
from datetime import date, datetime

from flask_babel import gettext as _
from sqlalchemy import func, select

from campaign.campaigns.models import Campaign, CampaignState, Person
from campaign.campaigns.operations import check_locales
from campaign.db import Translated, db
from campaign.errors import Refusal
from campaign.mailing.models import Mailing
from campaign.mailing.posting import post
from campaign.timeline.models import Kind, Status, StatusChange, Update, UpdateText
from campaign.timeline.queries import freedom, published_update, standings


@dataclass(frozen=True)
class UpdateDraft:
    """An update as somebody described it: texts as {locale: (title, body)}, statuses by the person's name."""

    kind: str
    occurred_on: date
    texts: dict[str, tuple[str, str]]
    sources: list[str] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    corrects: int | None = None
    people: dict[int, str] = field(default_factory=dict)
    """Statuses by the person's id: two people may have one name."""


class AlreadyPublished(Refusal):
    """The update, or one that is the same in all that it says, stands in the timeline already."""


def add_update(campaign: Campaign, draft: UpdateDraft) -> Update:
    """Add an unpublished update; raises Refusal with what is wrong in the draft."""
    _check(draft)
    corrects = _corrected(campaign, draft)
    update = Update(
        campaign=campaign,
        number=(db.session.scalar(select(func.max(Update.number)).where(Update.campaign_id == campaign.id)) or 0) + 1,
        kind=draft.kind,
        occurred_on=draft.occurred_on,
        sources=draft.sources,
        corrects=corrects,
        texts=[UpdateText(locale=locale, title=title, body=body) for locale, (title, body) in draft.texts.items()],
        changes=[
            *(StatusChange(person=_person(campaign, name), status=status) for name, status in draft.statuses.items()),
            *(StatusChange(person_id=person, status=status) for person, status in draft.people.items()),
        ],
    )
    db.session.add(update)
    db.session.flush()
    return update


def publish(update: Update, now: datetime, *, is_told: bool = True) -> Mailing | None:
    """Publish an update and, if it is told, owe its letters; both in one transaction. Raises AlreadyPublished."""
    db.session.refresh(update.campaign, with_for_update=True)
    if update.published_at is not None:
        raise AlreadyPublished(_("This update is published already."))
    was_free = _is_free(update.campaign, update.occurred_on)
    update.published_at = now
    db.session.flush()
    _follow_the_people(update.campaign, update.occurred_on, was_free=was_free)
    return post(update.campaign_id, update.id, is_status=update.is_status, now=now) if is_told else None


def retract(update: Update, reason: str, now: datetime, texts: Translated | None = None) -> None:
    """Take an update back in the open: it stays, struck through, with the reason; `texts`: in more languages."""
    if update.retracted_at is not None:
        raise Refusal(_("This update is retracted already."))
    if not reason.strip():
        raise Refusal(_("Please say why it is retracted."))
    was_free = _is_free(update.campaign, update.occurred_on)
    update.retracted_at, update.retraction, update.retraction_texts = now, reason, texts
    db.session.flush()
    _follow_the_people(update.campaign, update.occurred_on, was_free=was_free)


def is_told_already(campaign: Campaign, draft: UpdateDraft) -> bool:
    """Whether the timeline has an update with the same day, kind and titles."""
    same = select(Update).where(
        Update.campaign_id == campaign.id, Update.kind == draft.kind, Update.occurred_on == draft.occurred_on
    )
    titles = {locale: title for locale, (title, _body) in draft.texts.items()}
    return any({text.locale: text.title for text in update.texts} == titles for update in db.session.scalars(same))


def _is_free(campaign: Campaign, on: date) -> bool:
    return freedom(standings(campaign, campaign.locale, on)) is not None


def _follow_the_people(campaign: Campaign, on: date, *, was_free: bool) -> None:
    """The campaign is won when every person is free, and open again if that turns out not to be so.

    One that the organizers declared won while people are held stays as they said.
    """
    free = freedom(standings(campaign, campaign.locale, on))
    if free is not None and campaign.state == CampaignState.OPEN:
        campaign.state, campaign.closed_on = CampaignState.WON, free.on
    elif free is None and was_free and campaign.state == CampaignState.WON:
        campaign.state, campaign.closed_on = CampaignState.OPEN, None
    if campaign.told_as_of is not None:
        campaign.told_as_of = max(campaign.told_as_of, on)


def _check(draft: UpdateDraft) -> None:
    if draft.kind not in list(Kind):
        raise Refusal(
            _("“%(kind)s” is not a kind of update; there are: %(kinds)s.", kind=draft.kind, kinds=", ".join(Kind))
        )
    for status in (*draft.statuses.values(), *draft.people.values()):
        if status not in list(Status):
            raise Refusal(_("“%(status)s” is not a status; there are: %(all)s.", status=status, all=", ".join(Status)))
    if not draft.texts:
        raise Refusal(_("The update has no text."))
    check_locales(draft.texts)
    if any(not title.strip() or not body.strip() for title, body in draft.texts.values()):
        raise Refusal(_("A text needs both a title and a body."))
    if (draft.kind == Kind.CORRECTION) != (draft.corrects is not None):
        raise Refusal(_("A correction names the number of the update that it corrects; no other kind does."))


def _corrected(campaign: Campaign, draft: UpdateDraft) -> Update | None:
    if draft.corrects is None:
        return None
    corrected = published_update(campaign.id, draft.corrects)
    if corrected is None:
        raise Refusal(_("There is no published update number %(number)s to correct.", number=draft.corrects))
    return corrected


def _person(campaign: Campaign, name: str) -> Person:
    for person in campaign.people:
        if name in person.name.values():
            return person
    raise Refusal(_("The campaign is not for anybody named “%(name)s”.", name=name))
