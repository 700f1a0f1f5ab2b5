"""Every public page in a browser: the journey with and without scripts, access, layout, weight, no third party."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize, expect

from campaign.i18n import LOCALES
from tests.conftest import Templates
from tests.letters_in import Letter, read
from tests.servers import SmtpSink, until
from tests.stack import SIGNER, Stack, update_file
from tests.world import World, send_nothing, world_in

TONGUES = {
    "en": ("en-GB", "ltr"),
    "ar": ("ar-EG", "rtl"),
    "es": ("es-MX", "ltr"),
    "fr": ("fr-FR", "ltr"),
    "pt": ("pt-BR", "ltr"),
    "ur": ("ur-PK", "rtl"),
}
"""Each language with what a browser calls it, and where it begins."""

SPOKEN = {locale: TONGUES[locale] for locale in ("en", "ur")}
"""One of each direction."""

NARROW, WIDE = ViewportSize(width=320, height=640), ViewportSize(width=1280, height=800)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SAID = [
    "aria-allowed-attr",
    "button-name",
    "document-title",
    "empty-heading",
    "empty-table-header",
    "frame-title",
    "html-has-lang",
    "html-lang-valid",
    "image-alt",
    "label",
    "label-content-name-mismatch",
    "landmark-unique",
    "link-name",
    "page-has-heading-one",
    "select-name",
    "summary-name",
    "valid-lang",
]
"""The rules about words and names, which may answer anew in another language."""

Look = tuple[ViewportSize, Literal["light", "dark"], list[str]]
IN_ENGLISH: list[Look] = [
    (NARROW, "light", [*WCAG]),
    (NARROW, "dark", ["color-contrast"]),
    (WIDE, "light", ["target-size"]),
]
IN_URDU: list[Look] = [(NARROW, "light", [*SAID, "target-size"]), (WIDE, "light", [])]
ELSEWHERE: list[Look] = [(NARROW, "light", []), (WIDE, "light", [])]
"""Sizes and colours, with axe's rules that may answer anew there.

