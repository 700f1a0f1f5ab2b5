"""A campaign as one document, in all its languages."""

from typing import Any

from campaign import clock
from campaign.api.addresses import addresses_of
from campaign.campaigns.models import Campaign, Person
from campaign.links import public_url
from campaign.signing.queries import progress
from campaign.statements.queries import backers
from campaign.timeline.models import Update
from campaign.timeline.queries import Standing, published_updates, standings

NEWEST_UPDATES = 10


def counted(campaign: Campaign) -> dict[str, Any]:
    """How far a campaign is."""
    return vars(progress(campaign)) | {"state": campaign.state}


def document(campaign: Campaign) -> dict[str, Any]:
    """All that is told of a campaign. Nothing of whoever signed, follows or endorses, but for sums."""
    plain = ("slug", "country", "hashtag", "opened_on", "closed_on", "told_as_of")
    standing = standings(campaign, campaign.locale, clock.today())
    endorsed = backers(campaign.id)
    return counted(campaign) | {name: getattr(campaign, name) for name in plain} | {
        "language": campaign.locale,
        "texts": {text.locale: vars(text) | {"version": text.version.number} for text in campaign.texts},
        "people": [_person(person, now) for person, now in zip(campaign.people, standing, strict=True)],
        "targets": campaign.targets,
        "updates": [_update(campaign, update) for update in published_updates(campaign.id, NEWEST_UPDATES)],
        "endorsements": vars(endorsed) | {"personal": endorsed.persons},
        "links": _links(campaign),
    }  # fmt: skip


def _person(person: Person, now: Standing) -> dict[str, Any]:
    photo = person.photo
    url = public_url("campaigns.photo", name=f"{photo.name}-960.webp") if photo else None
    return {
        "name": person.name,
        "role": person.role,
        "age": person.age,
        "since": person.since,
        "status": now.status,
        "status_since": now.changed_on,
        "photo": {"url": url, "width": photo.width, "height": photo.height, "alt": photo.alt} if photo else None,
    }


def _update(campaign: Campaign, update: Update) -> dict[str, Any]:
    places = {person.id: place for place, person in enumerate(campaign.people)}
    retraction = update.retraction_texts or ({campaign.locale: update.retraction} if update.retraction else None)
    return {
        "number": update.number,
        "kind": update.kind,
        "occurred_on": update.occurred_on,
        "published_at": update.published_at,
        "texts": {text.locale: text for text in update.texts},
        "sources": update.sources,
        "changes": [{"person": places[change.person_id], "status": change.status} for change in update.changes],
        "corrects": update.corrects.number if update.corrects else None,
        "corrected_by": [correction.number for correction in update.corrected_by if correction.published_at],
        "retracted_at": update.retracted_at,
        "retraction": retraction,
        "pages": {
            text.locale: public_url("timeline.entry", slug=campaign.slug, number=update.number, locale=text.locale)
            for text in update.texts
        },
    }


def _links(campaign: Campaign) -> dict[str, Any]:
    return {
        "self": public_url("api.campaign", slug=campaign.slug),
        "count": public_url("api.count", slug=campaign.slug),
        "petition": public_url("osdi.petition", slug=campaign.slug),
        **addresses_of(campaign.slug),
    }
