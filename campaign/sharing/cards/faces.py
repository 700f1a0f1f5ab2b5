"""The fonts of the cards: which there are, which characters each has, and which one draws a character."""

import struct
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont, features

from campaign.i18n import direction

FONTS = Path(__file__).parent / "fonts"
LATIN = "NotoSans-ExtraCondensedBlack"
ARABIC = "NotoSansArabic-CondensedBlack"
NASTALIQ = "NotoNastaliqUrdu-Bold"
OTHERS = (
    "NotoSansDevanagari-ExtraCondensedBlack",
    "NotoSansHebrew-ExtraCondensedBlack",
    "NotoSansArmenian-ExtraCondensedBlack",
    "NotoSansGeorgian-ExtraCondensedBlack",
)
SHAPER = "raqm"
"""What Pillow shapes letters with (libraqm, with HarfBuzz and FriBiDi); its wheels bring it along."""


def can_shape() -> bool:
    """Whether Pillow can shape and order what is not written in plain letters from the left."""
    return bool(features.check(SHAPER))


def faces_for(language: str) -> tuple[str, ...]:
    """The fonts for what is written in a language, the first to be asked first."""
    if language == "ur":
        return (NASTALIQ, LATIN, ARABIC, *OTHERS)
    return (ARABIC, LATIN, *OTHERS) if direction(language) == "rtl" else (LATIN, ARABIC, *OTHERS)


@lru_cache(maxsize=256)
def font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """A font in a size, which is in pixels."""
    return ImageFont.truetype(FONTS / f"{face}.ttf", size, layout_engine=ImageFont.Layout.RAQM)


@cache
def characters(face: str) -> frozenset[str]:
    """What a font has a glyph for."""
    return frozenset(map(chr, _mapped((FONTS / f"{face}.ttf").read_bytes())))


def _mapped(file: bytes) -> Iterator[int]:
    """The code points of a font's table "cmap", in its format 4 (OpenType 1.9.1, "cmap")."""
    (tables,) = struct.unpack_from(">H", file, 4)
    records = (struct.unpack_from(">4s4xI", file, 12 + 16 * number) for number in range(tables))
    table = next(place for name, place in records if name == b"cmap")
    start = table + struct.unpack_from(">I", file, table + 8)[0]
    (doubled,) = struct.unpack_from(">H", file, start + 6)
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", file, start + 14)
    starts = struct.unpack_from(f">{count}H", file, start + 16 + doubled)
    for first, last in zip(starts, ends, strict=True):
        yield from range(first, min(last, 0xFFFE) + 1)


def faces_of(text: str, language: str) -> list[str | None]:
    """The font that draws each character; None for a character that none has.

    Marks stay with what they stand on, and spaces and points with what stands before them, where that font has them;
    ASCII's letters and digits are those of the Latin font in every language.
    """
    faces = faces_for(language)
    found: list[str | None] = []
    for char in text:
        found.append(next((face for face in _asked(char, found, faces) if char in characters(face)), None))
    return found


def _asked(char: str, before: list[str | None], faces: tuple[str, ...]) -> Iterator[str]:
    """The fonts in the order in which they are asked for a character."""
    if char.isascii() and char.isalnum():
        yield LATIN
    elif not char.isalnum():
        yield from (face for face in before[::-1] if face)
    yield from faces
