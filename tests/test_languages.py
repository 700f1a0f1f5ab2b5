"""Languages: each is a catalogue; plurals, direction and names follow CLDR; the switcher keeps one's place."""

import re
from gettext import c2py
from http import HTTPStatus

import pytest
from babel import Locale
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import ngettext

from campaign.i18n import DEFAULT_LOCALE, LOCALES, TRANSLATIONS, comma, speaking
from tests.stack import Stack

PAGE = "release-test/"

sqlite_only = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
translated = pytest.mark.parametrize("locale", [code for code in LOCALES if code != DEFAULT_LOCALE])


@translated
def test_plurals_are_those_of_the_language(locale: str) -> None:
    """The catalogue's rule gives the same form to exactly those numbers that CLDR puts into one class."""
    with (TRANSLATIONS / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        choose = c2py(read_po(file, locale=locale).plural_expr)
    classes = {(choose(number), Locale.parse(locale).plural_form(number)) for number in range(1, 1000)}
    assert len(classes) == len({form for form, _class in classes}) == len({name for _form, name in classes})


@sqlite_only
def test_arabic_counts_in_six_forms(app: Flask) -> None:
    """None, one, two, some, many, and hundreds read differently."""
    with speaking("ar"):
        said = [
            ngettext("%(count)s member", "%(count)s members", number, count=number) for number in (0, 1, 2, 3, 11, 100)
        ]
    words = [re.sub(r"[0-9 ]", "", words) for words in said]
    assert len(set(words)) >= 4, said
    assert words[3] != words[4], said


@sqlite_only
@pytest.mark.parametrize("locale", LOCALES)
def test_every_language_has_its_pages(stack: Stack, client: FlaskClient, locale: str) -> None:
    """In its direction, under its own name, each leading to the same place in the others."""
    for path in ("", PAGE, f"{PAGE}timeline/", f"{PAGE}signatures/", f"{PAGE}follow"):
        page = client.get(f"/{locale}/{path}")
        assert page.status_code == HTTPStatus.OK, path
        assert f'<html lang="{locale}" dir="{Locale.parse(locale).text_direction}">' in page.text
        tongues = re.findall(r'<a href="([^"]+)"\s+lang="(\w+)"\s+dir="\w+"\s+hreflang', page.text)
        assert tongues == [(f"/{code}/{path}", code) for code in LOCALES], path
        assert all(name in page.text for name in LOCALES.values())


def test_languages_are_called_as_they_call_themselves() -> None:
    """And lists are joined as their script does."""
    assert {LOCALES[code] for code in ("ar", "fr", "pt", "ur")} == {"العربية", "Français", "Português", "اردو"}
    assert (next(iter(LOCALES)), comma("ar"), comma("fr")) == (DEFAULT_LOCALE, "، ", ", ")
