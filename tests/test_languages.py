"""Languages: each is a catalogue; plurals, direction and names follow CLDR; the switcher keeps one's place."""

import re
from gettext import c2py
from http import HTTPStatus

import pytest
from axe_playwright_python.sync_playwright import Axe
from babel import Locale
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import ngettext
from playwright.sync_api import Browser, Page, expect

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


@sqlite_only
@pytest.mark.parametrize("locale", ["en", "ur"])
def test_on_a_phone_the_languages_are_a_menu(stack: Stack, browser: Browser, locale: str) -> None:
    """In one line with the name, opened by keyboard, without a script; all are there, each wide and high enough."""
    stack.start_web()
    with browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640}) as context:
        page = context.new_page()
        page.goto(f"{stack.url}/{locale}/{PAGE}")
        links, summary = page.locator(".menu a"), page.locator(".menu summary")
        expect(links.first).to_be_hidden()
        assert top_of(page, ".menu summary") < 44 > top_of(page, ".brand")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(summary).to_be_focused()
        page.keyboard.press("Enter")
        assert links.all_inner_texts() == list(LOCALES.values())
        boxes = [box for link in links.all() if (box := link.bounding_box())]
        assert all(min(box["width"], box["height"]) >= 44 and box["x"] >= 0 for box in boxes), boxes
        assert len({box["x"] + box["width"] for box in boxes}) == 1
        for _step in LOCALES:
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{stack.url}/{list(LOCALES)[-1]}/{PAGE}")


def top_of(page: Page, selector: str) -> float:
    """Where the first of these elements begins, in pixels from above."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"]


@sqlite_only
def test_where_there_is_room_all_languages_stand_in_a_line(stack: Stack, browser: Browser) -> None:
    """Nothing is to be opened; axe finds no fault with them, nor with the menu that is open."""
    stack.start_web()
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.goto(f"{stack.url}/en/{PAGE}")
        expect(page.locator(".menu summary")).to_be_hidden()
        assert len({top_of(page, f".menu a[lang={code}]") for code in LOCALES}) == 1
        page.locator(".menu").evaluate("menu => { menu.open = true; }")
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 640})
            assert Axe().run(page, context=".menu").response["violations"] == []


def test_languages_are_called_as_they_call_themselves() -> None:
    """And lists are joined as their script does."""
    assert {LOCALES[code] for code in ("ar", "fr", "pt", "ur")} == {"العربية", "Français", "Português", "اردو"}
    assert (next(iter(LOCALES)), comma("ar"), comma("fr")) == (DEFAULT_LOCALE, "، ", ", ")
