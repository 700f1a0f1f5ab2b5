"""Locales: which there are, which one a request speaks, and numbers, dates and countries in it."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import normalize

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, force_locale, get_locale, refresh
from werkzeug.routing import BaseConverter

DEFAULT_LOCALE = "en"
"""The language that the code and the templates are written in."""

TRANSLATIONS = Path(__file__).parent / "translations"


def _translated() -> list[str]:
    return sorted(catalogue.parts[-3] for catalogue in TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))


def _own_name(code: str) -> str:
    name = Locale.parse(code).get_display_name() or code
    return name[:1].upper() + name[1:]


LOCALES = {code: _own_name(code) for code in (DEFAULT_LOCALE, *_translated())}
"""The languages of the interface, each by its own name: a catalogue is all that one needs."""

babel = Babel()


class LocaleConverter(BaseConverter):
    """The <locale:locale> of an address: one of ours, so that a slug never collides with it."""

    regex = "|".join(LOCALES)


def init_i18n(app: Flask) -> None:
    """Let addresses begin with a locale, and let the request speak it."""
    app.url_map.converters["locale"] = LocaleConverter
    app.config["BABEL_DEFAULT_LOCALE"] = DEFAULT_LOCALE
    babel.init_app(app, locale_selector=_requested_locale)

    @app.url_value_preprocessor
    def take_locale(endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.locale = (values or {}).get("locale") or _locale_of_path() or preferred_locale()

    @app.url_defaults
    def give_locale(endpoint: str, values: dict[str, Any]) -> None:
        if "locale" not in values and app.url_map.is_endpoint_expecting(endpoint, "locale"):
            values["locale"] = current_locale()


def current_locale() -> str:
    """The code of the locale in force."""
    found = get_locale()
    return str(found) if found else DEFAULT_LOCALE


def preferred_locale() -> str:
    """The first locale the browser asks for that we have, a region's standing for its language (RFC 4647, lookup)."""
    asked = (language.partition("-")[0].lower() for language in request.accept_languages.values())
    return next((language for language in asked if language in LOCALES), DEFAULT_LOCALE)


def speak(locale: str) -> None:
    """Speak this locale for the rest of the request."""
    g.locale = known_locale(locale)
    refresh()


def known_locale(code: str | None) -> str:
    """The code itself if it is one of ours, else the default."""
    return code if code in LOCALES else DEFAULT_LOCALE


def fall_back(wanted: str, languages: Sequence[str], written: Collection[str]) -> str | None:
    """In which language to say something that is written in some: the one wanted, else the first of the campaign's.

    Else the first in which it is written; None where it is written in none. This is the one rule for pages and letters.
    """
    return next((locale for locale in (wanted, *languages, *written) if locale in written), None)


def direction(locale: str) -> str:
    """'rtl' or 'ltr'; that of the default for what is none of ours, which a form may hold."""
    return _locale(known_locale(locale)).text_direction


def comma(locale: str) -> str:
    """What stands between the parts of a list, with its space."""
    return "، " if direction(locale) == "rtl" else ", "


@contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Speak another locale for a while: for letters, and in the worker, which has no request."""
    with force_locale(known_locale(locale)):
        yield


def number(value: float) -> str:
    """A number as the locale writes it."""
    return format_decimal(value, locale=_locale(current_locale()))


def long_date(value: date | datetime) -> str:
    """A date in words."""
    return format_date(value, "long", locale=_locale(current_locale()))


def moment(value: datetime) -> str:
    """A day and a time, in UTC, which organizers in several time zones share."""
    return f"{format_datetime(value.astimezone(UTC), 'd MMM y, HH:mm', locale=_locale(current_locale()))} UTC"


def country_name(code: str | None) -> str:
    """The name of a country (ISO 3166-1 alpha-2) in the locale; the code itself where there is none."""
    return _locale(current_locale()).territories.get(code, code) if code else ""


def language_name(code: str) -> str:
    """The name of a language in the locale; the code itself where there is none."""
    return str(_locale(current_locale()).languages.get(code, code))


@cache
def countries(locale: str) -> tuple[tuple[str, str], ...]:
    """All countries as (code, name), in the order of the locale's names."""
    names = _locale(locale).territories
    codes = (str(code) for code in names)
    pairs = ((code, names[code]) for code in codes if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES)
    return tuple(sorted(pairs, key=lambda pair: normalize("NFKD", pair[1])))


_NOT_COUNTRIES = ("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ")


@cache
def _locale(code: str) -> Locale:
    return Locale.parse(_OF_THE_WORLD.get(code, code))


_OF_THE_WORLD = {"en": "en_001"}
"""Where CLDR takes a language for that of one country: 14 July, not July 14."""


def _locale_of_path() -> str | None:
    """The locale with which the path begins, even where there is no page."""
    first = request.path.split("/")[1]
    return first if first in LOCALES else None


def _requested_locale() -> str:
    return g.locale if has_request_context() and "locale" in g else DEFAULT_LOCALE