Colours speak no language: contrast is asked in one, in both schemes, and so is what hangs on the elements alone, which
are the same in all. Names and targets are asked by axe once more from right to left. Whether everything has a name and
longer words have room, LAYOUT says in every language. `python -m benchmarks.axe` asks everything everywhere.
"""

AXE_OPTIONS = {"preload": False, "resultTypes": ["violations"], "iframes": False, "elementRef": False}
PARTS = range(6)
"""The walks over all pages go in so many tests, each over every sixth page: on a slow machine, too, each has time."""

FORMS = ("sign", "follow", "link", "say", "endorse")
"""Pages with a form, which are looked at with errors in it, too."""

APPROVED = Path(__file__).parent / "spoken"
FIRST_VISIT, NEXT_VISIT = 60_000, 12_000
"""Bytes over the wire, headers included."""

sqlite_only = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


# The journey


@sqlite_only
@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no-scripts"])
def test_journey(stack: Stack, sink: SmtpSink, browser: Browser, has_scripts: bool) -> None:
    """From the campaign page to a counted signature, to the news that he is free, to the end of the letters."""
    stack.start_web()
    stack.start_worker()
    with closing(browser.new_context(locale="en-GB", java_script_enabled=has_scripts)) as context:
        page = context.new_page()
        fill_in_by_keyboard(page, stack.url)
        see_errors_and_mend(page)
        expect(page).to_have_url(re.compile("/en/release-test/sent$"))
        letter = read(sink.wait_for(1, to=SIGNER["email"])[0].content)
        page.goto(letter.link("/confirm/"))
        confirm_and_share(page, has_scripts)
        say_something(page)
        page.goto(letter.link("/confirm/"))
        change_appearance(page)
        stack.run("publish", str(update_file(stack.folder)), "--yes")
        see_that_he_is_free(page, stack.url)
        unsubscribe(page, read(sink.wait_for(2, to=SIGNER["email"])[1].content))


def fill_in_by_keyboard(page: Page, url: str) -> None:
    """Without a mouse: skip link, then the form field by field; the address lacks its end."""
    page.goto(f"{url}/en/release-test/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_role("link", name="Sign the appeal").first.press("Enter")
    expect(page).to_have_url(re.compile("#sign$"))
    page.get_by_role("textbox", name="Your name").focus()
    for typed in ("Ada Example", "ada@example", "United Kingdom", "Leeds", "teacher"):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("radio", name="With my name")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("You are not forgotten.")
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="The organizers may write to me")).not_to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign", exact=True)).to_be_focused()
    page.keyboard.press("Enter")


def see_errors_and_mend(page: Page) -> None:
    """The summary has the focus and leads to the field; what was typed is still there."""
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(page).to_have_title(re.compile("^Please check:"))
    expect(page.get_by_role("textbox", name="Your name")).to_have_value("Ada Example")
    expect(page.get_by_role("combobox", name="Country")).to_have_value("GB")
    expect(page.get_by_role("radio", name="With my name")).to_be_checked()
    expect(page.get_by_role("radio", name="Everything that happens")).to_be_checked()
    expect(page.get_by_role("textbox", name="Your words")).to_have_value("You are not forgotten.")
    summary.get_by_role("link", name="E-mail").press("Enter")
    address = page.get_by_role("textbox", name="E-mail")
    expect(address).to_be_focused()
    expect(address).to_have_accessible_description(re.compile("does not look like an e-mail address"))
    page.get_by_role("textbox", name="Your words").fill("")
    address.fill(SIGNER["email"])
    address.press("Enter")


def confirm_and_share(page: Page, has_scripts: bool) -> None:
    """Opening the link changes nothing; the button does. Copying is offered only where it works."""
    expect(page.get_by_text("Opening this page has not changed anything yet.")).to_be_visible()
    page.get_by_role("button", name="Yes, I sign").press("Enter")
    expect(page.get_by_text("You are number 1.")).to_be_visible()
    copy = page.locator("[data-copy=share-link]")
    expect(copy).to_be_visible(visible=has_scripts)
    if has_scripts:
        copy.click()
        expect(copy).to_have_text("Copied")


def say_something(page: Page) -> None:
    """Words left on the page of thanks wait for the organizers."""
    page.get_by_role("textbox", name="Your words").fill("Come home.")
    page.get_by_role("button", name="Send your words").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your words have arrived")


def change_appearance(page: Page) -> None:
    """The page of thanks leads to "yours", where a choice can be changed."""
    page.get_by_role("link", name="See or change what you signed").click()
    page.get_by_role("radio", name="With my initials").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Your changes are saved.")
    expect(page.get_by_role("radio", name="With my initials")).to_be_checked()


def see_that_he_is_free(page: Page, url: str) -> None:
    """Joy first; nobody is asked to sign any more."""
    page.goto(f"{url}/en/release-test/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tariq Example is free")
    expect(page.get_by_role("textbox", name="Your name")).to_have_count(0)


def unsubscribe(page: Page, letter: Letter) -> None:
    """A page with one button; no login, no question why."""
    assert letter.subject == "He is free"
    page.goto(letter.link("/unsubscribe/"))
    page.get_by_role("button", name="Stop the letters").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No more letters will come")


# A world with every page in it


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, templates: Templates, keys_folder: Path) -> Iterator[World]:
    """Real campaigns, signers who came by the form, and every state that a page can be in."""
    folder = tmp_path_factory.mktemp("world")
    shutil.copytree(keys_folder, folder / "instance" / "keys")
    with world_in(folder, templates.copy("sqlite", folder / "instance", has_campaign=False)) as made:
        yield made


# Each page, looked at


@dataclass
class Watch:
    """What a browser asked for and complained about since the last look."""

    origins: tuple[str, ...]
    foreign: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> "Watch":
        """Begin to watch."""
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.said.append(f"error: {error.error}"))
        return self

    def _request(self, request: Request) -> None:
        if not request.url.startswith((*(f"{origin}/" for origin in self.origins), "data:")):
            self.foreign.append(f"asks for {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        is_page_itself = message.page is not None and message.location["url"] == message.page.url
        if message.type in ("error", "warning") and not (is_page_itself and "Failed to load resource" in message.text):
            self.said.append(f"{message.type}: {message.text}")

    def take(self) -> list[str]:
        """All of it; then nothing."""
        found = self.foreign + self.said
        self.foreign, self.said = [], []
        return found


LAYOUT = """
([locale, direction]) => {
  const faults = new Set(), pen = document.createElement("canvas").getContext("2d"), page = document.documentElement;
  const say = (fault, element) => {
    const text = `${element.innerText || element.value || ""}`;
    faults.add(`${fault}: ${element.localName}.${element.className} ${text.trim().slice(0, 50)}`);
  };
  const ink = (text, style) => {
    pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const box = pen.measureText(text);
    return Math.round(box.actualBoundingBoxAscent + box.actualBoundingBoxDescent);
  };
  const lines = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return [...range.getClientRects()].filter((box) => box.width > 0);
  };
  const is_within = (inner, outer) => inner.left > outer.left - 1 && inner.right < outer.right + 1
    && (inner.top + inner.bottom) / 2 > outer.top && (inner.top + inner.bottom) / 2 < outer.bottom;
  const label = (element) => [...element.labels || []].map(words).join("");
  const named = (element) => element.ariaLabel || element.title || label(element) || words(element);
  const words = (element) => element.matches("select, textarea, input") ? "" : element.textContent;
  const look = (element) => {
    const style = getComputedStyle(element), box = element.getBoundingClientRect(), line = parseFloat(style.lineHeight);
    if (element.matches("input:not([type=radio]), select")) {
      const text = element.localName === "select" ? element.selectedOptions[0]?.text || "" : element.value;
      if (ink(text, style) > element.clientHeight) say("ink is cut off", element);
      if (innerWidth < 400 && box.height < 44 && element.type !== "checkbox") say("low for a thumb", element);
    } else if (!element.matches("textarea, .sheet, .sheet *")) { // what a poster has no room for, it leaves out
      const is_wide = element.scrollWidth > element.clientWidth + 1;
      const is_high = element.scrollHeight > element.clientHeight + 1;
      if (style.overflowX !== "visible" && is_wide) say("cut off at its side", element);
      if (style.overflowY !== "visible" && is_high) say("cut off below", element);
    }
    if (element.matches("a, button, summary, h1, h2, h3, th, nav, iframe, select, textarea, input, progress")) {
      if (!named(element).trim()) say("has no name", element);
    }
    if (element.matches("a, button, summary, label, h1, h2, h3, dd, .status")) {
      for (const part of lines(element)) {
        if (part.left < -1 || part.right > innerWidth + 1) say("beyond the screen", element);
        if (element.matches(".button, .status") && !is_within(part, box)) say("text outside its box", element);
        if (element.matches(".button") && Math.min(box.height, box.width) < 44) say("small for a thumb", element);
      }
    }
    if (element.matches("h1, h2, h3, p, li, dd, .button") && !element.querySelector("p, li, div, .button, b, small")) {
      const height = ink(element.innerText, style);
      if (lines(element).length > 1 && box.height > 1.5 * line && height > 1.5 * line) {
        say(`lines collide, ink ${height}, line ${Math.round(line)}`, element);
      }
    }
  };
  for (const picture of document.images) if (picture.complete && !picture.naturalWidth) say("no picture", picture);
  if (page.lang !== locale || page.dir !== direction) faults.add(`speaks ${page.lang}, ${page.dir}`);
  if (page.scrollWidth > innerWidth) faults.add(`${page.scrollWidth} px wide on a screen of ${innerWidth}`);
  for (const element of document.querySelectorAll("body *:not(option, svg, svg *, iframe, .skip, .hp, .hp *)")) {
    if (element.checkVisibility()) look(element);
  }
  return [...faults];
}
"""
"""Says what is cut off, overlaps, or stands beyond the screen; axe looks at none of that."""

FLAT = "document.querySelectorAll('.poster').forEach((poster) => { poster.style.backgroundImage = 'none'; })"
"""axe judges no contrast over a drawing. Bars are darker than the ground, under white; rays lighter, under black."""

AXE = """
async (options) => (await axe.run({exclude: [["option"]]}, options)).violations.map((found) =>
  `${found.id}: ${found.nodes.map((node) => `${node.target} ${node.any[0]?.message || ""}`).join(" | ")}`)
