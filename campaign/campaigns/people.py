"""The people whom a campaign is for, with their photos, and those to whom the demands go: added, changed, removed."""

import os
from base64 import urlsafe_b64encode

from flask_babel import gettext as _

from campaign.campaigns.models import Campaign, Person, Photo, Target
from campaign.campaigns.operations import PersonDraft, TargetDraft, check_kind
from campaign.campaigns.photos import Encoded
from campaign.campaigns.queries import has_history
from campaign.db import Translated, db
from campaign.errors import Refusal


class HasHistory(Refusal):
    """The timeline tells of this person."""

    status = 409


def add_person(campaign: Campaign, draft: PersonDraft) -> Person:
    """Add a person at the end; raises Refusal for one without a name."""
    _check_name(draft.name)
    person = Person(campaign_id=campaign.id, position=_next_position(campaign.people), **vars(draft))
    campaign.people.append(person)
    db.session.flush()
    return person


def change_person(person: Person, draft: PersonDraft) -> None:
    """Change what is known of a person; raises Refusal for one without a name."""
    _check_name(draft.name)
    person.name, person.role, person.age, person.since = draft.name, draft.role, draft.age, draft.since
    db.session.flush()


def remove_person(campaign: Campaign, person: Person) -> None:
    """Remove a person of whom the timeline says nothing; raises HasHistory."""
    if has_history(person.id):
        raise HasHistory(
            _("The timeline says how it stands with this person, so they cannot be removed. Their name can be changed.")
        )
    campaign.people.remove(person)
    db.session.flush()


def move_up(rows: list[Person] | list[Target], row: Person | Target) -> None:
    """Change places with the one before; the first stays where it is."""
    place = next(index for index, other in enumerate(rows) if other is row)
    if place == 0:
        return
    before = rows[place - 1]
    wanted, given = before.position, row.position
    before.position = -1  # no two have the same place, not even for a moment
    db.session.flush()
    row.position = wanted
    db.session.flush()
    before.position = given
    db.session.flush()


def set_photo(person: Person, encoded: Encoded, alt: Translated) -> Photo:
    """Give a person a photo in the place of the one there was; its address is a new one."""
    remove_photo(person)
    name = urlsafe_b64encode(os.urandom(15)).decode()
    person.photo = Photo(campaign_id=person.campaign_id, name=name, alt=alt, **vars(encoded))
    db.session.flush()
    return person.photo


def describe_photo(photo: Photo, alt: Translated) -> None:
    """Say in other words what the photo shows."""
    photo.alt = alt
    db.session.flush()


def remove_photo(person: Person) -> None:
    """Delete a person's photo, if there is one."""
    person.photo = None
    db.session.flush()


def add_target(campaign: Campaign, draft: TargetDraft) -> Target:
    """Add one to whom the demands go; raises Refusal."""
    _check_target(draft)
    target = Target(campaign_id=campaign.id, position=_next_position(campaign.targets), **vars(draft))
    campaign.targets.append(target)
    db.session.flush()
    return target


def change_target(target: Target, draft: TargetDraft) -> None:
    """Change one to whom the demands go; raises Refusal."""
    _check_target(draft)
    target.kind, target.name = draft.kind, draft.name
    db.session.flush()


def remove_target(campaign: Campaign, target: Target) -> None:
    """Remove one to whom the demands went."""
    campaign.targets.remove(target)
    db.session.flush()


def _check_target(draft: TargetDraft) -> None:
    check_kind(draft.kind)
    _check_name(draft.name)


def _check_name(name: Translated) -> None:
    if not any(name.values()):
        raise Refusal(_("Please give a name, in one language at least."))


def _next_position(rows: list[Person] | list[Target]) -> int:
    return max((row.position for row in rows), default=-1) + 1
