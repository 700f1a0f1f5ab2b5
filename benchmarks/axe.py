"""`python -m benchmarks.axe [LANGUAGE …]`: every public page by all of axe's rules, in every language, size and colour.

`make test` asks in each language what may answer anew there (tests/test_browser.py); this asks everything everywhere,
and takes long. Prints one line per language and ends with 1 if anything was found.
"""

import sys
import tempfile
import time
from contextlib import closing
from itertools import product
from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, sync_playwright

from campaign.opening import make_keys
from tests.conftest import CHROMIUM, QUIET
from tests.stack import Stack
from tests.test_browser import AXE, AXE_OPTIONS, FLAT, LAYOUT, NARROW, TONGUES, WCAG, WIDE
from tests.world import World, send_nothing, world_in

WITH_ERRORS = ("sign", "follow", "link", "say", "endorse")
LOOKS = list(product((NARROW, WIDE), ("light", "dark")))


def faults(page: Page, locale: str) -> list[str]:
    """What axe and we ourselves find on the page that is open."""
    page.evaluate(FLAT)
    page.evaluate(AXE_SCRIPT)
    found = []
    for size, scheme in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        wrong = page.evaluate(AXE, AXE_OPTIONS | {"runOnly": WCAG}) + page.evaluate(
            LAYOUT, [locale, TONGUES[locale][1]]
        )
        found += [f"{size['width']} px, {scheme}: {fault}" for fault in wrong]
    return found


def look(browser: Browser, world: World, locale: str) -> int:
    """Look at each page in a language, say what was found, and how much that was."""
    began, found = time.monotonic(), []
    names = [*world.pages, *(f"{name} with errors" for name in WITH_ERRORS)]
    with closing(browser.new_context(locale=TONGUES[locale][0])) as context:
        page = context.new_page()
        for name in names:
            page.goto(world.address(name.removesuffix(" with errors"), locale))
            if name.endswith(" with errors"):
                send_nothing(page)
            found += [f"  {name}, {fault}" for fault in faults(page, locale)]
    seconds = time.monotonic() - began
    print(f"{locale}: {len(names)} pages, {len(LOOKS)} looks each, {len(found)} faults, {seconds:.0f} s", flush=True)
    print("\n".join(found), end="\n" if found else "")
    return len(found)


def main(locales: list[str]) -> int:
    """Make an installation and look at it in all of these languages; the number of faults."""
    with tempfile.TemporaryDirectory(prefix="axe-") as folder, sync_playwright() as playwright:
        make_keys(Path(folder) / "instance" / "keys")
        empty = Stack(Path(folder), "smtp://127.0.0.1:1")
        empty.run("migrate")
        with world_in(Path(folder), empty.database_url) as world:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
            return sum(look(browser, world, locale) for locale in locales)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:] or list(TONGUES)) else 0)