"""


def faults(page: Page, locale: str) -> list[str]:
    """What is wrong with the page that is open: on a small screen and a wide one, in light and in dark.

    One page, looked at again and again: what depends on neither width nor colour nor language is asked once.
    """
    looks = {"en": IN_ENGLISH, "ur": IN_URDU}.get(locale, ELSEWHERE)
    if looks is not ELSEWHERE:
        page.evaluate(FLAT)
        page.evaluate(AXE_SCRIPT)
    found: list[str] = []
    for size, scheme, rules in looks:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        wrong = page.evaluate(AXE, AXE_OPTIONS | {"runOnly": rules}) if rules else []
        if scheme == "light":
            wrong += page.evaluate(LAYOUT, [locale, TONGUES[locale][1]])
        found += [f"{size['width']} px, {scheme}: {fault}" for fault in wrong]
    return found


def test_all_languages_are_looked_at() -> None:
    """A new language is added to those that a browser speaks here."""
    assert set(TONGUES) == set(LOCALES)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("locale", TONGUES)
def test_every_page(world: World, browser: Browser, locale: str, part: int) -> None:
    """No fault of access or layout, no request to anybody else, no complaint of the browser's."""
    found: dict[str, list[str]] = {}
    shown = [(name, False) for name in world.pages] + [(name, True) for name in FORMS]
    with closing(browser.new_context(locale=TONGUES[locale][0])) as context:
        watch = Watch((world.stack.url, world.demo.url)).over(context)
        page = context.new_page()
        for name, has_errors in shown[part :: len(PARTS)]:
            page.goto(world.address(name, locale))
            if has_errors:
                send_nothing(page)
            found[f"{name} with errors" if has_errors else name] = faults(page, locale) + watch.take()
    wrong = [f"{name}: {fault}" for name, faults_of_page in found.items() for fault in faults_of_page]
    assert not wrong, "\n".join(wrong)


