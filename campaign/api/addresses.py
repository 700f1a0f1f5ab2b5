"""Where the pages, feeds, frames and pictures of a campaign are."""

from flask import current_app

from campaign.i18n import LOCALES
from campaign.links import public_url

OFFERED = {
    "pages": ("pages.campaign", "/{locale}/{slug}/"),
    "feeds": ("sharing.feed", "/{locale}/{slug}/feed.atom"),
    "embeds": ("sharing.embed", "/{locale}/{slug}/embed"),
    "cards": ("cards.card", "/{locale}/{slug}/card.png"),
}


def address_of(kind: str, slug: str, locale: str) -> str:
    """The public address of a campaign's page, feed, frame or card in a language."""
    endpoint, path = OFFERED[kind]
    if endpoint in current_app.view_functions:
        return public_url(endpoint, slug=slug, locale=locale)
    return current_app.config["PUBLIC_URL"] + path.format(slug=slug, locale=locale)  # type: ignore[no-any-return]


def addresses_of(slug: str) -> dict[str, dict[str, str]]:
    """All of them, by kind and language."""
    return {kind: {locale: address_of(kind, slug, locale) for locale in LOCALES} for kind in OFFERED}
