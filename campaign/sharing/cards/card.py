"""The share card, drawn: the poster of the campaign's page, 1200 by 630 pixels."""

from collections.abc import Callable

from campaign.sharing.cards.column import SMALL, draw_column, size_for, write
from campaign.sharing.cards.drawings import mask
from campaign.sharing.cards.ground import BAND, FLOOR, MARGIN, NIGHT, WHITE, WIDTH, Sheet
from campaign.sharing.cards.lettering import LOUDNESS, measured
from campaign.sharing.cards.panel import draw_panel
from campaign.sharing.cards.png import encoded
from campaign.sharing.cards.showing import Shown

BRAND = 40
"""The size of the drawing beside the site's name."""

PhotoOf = Callable[[str], bytes]
"""The bytes of a photo by its name."""


def drawn(shown: Shown, photo_of: PhotoOf) -> bytes:
    """The card as PNG."""
    sheet = Sheet(shown.state, shown.direction)
    _draw_band(sheet, shown)
    panel = draw_panel(sheet, shown.faces, photo_of)
    draw_column(sheet, shown, WIDTH - MARGIN - (panel + MARGIN / 2 if panel else MARGIN))
    return encoded(sheet.image, sheet.photos)


def _draw_band(sheet: Sheet, shown: Shown) -> None:
    """The count, and whose card it is."""
    sheet.fill(0, FLOOR, WIDTH, BAND, NIGHT)
    middle = FLOOR + BAND / 2 - 3
    size = size_for(shown.site, 300, SMALL)
    name = WIDTH - MARGIN - measured(shown.site).at(size).width
    write(sheet, shown.site, (name, middle), size, WHITE)
    sheet.stamp(mask(shown.brand, BRAND), name - BRAND - 12, middle - BRAND / 2, WHITE)
    room = name - BRAND - 12 - 2 * MARGIN
    write(sheet, shown.count, (MARGIN, middle), size_for(shown.count, room, SMALL + 4, LOUDNESS), WHITE, LOUDNESS)