def test_letters(world: World, browser: Browser) -> None:
    """A letter's HTML as mail programs show it, on a phone and on a desk, in both directions."""
    found: list[str] = []
    with closing(browser.new_context(locale="en-GB")) as context:
        watch = Watch((world.demo.url,)).over(context)
        page = context.new_page()
        for number, locale in enumerate(SPOKEN):
            page.goto(f"{world.demo.url}/inbox/{number}/html")
            page.evaluate(AXE_SCRIPT)
            for width in (320, 600):
                page.set_viewport_size({"width": width, "height": 640})
                found += page.evaluate(LAYOUT, [locale, SPOKEN[locale][1]])
                found += page.evaluate(AXE, AXE_OPTIONS | {"runOnly": WCAG[:-1]})
    assert found + watch.take() == []


PLANTED = {
    "asks for http://elsewhere.example/": "new Image().src = 'http://elsewhere.example/'",
    "error: planted": "console.error('planted')",
    "speaks en, rtl": "document.documentElement.dir = 'rtl'",
    "px wide on a screen of 320": "document.querySelector('h1').style.width = '2000px'",
    "text outside its box": "document.querySelector('.button').style = 'width: 9px; padding: 0; overflow-wrap: normal'",
    "cut off below": "document.querySelector('.who').style = 'height: 5px; overflow: hidden'",
    "ink is cut off": "document.querySelector('select').style = 'min-height: 0; height: 8px; padding: 0'",
    "lines collide": "document.querySelector('.prose div p').style.lineHeight = '10px'",
    "320 px, dark: color-contrast": "document.querySelector('.lede').style.color = '#444'",
    "320 px, light: label": "document.querySelector('label[for=name]').remove()",
    "cut off at its side": "document.querySelector('.more').style = 'width: 2em; overflow: clip; white-space: nowrap'",
    "small for a thumb": "document.querySelector('.networks a').style = 'min-height: 20px; padding: 0'",
    "low for a thumb": "document.querySelector('#name').style = 'min-height: 0; height: 30px; padding: 0'",
    "no picture": "document.querySelector('main').append(Object.assign(new Image(), {alt: 'x'}))",
    "1280 px, light: target-size": "document.querySelector('.networks').style.gap = 0;"
    "document.querySelectorAll('.networks a').forEach((link) => { link.style = 'all: unset; font-size: 6px' })",
}
"""Faults, each with what does it."""


