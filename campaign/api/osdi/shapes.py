"""The shapes of OSDI: what it says, in HAL, and what it takes."""

from typing import Any

from marshmallow import EXCLUDE, Schema, fields
from marshmallow.validate import OneOf, Range

from campaign.api.shapes import asked, told
from campaign.i18n import LOCALES

MOST = 25
"""So many petitions a page holds at most."""

FARTHEST = 10_000


class Link(Schema):
    """A link (HAL)."""

    href = told(fields.String, "The address.")
    title = fields.String(metadata={"description": "What is there."})
    templated = fields.Boolean(metadata={"description": "Whether the address holds a variable."})
    name = fields.String(metadata={"description": "The prefix that it stands for."})
    type = fields.String(metadata={"description": "The media type."})


def link(description: str, **more: Any) -> Any:
    """A link that is always there."""
    return told(fields.Nested, description, Link, **more)


class EntryLinks(Schema):
    """Where to go from the entry point."""

    self = link("This document.")
    curies = told(fields.List, "What the prefixes stand for.", fields.Nested(Link))
    petitions = link("The petitions.", data_key="osdi:petitions")
    docs = link("A page for people.")


class Entry(Schema):
    """The entry point: from here, links lead everywhere."""

    motd = told(fields.String, "A greeting.")
    vendor_name = told(fields.String, "The software.")
    product_name = told(fields.String, "The software.")
    osdi_version = told(fields.String, "Of OSDI.")
    max_pagesize = told(fields.Integer, "So many petitions a page holds at most.")
    links = told(fields.Nested, "Where to go.", EntryLinks, data_key="_links")


class PetitionLinks(Schema):
    """Where to go from a petition."""

    self = link("This petition.")
    curies = told(fields.List, "What the prefixes stand for.", fields.Nested(Link))
    record = fields.Nested(
        Link,
        data_key="osdi:record_signature_helper",
        metadata={"description": "Where to sign; only while the petition takes signatures."},
    )
    alternate = link("The same in all languages, with people and updates.")


class PetitionTarget(Schema):
    """To whom a petition is addressed."""

    name = told(fields.String, "The name.")


class Petition(Schema):
    """A campaign, in the language of its original."""

    identifiers = told(fields.List, "`campaign:` and the slug.", fields.String())
    origin_system = told(fields.String, "The software.")
    created_date = told(fields.DateTime, "When it was made.")
    modified_date = told(fields.DateTime, "When its words were last changed.")
    name = told(fields.String, "The slug.")
    title = told(fields.String, "The title.")
    summary = told(fields.String, "One paragraph.")
    description = told(fields.String, "The text, as HTML.")
    petition_text = told(fields.String, "The demands, one in each line.")
    browser_url = told(fields.String, "The page.")
    total_signatures = told(fields.Integer, "How many signatures count.")
    target = told(fields.List, "To whom it is addressed.", fields.Nested(PetitionTarget))
    links = told(fields.Nested, "Where to go.", PetitionLinks, data_key="_links")


class PageLinks(Schema):
    """Where to go from a page of petitions."""

    self = link("This page.")
    curies = told(fields.List, "What the prefixes stand for.", fields.Nested(Link))
    next = fields.Nested(Link, metadata={"description": "The next page, if there is one."})
    previous = fields.Nested(Link, metadata={"description": "The page before, if there is one."})
    petitions = told(fields.List, "The petitions of this page.", fields.Nested(Link), data_key="osdi:petitions")


class Embedded(Schema):
    """What a page holds."""

    petitions = told(fields.List, "The petitions.", fields.Nested(Petition), data_key="osdi:petitions")


class Page(Schema):
    """A page of petitions, the newest first."""

    total_pages = told(fields.Integer, "How many pages there are.")
    per_page = told(fields.Integer, "How many petitions a page holds.")
    page = told(fields.Integer, "Which page this is.")
    total_records = told(fields.Integer, "How many petitions there are.")
    links = told(fields.Nested, "Where to go.", PageLinks, data_key="_links")
    embedded = told(fields.Nested, "The petitions themselves.", Embedded, data_key="_embedded")


class PageAsked(Schema):
    """Which page."""

    page = asked(fields.Integer, "Which page; the first is 1.", validate=Range(1, FARTHEST), load_default=1)
    per_page = asked(fields.Integer, "How many petitions it holds.", validate=Range(1, MOST), load_default=MOST)


# What is taken. Nothing is required here: the form of the campaign's page says what is missing.


class Taken(Schema):
    """A part of a body. What OSDI knows besides is left aside."""

    class Meta:
        """OSDI has many fields more."""

        unknown = EXCLUDE


def taken(kind: type[fields.Field[Any]], description: str, *of: Any, **more: Any) -> Any:
    """A field that may be left out or null."""
    return kind(*of, allow_none=True, metadata={"description": description}, **more)


class EmailAddress(Taken):
    """An e-mail address."""

    address = taken(fields.String, "The letter to confirm goes there.")
    primary = taken(fields.Boolean, "Whether to use this one; else the first is used.")


class PostalAddress(Taken):
    """A place."""

    locality = taken(fields.String, "Town or city.")
    country = taken(fields.String, "ISO 3166-1 alpha-2. Needed.")
    primary = taken(fields.Boolean, "Whether to use this one; else the first is used.")


class Wishes(Taken):
    """What OSDI has no field for. What is left out is as quiet as can be."""

    appear = taken(
        fields.String, "How to appear: `name`, `initials` (and country), or `count`: only in the count. "
        "`count` if left out.", data_key="campaign:appear",
    )  # fmt: skip
    news = taken(
        fields.String, "Which news to get by mail: `all`, `status`, `weekly` or `none`. `none` if left out.",
        data_key="campaign:news",
    )  # fmt: skip
    locale = taken(
        fields.String,
        "The language of the letters. If left out, that of Accept-Language, else the campaign's.",
        data_key="campaign:locale",
        validate=OneOf(list(LOCALES)),
    )


class Signer(Taken):
    """Who signs."""

    given_name = taken(fields.String, "A name is needed: this one, the next, or both.")
    family_name = taken(fields.String, "The second part of the name.")
    email_addresses = taken(fields.List, "One is needed.", fields.Nested(EmailAddress))
    postal_addresses = taken(fields.List, "One with a country is needed.", fields.Nested(PostalAddress))
    custom_fields = taken(fields.Nested, "Wishes.", Wishes)


class Referrer(Taken):
    """Where the signer came from."""

    source = taken(fields.String, "A word for it, such as `union-newsletter`. Organizers see sums of it.")


class Signature(Taken):
    """A signature."""

    person = taken(fields.Nested, "Who signs. Needed.", Signer)
    comments = taken(fields.String, "A few words of solidarity. The organizers read them before they are shown.")
    referrer_data = taken(fields.Nested, "Where the signer came from.", Referrer)


class Recorded(Schema):
    """Nothing: the answer is the same whether this address had signed before or not."""
