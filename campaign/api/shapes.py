"""The shapes of what is told of a campaign."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf, Range

from campaign.campaigns.models import TARGET_KINDS, CampaignState
from campaign.timeline.models import Kind, Status

PUBLIC_STATES = [state.value for state in CampaignState if state is not CampaignState.DRAFT]


def told(kind: type[fields.Field[Any]], description: str, *of: Any, **more: Any) -> Any:
    """A field that is always there, though it may be null where `allow_none` is given."""
    return kind(*of, required=True, metadata={"description": description}, **more)


def by_language(description: str, value: Any = fields.String, **more: Any) -> Any:
    """A field that holds the same in several languages, by their codes."""
    values = value() if isinstance(value, type) else value
    return told(fields.Dict, description, keys=fields.String(), values=values, **more)


def asked(kind: type[fields.Field[Any]], description: str, **more: Any) -> Any:
    """A parameter."""
    return kind(metadata={"description": description}, **more)


class Count(Schema):
    """How far a campaign is."""

    count = told(fields.Integer, "How many signatures count: each was confirmed by mail.")
    goal = told(fields.Integer, "How many are the goal. It may grow with the count.")
    on_paper = told(fields.Integer, "How many signatures on paper stand beside the count. They are not in it.")
    state = told(fields.String, "Where the campaign stands.", validate=OneOf(PUBLIC_STATES))


class Text(Schema):
    """What a campaign says in one language."""

    title = told(fields.String, "The title.")
    summary = told(fields.String, "One paragraph.")
    body = told(fields.String, "The text that is signed, in Markdown (CommonMark, without HTML).")
    demands = told(fields.List, "What is demanded.", fields.String())
    outcome = told(fields.String, "How it ended.", allow_none=True)
    version = told(fields.Integer, "The number of this version of the text.")
    changed_at = told(fields.DateTime, "When the words were last changed, or last found right beside the original.")


class Photo(Schema):
    """A photo, as WebP."""

    url = told(fields.String, "Where it is. Another photo has another address.")
    width = told(fields.Integer, "Pixels.")
    height = told(fields.Integer, "Pixels.")
    alt = by_language("What is to be seen.")


class Person(Schema):
    """One whom the campaign is for."""

    name = by_language("The name.")
    role = by_language("Who it is, in a few words. May be empty.")
    age = told(fields.Integer, "Years.", allow_none=True)
    since = told(fields.Date, "The day on which it began.")
    status = told(fields.String, "How it stands.", allow_none=True, validate=OneOf([*map(str, Status)]))
    status_since = told(fields.Date, "The day of the last change of status.", allow_none=True)
    photo = told(fields.Nested, "A photo.", Photo, allow_none=True)


class Target(Schema):
    """One to whom the demands are addressed."""

    kind = told(fields.String, "What it is.", validate=OneOf(TARGET_KINDS))
    name = by_language("The name.")


class Change(Schema):
    """A person's status, as an update sets it."""

    person = told(fields.Integer, "The person's place in `people`; the first is 0.")
    status = told(fields.String, "How it stands since then.", validate=OneOf([*map(str, Status)]))


class UpdateText(Schema):
    """What an update says in one language."""

    title = told(fields.String, "The title.")
    body = told(fields.String, "In Markdown.")


class Update(Schema):
    """A dated entry of the timeline. It is corrected or retracted in the open, never changed."""

    number = told(fields.Integer, "Its number in the campaign.")
    kind = told(fields.String, "What it tells.", validate=OneOf([*map(str, Kind)]))
    occurred_on = told(fields.Date, "The day on which it happened.")
    published_at = told(fields.DateTime, "When it was published.")
    texts = by_language("What it says.", fields.Nested(UpdateText))
    sources = told(fields.List, "Where it is from.", fields.String())
    changes = told(fields.List, "The statuses that it sets.", fields.Nested(Change))
    corrects = told(fields.Integer, "The number of the update that it corrects.", allow_none=True)
    corrected_by = told(fields.List, "The numbers of the updates that correct it.", fields.Integer())
    retracted_at = told(fields.DateTime, "When it was retracted.", allow_none=True)
    retraction = by_language("Why it was retracted.", allow_none=True)
    pages = by_language("The page of this update.")


class Endorsements(Schema):
    """How many organisations endorse a campaign."""

    organisations = told(fields.Integer, "How many endorse it.")
    people = told(fields.Integer, "For how many people they speak.")
    personal = told(fields.Integer, "How many persons endorse it in a personal capacity.")


class Links(Schema):
    """Where there is more."""

    self = told(fields.String, "This document.")
    count = told(fields.String, "The count alone.")
    petition = told(fields.String, "The petition (OSDI).")
    pages = by_language("The page of the campaign.")
    feeds = by_language("An Atom feed of its updates.")
    embeds = by_language("A frame to show on another site; `/oembed` says how.")
    cards = by_language("A picture to share, PNG, 1200 by 630.")


class Campaign(Count):
    """A campaign. Nothing in it is about anybody who signed."""

    slug = told(fields.String, "Its place in addresses.")
    language = told(fields.String, "The language of the original.")
    country = told(fields.String, "The country that it is about (ISO 3166-1 alpha-2).", allow_none=True)
    hashtag = told(fields.String, "The hashtag.", allow_none=True)
    opened_on = told(fields.Date, "The day on which it opened.", allow_none=True)
    closed_on = told(fields.Date, "The day on which it was won or ended.", allow_none=True)
    told_as_of = told(fields.Date, "The day of the past as of which it is told.", allow_none=True)
    texts = by_language("What it says.", fields.Nested(Text))
    people = told(fields.List, "Whom it is for.", fields.Nested(Person))
    targets = told(fields.List, "To whom the demands are addressed.", fields.Nested(Target))
    updates = told(fields.List, "The newest updates, the newest first.", fields.Nested(Update))
    endorsements = told(fields.Nested, "How many endorse it.", Endorsements)
    links = told(fields.Nested, "Where there is more.", Links)


class Frame(Schema):
    """How to embed a campaign (oEmbed 1.0)."""

    version = told(fields.String, "Of oEmbed.", validate=OneOf(["1.0"]))
    type = told(fields.String, "What it is.", validate=OneOf(["rich"]))
    title = told(fields.String, "The campaign's title.")
    provider_name = told(fields.String, "This site.")
    provider_url = told(fields.String, "Its address.")
    cache_age = told(fields.Integer, "For how many seconds this may be kept.")
    html = told(fields.String, "An iframe. It needs no script and sets no cookie.")
    width = told(fields.Integer, "Its width in pixels.")
    height = told(fields.Integer, "Its height in pixels.")
    thumbnail_url = fields.String(metadata={"description": "The share card, where it is not larger than was asked."})
    thumbnail_width = fields.Integer(metadata={"description": "Pixels."})
    thumbnail_height = fields.Integer(metadata={"description": "Pixels."})


class FrameAsked(Schema):
    """What one asks of oEmbed."""

    url = asked(fields.String, "The address of a campaign's page, in any language.", required=True)
    maxwidth = asked(fields.Integer, "Pixels that the frame may be wide.", validate=Range(min=1))
    maxheight = asked(fields.Integer, "Pixels that the frame may be high.", validate=Range(min=1))
    format = asked(fields.String, "`json`. There is no `xml`.", load_default="json")
