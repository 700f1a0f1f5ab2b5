"""The black area at the end of the lines: the face, the faces, or the names."""

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageEnhance, ImageOps

from campaign.sharing.cards.column import put
from campaign.sharing.cards.drawings import mask
from campaign.sharing.cards.fitting import shortened
from campaign.sharing.cards.ground import FLOOR, NIGHT, SUN, WHITE, WIDTH, Sheet
from campaign.sharing.cards.lettering import Words, measured
from campaign.sharing.cards.showing import Face

PANEL = 400
"""Its width, in pixels."""

EDGE = 10
GRIDS = ((1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (6, (2, 3)), (9, (3, 3)), (12, (3, 4)))
"""For so many faces at most, so many columns and rows."""

NAME = 34
INDENT, EDGES = 24, 40
"""What is left free before the names, and around them."""


def draw_panel(sheet: Sheet, faces: tuple[Face, ...], photo_of: Callable[[str], bytes]) -> int:
    """Draw what there is to see of people; says how wide that is."""
    has_photos = any(face.photo for face in faces)
    if not has_photos and len(faces) < 2:
        return 0
    sheet.fill(WIDTH - PANEL, 0, PANEL, FLOOR, NIGHT)
    if has_photos:
        _draw_faces(sheet, faces, photo_of)
    else:
        _draw_names(sheet, faces)
    return PANEL


def _draw_faces(sheet: Sheet, faces: tuple[Face, ...], photo_of: Callable[[str], bytes]) -> None:
    columns, rows = next((grid for most, grid in GRIDS if len(faces) <= most), GRIDS[-1][1])
    for place, face in enumerate(faces[: columns * rows]):
        column, row = place % columns, place // columns
        left, right = (EDGE + (PANEL - EDGE) * at // columns for at in (column, column + 1))
        top, bottom = (FLOOR * at // rows for at in (row, row + 1))
        size = right - left - (4 if column < columns - 1 else 0), bottom - top - (4 if row < rows - 1 else 0)
        _draw_face(sheet, face, photo_of, (WIDTH - PANEL + left, top), size)


def _draw_face(
    sheet: Sheet, face: Face, photo_of: Callable[[str], bytes], place: tuple[int, int], size: tuple[int, int]
) -> None:
    if face.photo:
        with Image.open(BytesIO(photo_of(face.photo))) as photo:
            sheet.add(_seen(photo.convert("RGB"), size, is_free=face.is_free), *place)
    else:
        side = min(size) * 2 // 5
        start, top = place[0] + (size[0] - side) / 2, place[1] + (size[1] - side) / 2
        sheet.stamp(mask(face.drawing, side), start, top, SUN if face.is_free else WHITE)


def _seen(photo: Image.Image, size: tuple[int, int], *, is_free: bool) -> Image.Image:
    """Cut to size, nearer to the top; in grey while the person is held, in its colours when free."""
    cut = ImageOps.fit(photo, size, Image.Resampling.LANCZOS, centering=(0.5, 0.25))
    return cut if is_free else ImageEnhance.Contrast(ImageOps.grayscale(cut)).enhance(1.12).convert("RGB")


def _draw_names(sheet: Sheet, faces: tuple[Face, ...]) -> None:
    """A name a line, each with the drawing of how they stand; who is free in yellow."""
    inks = [measured(face.name).at(NAME) for face in faces]
    above, below = max(ink.above for ink in inks), max(ink.below for ink in inks)
    room = FLOOR - 2 * EDGES
    most = int(room // (above + below + 3))
    shown = faces if len(faces) <= most else faces[: most - 1]
    lead = min(room / (len(shown) + (len(shown) < len(faces))), 76)
    start, base = WIDTH - PANEL + INDENT, EDGES + above
    for face in shown:
        colour = SUN if face.is_free else WHITE
        sheet.stamp(mask(face.drawing, 32), start, base - above / 2 - 16, colour)
        _write(sheet, face.name, start + 42, base, colour)
        base += lead
    if len(shown) < len(faces):
        _write(sheet, Words(f"+{len(faces) - len(shown)}", "en"), start + 42, base, WHITE)


def _write(sheet: Sheet, name: Words, start: float, base: float, colour: str) -> None:
    name = shortened(name, WIDTH - EDGES - start, NAME)
    put(sheet, name, (start, base), NAME, colour)
