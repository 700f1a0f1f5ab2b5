"""What the head of a page tells machines: where it stands in each language, and what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from babel import Locale
from babel.core import get_global
from flask import request
from flask_babel import gettext as _

from campaign.campaigns.models import Campaign, CampaignText
from campaign.db import READING_METHODS
from campaign.i18n import DEFAULT_LOCALE, LOCALES, current_locale
from campaign.links import public_url
from campaign.timeline.queries import Standing

HOME = "pages.home"
MARKS = ("before", "after")
"""What tells one page of a list from the next; whatever else stands in a query makes no page of its own."""


@dataclass(frozen=True)
class Places:
    """The one address of a page, and those in each language with their hreflang; "x-default" is for all others."""

    canonical: str
    languages: list[tuple[str, str]]


def places_here(original: str | None) -> Places | None:
    """The places of the page that is asked for; None for pages that are to stand in no index.

    These are pages with the token of a letter, answers to a form, the console. `original` is the language in which
    the campaign at hand was written first.
    """
    rule, values = request.url_rule, dict(request.view_args or {})
    is_public = rule is not None and rule.rule.startswith("/<locale:locale>/") and "token" not in values
    if rule is None or not is_public or request.method not in READING_METHODS:
        return None
    values |= {name: request.args[name] for name in MARKS if name in request.args}
    return places(rule.endpoint, original, **values)


def places(endpoint: str, original: str | None, **values: object) -> Places:
    """The places of a page that is there in every language."""
    values.pop("locale", None)
    languages = [(code, public_url(endpoint, locale=code, **values)) for code in LOCALES]
    by_code = dict(languages)
    home = public_url("pages.start") if endpoint == HOME else None  # which looks at what the browser speaks
    by_default = home or by_code.get(original or DEFAULT_LOCALE, by_code[DEFAULT_LOCALE])
    return Places(by_code[current_locale()], [*languages, ("x-default", by_default)])


@cache
def og_locale(code: str) -> str:
    """A language as Open Graph writes it (https://ogp.me/, og:locale): with the country most of its readers live in.

    For Arabic that is "ar_AR", which is no country: the networks' word for the Arabic of everywhere.
    """
    if code == "ar":
        return "ar_AR"
    known = Locale.parse(code)
    likely = get_global("likely_subtags").get(known.language, known.language)
    return f"{known.language}_{known.territory or likely.rpartition('_')[2]}"


def linked_data(campaign: Campaign, text: CampaignText, people: Sequence[Standing], url: str) -> dict[str, object]:
    """The page of a campaign in the words of schema.org: a page about persons, and nothing that we do not know."""
    return {
        "@context": "https://schema.org",
        "@type": "WebPage",
        "@id": url,
        "url": url,
        "name": text.title,
        "description": text.summary,
        "inLanguage": text.locale,
        "datePublished": (campaign.opened_on or campaign.created_at.date()).isoformat(),
        "dateModified": text.changed_at.isoformat(timespec="seconds"),
        "isPartOf": {"@type": "WebSite", "name": _("Campaign"), "url": public_url("pages.start")},
        "image": public_url("cards.card", slug=campaign.slug),
        "about": [{"@type": "Person", "name": person.name} for person in people],
    }
