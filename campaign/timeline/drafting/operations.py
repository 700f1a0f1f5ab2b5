"""Writing drafts together, scheduling and publishing them."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import cast

from flask_babel import gettext as _
from sqlalchemy.engine import Connection

from campaign.campaigns.models import Campaign
from campaign.db import db, insert
from campaign.errors import Refusal
from campaign.mailing.queries import wishes
from campaign.timeline.drafting.queries import needs_second, obstacles, open_drafts
from campaign.timeline.models import Draft, DraftLook, Kind, Update
from campaign.timeline.operations import AlreadyPublished, UpdateDraft, add_update, is_told_already, publish

MOST_DRAFTS = 100
AHEAD = timedelta(days=366)


@dataclass(frozen=True)
class Content:
    """What a draft says; it may lack anything."""

    kind: str | None = None
    occurred_on: date | None = None
    sources: list[str] = field(default_factory=list)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    corrects_id: int | None = None


class Overtaken(Refusal):
    """Somebody else saved the draft since it was read. Nothing was changed."""

    status = 409


class Scheduled(Refusal):
    """The draft waits for its time, and is not changed meanwhile."""

    status = 409


class NeedsSecond(Refusal):
    """The campaign asks for a second organizer, and none has agreed to what the draft says now."""


def begin_draft(campaign: Campaign, by_id: int, now: datetime, content: Content | None = None) -> Draft:
    """Begin a draft, or give the one back that the same organizer began and left empty; raises Refusal."""
    drafts = open_drafts(campaign.id)
    content = content or Content()
    for draft in drafts:
        if draft.saved_by_id == by_id and draft.content == vars(content):
            return draft
    if len(drafts) >= MOST_DRAFTS:
        raise Refusal(_("There are %(count)s drafts. Please delete one first.", count=len(drafts)))
    draft = Draft(campaign_id=campaign.id, revision=1, saved_by_id=by_id, saved_at=now, **vars(content))
    db.session.add(draft)
    db.session.flush()
    return draft


def save_draft(draft: Draft, content: Content, revision: int, by_id: int, now: datetime) -> bool:
    """Change a draft that was read at a revision; says whether anything changed. Raises Overtaken, Scheduled.

    What a second organizer agreed to is void with the first change.
    """
    if draft.content == vars(content):
        return False
    _check_open(draft)
    if draft.revision != revision:
        raise Overtaken(_("Somebody else has saved this draft since you opened it."))
    if draft.publish_at is not None:
        raise Scheduled(_("This waits for its time. Take it off the schedule to change it."))
    for name, value in vars(content).items():
        setattr(draft, name, value)
    draft.revision, draft.saved_by_id, draft.saved_at = draft.revision + 1, by_id, now
    draft.agreed_digest = draft.refusal = None
    db.session.flush()
    return True


def look_at(draft_id: int, organizer_id: int, now: datetime, connection: Connection) -> None:
    """Note that an organizer has a draft open."""
    seen = insert(DraftLook).values(draft_id=draft_id, organizer_id=organizer_id, seen_at=now)
    connection.execute(seen.on_conflict_do_update(index_elements=["draft_id", "organizer_id"], set_={"seen_at": now}))


def delete_draft(draft: Draft) -> None:
    """Delete a draft; raises AlreadyPublished, Scheduled."""
    _check_open(draft)
    if draft.publish_at is not None:
        raise Scheduled(_("This waits for its time. Take it off the schedule to delete it."))
    db.session.delete(draft)
    db.session.flush()


def schedule(draft: Draft, at: datetime, by_id: int, now: datetime) -> None:
    """Have a draft published at a time; raises Refusal with what is missing, NeedsSecond, AlreadyPublished."""
    check_time(at, now)
    _check_ready(draft)
    draft.publish_at, draft.publisher_id, draft.refusal = at, by_id, None
    db.session.flush()


def check_time(at: datetime, now: datetime) -> None:
    """Raise Refusal for a time that is past, or too far ahead to be meant."""
    if not now < at < now + AHEAD:
        raise Refusal(_("Please give a time that lies ahead, within a year."))


def unschedule(draft: Draft) -> None:
    """Take a draft off the schedule; raises AlreadyPublished when its time has come already."""
    _check_open(draft)
    draft.publish_at = None
    db.session.flush()


def publish_draft(draft: Draft, now: datetime) -> Update:
    """Publish what a draft says, and owe its letters; once. Raises Refusal with what is missing, NeedsSecond."""
    campaign = draft.campaign
    db.session.refresh(campaign, with_for_update=True)
    _check_ready(draft)
    described = _described(draft)
    if is_told_already(campaign, described):
        raise AlreadyPublished(_("The timeline has an update with the same day, kind and titles already."))
    update = add_update(campaign, described)
    publish(update, now)
    draft.update, draft.publish_at, draft.refusal = update, None, None
    db.session.flush()
    return update


def agree(draft: Draft, digest: bytes) -> None:
    """A second organizer agrees to what the draft said; raises Refusal if it says something else now."""
    _check_open(draft)
    if draft.digest != digest:
        raise Refusal(_("The draft was changed since you were asked. Please ask for it to be sent to you again."))
    draft.agreed_digest = digest


def put_off(draft: Draft, why: Refusal) -> None:
    """A scheduled draft could not be published: it goes off the schedule, and the console says why."""
    draft.publish_at, draft.refusal = None, str(why.sentence)
    db.session.flush()


def begin_correction(update: Update, by_id: int, now: datetime) -> Draft:
    """Begin a draft that corrects a published update, and says what it said."""
    if update.published_at is None:
        raise Refusal(_("Only what is published is corrected."))
    content = Content(
        kind=Kind.CORRECTION,
        occurred_on=update.occurred_on,
        sources=list(update.sources),
        texts={text.locale: {"title": text.title, "body": text.body} for text in update.texts},
        statuses={str(change.person_id): change.status for change in update.changes},
        corrects_id=update.id,
    )
    return begin_draft(update.campaign, by_id, now, content)


def _check_open(draft: Draft) -> None:
    if draft.update_id is not None:
        raise AlreadyPublished(_("This update is published already."))


def _check_ready(draft: Draft) -> None:
    _check_open(draft)
    for sentence in obstacles(draft):
        raise Refusal(sentence)
    if draft.agreed_digest != draft.digest and needs_second(draft, wishes(draft.campaign_id)):
        raise NeedsSecond(_("This needs a second organizer, who has not agreed to it as it is now."))


def _described(draft: Draft) -> UpdateDraft:
    """A draft in which nothing is missing, as what is published."""
    known = {person.id for person in draft.campaign.people}
    return UpdateDraft(
        kind=cast("str", draft.kind),
        occurred_on=cast("date", draft.occurred_on),
        texts={at: (text["title"], text["body"]) for at, text in draft.texts.items() if text["title"]},
        sources=draft.sources,
        corrects=draft.corrects.number if draft.corrects else None,
        people={int(person): status for person, status in draft.statuses.items() if int(person) in known},
    )
