"""Every public page in a browser: the journey with and without scripts, access, layout, weight, no third party."""

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize, expect

from tests.conftest import Templates
from tests.letters_in import Letter, read
from tests.servers import SmtpSink, until
from tests.stack import SIGNER, Stack, update_file
from tests.world import World, send_nothing, world_in

SPOKEN = {"en": ("en-GB", "ltr"), "ur": ("ur-PK", "rtl")}
NARROW, WIDE = ViewportSize(width=320, height=640), ViewportSize(width=1280, height=800)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS: list[tuple[ViewportSize, Literal["light", "dark"], Any]] = [
    (NARROW, "light", WCAG),
    (NARROW, "dark", ["color-contrast"]),
    (WIDE, "dark", ["color-contrast"]),
    (WIDE, "light", ["target-size"]),
]
"""Sizes and colours, with the rules that may answer anew there; the dark ones in one language: colours speak none."""

AXE_OPTIONS = {"preload": False, "resultTypes": ["violations"], "iframes": False, "elementRef": False}
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
    copy = page.locator("[data-copy]")
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
    const text = element.innerText || element.value || "";
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
  const look = (element) => {
    const style = getComputedStyle(element), box = element.getBoundingClientRect(), line = parseFloat(style.lineHeight);
    if (element.matches("input:not([type=radio]), select")) {
      const text = element.localName === "select" ? element.selectedOptions[0].text : element.value;
      if (ink(text, style) > element.clientHeight) say("ink is cut off", element);
    } else if (style.overflow !== "visible" && element.localName !== "textarea") {
      if (element.scrollWidth > element.clientWidth + 1) say("cut off at its side", element);
      if (element.scrollHeight > element.clientHeight + 1) say("cut off below", element);
    }
    if (element.matches("a, button, summary, label, h1, h2, h3, dd, .status")) {
      for (const part of lines(element)) {
        if (part.left < -1 || part.right > innerWidth + 1) say("beyond the screen", element);
        if (element.matches(".button, .status") && !is_within(part, box)) say("text outside its box", element);
      }
    }
    if (element.matches("h1, h2, h3, p, li, dd, .button") && !element.querySelector("p, li, div, .button, b, small")) {
      const height = ink(element.innerText, style);
      if (lines(element).length > 1 && box.height > 1.5 * line && height > 1.5 * line) {
        say(`lines collide, ink ${height}, line ${Math.round(line)}`, element);
      }
    }
  };
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
async (options) => (await axe.run(document, options)).violations.map((found) =>
  `${found.id}: ${found.nodes.map((node) => `${node.target} ${node.any[0]?.message || ""}`).join(" | ")}`)
"""


def faults(page: Page, locale: str) -> list[str]:
    """What is wrong with the page that is open: on a small screen and a wide one, in light and in dark.

    One page, looked at again and again: what depends on neither width nor colour is asked once.
    """
    page.evaluate(FLAT)
    page.evaluate(AXE_SCRIPT)
    found: list[str] = []
    for size, scheme, rules in LOOKS:
        if scheme == "dark" and locale != "en":
            continue
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        wrong = page.evaluate(AXE, AXE_OPTIONS | {"runOnly": rules})
        if scheme == "light":
            wrong += page.evaluate(LAYOUT, [locale, SPOKEN[locale][1]])
        found += [f"{size['width']} px, {scheme}: {fault}" for fault in wrong]
    return found


@pytest.mark.parametrize("locale", SPOKEN)
def test_every_page(world: World, browser: Browser, locale: str) -> None:
    """No fault of access or layout, no request to anybody else, no complaint of the browser's."""
    found: dict[str, list[str]] = {}
    with closing(browser.new_context(locale=SPOKEN[locale][0])) as context:
        watch = Watch((world.stack.url, world.demo.url)).over(context)
        page = context.new_page()
        for name in world.pages:
            page.goto(world.address(name, locale))
            found[name] = faults(page, locale) + watch.take()
        for name in ("sign", "follow", "link", "say"):
            page.goto(world.address(name, locale))
            send_nothing(page)
            found[f"{name} with errors"] = faults(page, locale) + watch.take()
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
    "1280 px, light: target-size": "document.querySelector('.networks').style.gap = 0;"
    "document.querySelectorAll('.networks a').forEach((link) => { link.style = 'all: unset; font-size: 6px' })",
}
"""Faults, each with what does it."""


def test_the_looking_sees_faults(world: World, browser: Browser) -> None:
    """Each kind of fault is found when it is there."""
    with closing(browser.new_context(locale="en-GB")) as context:
        watch = Watch((world.stack.url,)).over(context)
        page = context.new_page()
        page.goto(world.address("open", "en"))
        for plant in PLANTED.values():
            page.evaluate(plant)
        found = faults(page, "en") + watch.take()
    assert [name for name in PLANTED if not any(name in fault for fault in found)] == [], found


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
