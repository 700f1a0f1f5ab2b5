"""Where the pages, feeds, frames and pictures of a campaign are."""

from campaign.i18n import LOCALES
from campaign.links import public_url

OFFERED = {"pages": "pages.campaign", "feeds": "sharing.feed", "embeds": "sharing.embed", "cards": "cards.card"}
"""The rooms that offer them stand beside this one, so they are known by their endpoints alone."""


def address_of(kind: str, slug: str, locale: str) -> str:
    """The public address of a campaign's page, feed, frame or card in a language."""
    return public_url(OFFERED[kind], slug=slug, locale=locale)


def addresses_of(slug: str) -> dict[str, dict[str, str]]:
    """All of them, by kind and language."""
    return {kind: {locale: address_of(kind, slug, locale) for locale in LOCALES} for kind in OFFERED}
