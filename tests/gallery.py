"""`python -m tests.gallery [NAME …]`: makes docs/gallery anew: each public page by languages, sizes and colours.

Also the two pictures of public pages in README. With names, only those pages; README's pictures and docs/gallery.md
then stay as they are. CAMPAIGN's settings are not needed: an installation of its own is made in a temporary folder.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from campaign.opening import make_keys
from tests.conftest import CHROMIUM, QUIET
from tests.programs import ROOT
from tests.stack import Stack
from tests.world import World, send_nothing, world_in

FOLDER = ROOT / "docs" / "gallery"
LANGUAGES = {"en": "English", "ur": "Urdu", "ar": "Arabic"}
NOT_SHOWN = ("inbox", "letter", "home of the demonstration", "sent in the demonstration")
WITH_ERRORS = ("sign", "endorse")
LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]
SHOWN = {360: 240, 1280: 560}
"""How wide a page of a width is on the sheet, in pixels."""

README = {"campaign": ("en", 1280, 860), "campaign-phone": ("ur", 360, 740)}
"""Pictures of the open campaign for README: language, width, height."""

CUT, GAP, GROUND, QUALITY = 1000, 16, "#8a8a86", 62
"""The sheet is at most so high, and so many pixels lie between the pages."""


def shots(page: Page, taller: int = 1) -> Iterator[Image.Image]:
    """The page that is open, in each look, as high as the sheet lets it be."""
    for width, scheme in LOOKS:
        most = CUT * taller * width // SHOWN[width]
        page.set_viewport_size(ViewportSize(width=width, height=800))
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        height = min(most, page.evaluate("document.documentElement.scrollHeight"))
        picture = page.screenshot(
            type="jpeg", quality=92, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height}
        )
        yield Image.open(BytesIO(picture)).convert("RGB")


def sheet(pictures: list[Image.Image]) -> Image.Image:
    """Pictures side by side, each as wide as its width is shown."""
    small = [
        picture.resize((SHOWN[picture.width], round(picture.height * SHOWN[picture.width] / picture.width)))
        for picture in pictures
    ]
    width = sum(picture.width for picture in small) + GAP * (len(small) + 1)
    ground = Image.new("RGB", (width, max(picture.height for picture in small) + 2 * GAP), GROUND)
    start = GAP
    for picture in small:
        ground.paste(picture, (start, GAP))
        start += picture.width + GAP
    return ground


def file_of(name: str, locale: str) -> Path:
    """Where the sheet of a page in a language lies."""
    return FOLDER / f"{name.replace(',', '').replace(' ', '-')}.{locale}.webp"


def draw(page: Page, world: World, name: str, locale: str) -> None:
    """Make the sheet of a page in a language."""
    page.goto(world.address(name.removesuffix(" with errors"), locale))
    if name.endswith(" with errors"):
        send_nothing(page)
    sheet(list(shots(page))).save(file_of(name, locale), quality=QUALITY, method=6)


def draw_readme(page: Page, world: World) -> None:
    """Make the pictures that README shows."""
    for name, (locale, width, height) in README.items():
        page.set_viewport_size(ViewportSize(width=width, height=height))
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.goto(world.address("open", locale))
        page.screenshot(path=ROOT / "docs" / "images" / f"{name}.png")


def page_of_all(names: list[str]) -> str:
    """The page that shows all sheets."""
    widths = ", ".join(f"{width} px {scheme}" for width, scheme in LOOKS)
    lines = [
        "# Gallery",
        f"Each public page as a browser shows it: {widths}. People, photos and numbers are made up for the tests,",
        "but for the two campaigns of the demonstration. `python -m tests.gallery` makes these pictures anew, and two",
        "of README. Headings are narrow where Debian's `fonts-noto-extra` is installed, as it was here.",
    ]
    for name in names:
        lines.append(f"\n## {name[0].upper()}{name[1:]}\n")
        for locale, language in LANGUAGES.items():
            lines.append(f"![{name}, {language}](gallery/{file_of(name, locale).name})\n")
    return "\n".join(lines)


def main(wanted: list[str]) -> None:
    """Make an installation, look at its pages, write the files."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gallery-") as folder, sync_playwright() as playwright:
        make_keys(Path(folder) / "instance" / "keys")
        empty = Stack(Path(folder), "smtp://127.0.0.1:1")
        empty.run("migrate")
        with world_in(Path(folder), empty.database_url) as world:
            names = [name for name in world.pages if name not in NOT_SHOWN]
            names += [f"{name} with errors" for name in WITH_ERRORS]
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
            for locale in LANGUAGES:
                with closing(browser.new_context(locale=locale)) as context:
                    page = context.new_page()
                    for name in wanted or names:
                        draw(page, world, name, locale)
            if not wanted:
                draw_readme(browser.new_page(), world)
    if not wanted:
        (ROOT / "docs" / "gallery.md").write_text(page_of_all(names), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
