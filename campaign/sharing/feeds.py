"""Atom feeds (RFC 4287) of updates, in one language."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension
from feedgen.feed import FeedGenerator
from flask import render_template
from flask_babel import gettext as _

from campaign import clock
from campaign.links import public_url
from campaign.sharing.queries import changed_at
from campaign.timeline.models import Update
from campaign.timeline.queries import Entry, entry

ATOM = "application/atom+xml"

_NO_XML = re.compile(r"[^\t\n\r -\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
"""What may stand nowhere in XML 1.0 (section 2.2), not even escaped."""


class Tongue(BaseEntryExtension):
    """The language of an entry, where it is not that of the feed: feedgen knows one for all."""

    def __init__(self, code: str) -> None:
        self._code = code

    def extend_atom(self, entry: Any) -> Any:
        """As feedgen asks, with the element."""
        entry.set("{http://www.w3.org/XML/1998/namespace}lang", self._code)
        return entry


def atom(locale: str, title: str, feed_url: str, page_url: str, updates: Sequence[Update]) -> str:
    """A feed of these updates, the first one first; `feed_url` is its own address, and its id."""
    feed = FeedGenerator()
    feed.id(feed_url)
    feed.title(_plain(title))
    feed.language(locale)
    feed.link(href=feed_url, rel="self", type=ATOM)
    feed.link(href=page_url, rel="alternate", type="text/html", hreflang=locale)
    feed.author(name=_("Campaign"), uri=public_url("pages.home", locale=locale))
    feed.generator("Campaign")
    feed.updated(_newest(updates))
    for update in updates:
        feed.add_entry(_entry(update, entry(update, locale), locale), order="append")
    return str(feed.atom_str().decode())


def _newest(updates: Sequence[Update]) -> datetime:
    """A feed in which nothing is yet was never changed; it must give a time (section 4.2.15), and gives today's."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return max((changed_at(update) for update in updates), default=today)


def _entry(update: Update, told: Entry, locale: str) -> FeedEntry:
    url = public_url("timeline.entry", locale=locale, slug=update.campaign.slug, number=update.number)
    made = FeedEntry()
    made.id(url)
    made.title(_plain(_("Retracted: %(title)s", title=told.title) if told.retracted_at else told.title))
    made.link(href=url)
    made.published(update.published_at)
    made.updated(changed_at(update))
    made.content(_plain(_html(update, told, locale)), type="html")
    made.category(term=told.kind)
    made.register_extension("tongue", partial(Tongue, told.locale))
    return made


def _html(update: Update, told: Entry, locale: str) -> str:
    campaign = update.campaign
    return render_template("sharing/entry.html", campaign=campaign, text=campaign.text_in(locale), update=told)


def _plain(text: str) -> str:
    return _NO_XML.sub("", text)