PLANTED_IN_URDU = {
    "320 px, light: link-name": "document.querySelector('.brand').textContent = ''",
    "320 px, light: valid-lang": "document.querySelector('.foot p').lang = 'xx-none'",
    "320 px, light: document-title": "document.title = ''",
    "320 px, light: select-name": "document.querySelector('label[for=country]').textContent = ''",
    "320 px, light: summary-name": "document.querySelector('summary').textContent = ''",
    "320 px, light: label-content-name-mismatch": "document.querySelector('.networks a').ariaLabel = 'else'",
    "320 px, light: target-size": PLANTED["1280 px, light: target-size"],
}
PLANTED_ELSEWHERE = {
    "speaks es, rtl": "document.documentElement.dir = 'rtl'",
    "beyond the screen: h2": "document.querySelector('h2').textContent = 'Palabra'.repeat(20);"
    "document.querySelector('h2').style.overflowWrap = 'normal'",
    "has no name: a.brand": "document.querySelector('.brand').textContent = ''",
    "has no name: select": "document.querySelector('label[for=country]').textContent = ''",
    "has no name: nav": "document.querySelector('nav').ariaLabel = ''; document.querySelector('nav').textContent = ''",
    "has no name: progress": "document.querySelector('progress').ariaLabel = ''",
}
"""Likewise, in languages where fewer rules are asked."""


@pytest.mark.parametrize(
    ("locale", "planted"),
    [("en", PLANTED), ("ur", PLANTED_IN_URDU), ("es", PLANTED_ELSEWHERE)],
    ids=["en", "ur", "es"],
)
def test_the_looking_sees_faults(world: World, browser: Browser, locale: str, planted: dict[str, str]) -> None:
    """Each kind of fault is found when it is there."""
    with closing(browser.new_context(locale=TONGUES[locale][0])) as context:
        watch = Watch((world.stack.url,)).over(context)
        page = context.new_page()
        page.goto(world.address("open", locale))
        for plant in planted.values():
            page.evaluate(plant)
        found = faults(page, locale) + watch.take()
    assert [name for name in planted if not any(name in fault for fault in found)] == [], found


# What screen readers say, what the keyboard shows, and what stays when a page is made larger


@pytest.mark.parametrize("locale", ["en", "ar"])
@pytest.mark.parametrize("name", ["open", "sign"])
def test_the_names_that_screen_readers_say_are_those_that_were_approved(
    world: World, browser: Browser, name: str, locale: str
) -> None:
    """The tree of roles and names, without the countries and from how many one signed, which the worker counts later.

    After a change that is meant: `APPROVE=1 pytest tests/test_browser.py`; look at the difference.
    """
    with closing(browser.new_context(locale=TONGUES[locale][0])) as context:
        page = context.new_page()
        until(lambda: world.stack.count("release-amin") == 3)
        page.goto(world.address(name, locale))
        page.evaluate("document.querySelectorAll('option, .goal:has(a)').forEach((element) => element.remove())")
        said = (
            re.sub(f"{world.stack.url}|{quote(world.stack.url, '')}", "https://x.example", page.aria_snapshot()) + "\n"
        )
    file = APPROVED / f"{name}.{locale}.yaml"
    if "APPROVE" in os.environ:
        APPROVED.mkdir(exist_ok=True)
        file.write_text(said, "utf-8")
    assert said == file.read_text("utf-8")


OUTLINE = """
() => [...document.querySelectorAll("a, button, input, select, textarea, summary, iframe, [tabindex='0']")]
  .filter((element) => element.checkVisibility() && !element.closest(".hp")).map((element) => {
    element.focus();
    const style = getComputedStyle(element), is_drawn = style.outlineStyle !== "none";
    const is_seen = element.matches(":focus-visible") && is_drawn && parseFloat(style.outlineWidth) >= 2;
    return [`${element.localName} ${element.id} ${element.innerText || element.value || ""}`.slice(0, 60), is_seen];
  })
"""
"""Each element that the keyboard reaches, and whether one sees that it was reached."""


def test_one_sees_where_the_keyboard_is(world: World, browser: Browser) -> None:
    """A line around each element that has the focus; planted, a style without one is seen."""
    with closing(browser.new_context(locale="en-GB")) as context:
        page = context.new_page()
        page.goto(world.address("open", "en"))
        page.keyboard.press("Tab")  # from now on the focus counts as the keyboard's
        reached = page.evaluate(OUTLINE)
        page.evaluate("document.querySelector('.networks a').style.outline = 'none'")
        without = [name for name, is_seen in page.evaluate(OUTLINE) if not is_seen]
    assert len(reached) > 30, reached
    assert [name for name, is_seen in reached if not is_seen] == []
    assert without == ["a  WhatsApp"]


