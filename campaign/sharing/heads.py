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
    """Where a page is: here, and in each language with its hreflang; "x-default" is for all others.

    `canonical` is here, but where the campaign's text is not there in this language: then where it is at home.
    """

    here: str
    canonical: str
    languages: list[tuple[str, str]]


def places_here(campaign: Campaign | None) -> Places | None:
    """The places of the page that is asked for; None for pages that are to stand in no index.

    These are pages with the token of a letter, answers to a form, the console. `campaign` is what the page is about.
    """
    rule, values = request.url_rule, dict(request.view_args or {})
    is_public = rule is not None and rule.rule.startswith("/<locale:locale>/") and "token" not in values
    if rule is None or not is_public or request.method not in READING_METHODS:
        return None
    values |= {name: request.args[name] for name in MARKS if name in request.args}
    return places(rule.endpoint, campaign, **values)


def places(endpoint: str, campaign: Campaign | None, **values: object) -> Places:
    """The places of a page: in every language, or about a campaign, in those in which it has a text."""
    values.pop("locale", None)
    every = {code: public_url(endpoint, locale=code, **values) for code in LOCALES}
    here, spoken = current_locale(), _spoken(campaign)
    by_default = every[spoken[0]]
    home = public_url("pages.start") if endpoint == HOME else None  # which looks at what the browser speaks
    languages = [(code, address) for code, address in every.items() if code in spoken]
    canonical = every[here] if here in spoken else by_default
    return Places(every[here], canonical, [*languages, ("x-default", home or by_default)])


def _spoken(campaign: Campaign | None) -> list[str]:
    """The languages in which a page says all that it says; first the one that stands in for the others."""
    if campaign is None:
        return list(LOCALES)
    return [code for code in campaign.languages if code in LOCALES] or [DEFAULT_LOCALE]


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