ZOOMED = ViewportSize(width=WIDE["width"] // 2, height=WIDE["height"] // 2)
"""What is left of a screen at 200 %."""

WORDS = """
() => {
  document.querySelectorAll("option").forEach((option) => option.remove()); // far from the screen they do not count
  return document.querySelector("main").innerText.split(/\\s+/).join(" ");
}
"""


@pytest.mark.parametrize("locale", SPOKEN)
def test_nothing_is_lost_when_a_page_is_made_larger(world: World, browser: Browser, locale: str) -> None:
    """At 200 % (WCAG 1.4.4), and at 400 % (1.4.10), which are 320 px: the same words, and none is cut off."""
    found: list[str] = []
    with closing(browser.new_context(locale=TONGUES[locale][0])) as context:
        page = context.new_page()
        for name in ("home", "open", "millions, with a photo", "sign", "countries of millions", "timeline"):
            page.set_viewport_size(WIDE)
            page.goto(world.address(name, locale))
            whole = page.evaluate(WORDS)
            for size in (ZOOMED, NARROW):
                page.set_viewport_size(size)
                wrong = page.evaluate(LAYOUT, [locale, TONGUES[locale][1]])
                wrong += [] if page.evaluate(WORDS) == whole else ["other words"]
                found += [f"{name} at {size['width']} px: {fault}" for fault in wrong]
    assert found == [], found


MOVING = """
() => [document.documentElement, ...document.querySelectorAll("body *")].filter((element) => {
  const style = getComputedStyle(element);
  return style.scrollBehavior === "smooth" || /[1-9]/.test(style.transitionDuration + style.animationDuration);
}).length
"""


def test_nothing_moves_for_whom_that_is_too_much(world: World, browser: Browser) -> None:
    """What scrolls softly and fades does neither where less motion is asked for."""
    with closing(browser.new_context(locale="en-GB", reduced_motion="no-preference")) as context:
        page = context.new_page()
        page.goto(world.address("open", "en"))
        assert page.evaluate(MOVING) > 10
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate(MOVING) == 0


# What scripts add


@sqlite_only
def test_the_count_moves_while_somebody_looks(stack: Stack, sink: SmtpSink, browser: Browser) -> None:
    """Without asking for the page again; in words, as the number may change them."""
    stack.start_web()
    stack.start_worker()
    with closing(browser.new_context(locale="en-GB")) as context:
        page = context.new_page()
        page.clock.install()
        page.goto(f"{stack.url}/en/release-test/")
        expect(page.locator(".poster .count")).to_have_text("Be the first to sign")
        stack.sign_and_confirm(sink)
        until(lambda: stack.count() == 1, 10)
        page.clock.fast_forward(30_000)
        expect(page.locator(".poster .count")).to_have_text(re.compile(r"1\s*person has signed"))


# The weight


def test_weight(world: World, browser: Browser) -> None:
    """What a first visit and the next one take over a slow line, as the server sends it, headers included."""
    asked: list[Request] = []
    with closing(browser.new_context(locale="en-GB")) as context:
        context.on("requestfinished", lambda request: asked.append(request))
        page = context.new_page()
        page.goto(world.address("open", "en"), wait_until="networkidle")
        first = {request.url: weight(request) for request in asked}
        first["icon"] = icon_weight(world.stack)
        asked.clear()
        page.reload(wait_until="networkidle")
        again = {request.url: weight(request) for request in asked}
    assert any("style.css" in url for url in first), first
    assert any("campaign.js" in url for url in first), first
    assert sum(first.values()) <= FIRST_VISIT, first
    assert again, "the page was not asked for again"
    assert sum(again.values()) <= NEXT_VISIT, again


def weight(request: Request) -> int:
    """The bytes of an answer; none for one that the browser had kept."""
    sizes = request.sizes()
    return 0 if sizes["responseHeadersSize"] <= 0 else sizes["responseBodySize"] + sizes["responseHeadersSize"]


def icon_weight(stack: Stack) -> int:
    """The bytes of the icon, which a browser without a window does not ask for."""
    address = re.search(r'<link rel="icon" href="([^"]+)"', stack.get("/en/release-amin/").text)
    assert address is not None
    answer = stack.get(address[1])
    return len(answer.body) + len(bytes(answer.headers))
