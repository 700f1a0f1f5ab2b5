"""Words as ink: cleaned, measured and drawn, in any script and in both directions."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from unicodedata import category, normalize

from PIL import ImageDraw

from campaign.i18n import direction as direction_of_language
from campaign.sharing.cards.bidi import END, FIRST_STRONG, direction_of, levels, reordered
from campaign.sharing.cards.faces import faces_of, font

MEASURED = 200
"""Pixels: the size in which words are measured; in others they are in proportion."""

KNOWN = 2048
"""So many measures are remembered."""

LOUDNESS = 1.8
"""So many times larger is a loud number than the words round it."""

KEPT = "\u00a0"
"""NO-BREAK SPACE."""

SPACE = re.compile(rf"[^\S{KEPT}]+")
_NARROW = "\u202f"
_UNSEEN = f"\u200c\u200d{FIRST_STRONG}{END}"


@dataclass(frozen=True)
class Words:
    """What is to be drawn, in its language; `loud` is from where to where it is drawn larger.

    What people wrote (`is_own` is false) has the direction of its first letter, as in `<bdi>`, else of its language.
    """

    text: str
    language: str
    loud: tuple[int, int] = (0, 0)
    is_own: bool = True

    @property
    def direction(self) -> str:
        """'rtl' or 'ltr'."""
        own = direction_of_language(self.language)
        return own if self.is_own else direction_of(self.text, own)

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.text)


@dataclass(frozen=True)
class Ink:
    """How wide a line is, and how far its ink reaches over and under the base line, in pixels."""

    width: float
    above: float
    below: float

    def at(self, size: float) -> "Ink":
        """The same in another size than the one it is measured in."""
        part = size / MEASURED
        return Ink(self.width * part, self.above * part, self.below * part)


@dataclass(frozen=True)
class _Run:
    text: str
    face: str
    level: int
    is_loud: bool
    language: str

    @property
    def direction(self) -> str:
        return "rtl" if self.level % 2 else "ltr"

    def size(self, size: int, loudness: float) -> int:
        return round(size * loudness) if self.is_loud else size


@lru_cache(maxsize=KNOWN)
def _width(run: _Run, size: int) -> float:
    """How wide it is: to shape a word in Nastaliq takes some ten milliseconds, however often."""
    return font(run.face, size).getlength(run.text, direction=run.direction, language=run.language)


def _box(run: _Run, size: int) -> tuple[float, float, float, float]:
    """Where its ink is, from where it begins on its base line: left, top, right, bottom."""
    return font(run.face, size).getbbox(run.text, anchor="ls", direction=run.direction, language=run.language)


def clean(text: str, language: str) -> str:
    """What can be drawn of a text: no controls, nothing that no font has a glyph for, single spaces."""
    composed = normalize("NFC", SPACE.sub(" ", text.replace(_NARROW, KEPT)))
    shown = "".join(char for char in composed if category(char) not in ("Cc", "Cf", "Co", "Cs") or char in _UNSEEN)
    drawn = (char for char, face in zip(shown, faces_of(shown, language), strict=True) if face or char in _UNSEEN)
    return SPACE.sub(" ", "".join(drawn)).strip()


def _runs(words: Words) -> list[_Run]:
    """The line as it is drawn, from the left to the right: pieces of one font and one direction."""
    faces = faces_of(words.text, words.language)
    first, last = words.loud
    about = [
        (face, level, first <= at < last)
        for at, (face, level) in enumerate(zip(faces, levels(words.text, words.direction), strict=True))
    ]
    drawn = [(char, one) for char, one in zip(words.text, about, strict=True) if one[0]]
    runs = []
    for (face, level, is_loud), chars in groupby(drawn, key=lambda pair: pair[1]):
        runs.append(_Run("".join(char for char, _one in chars), str(face), level, is_loud, words.language))
    return reordered(runs, [run.level for run in runs])


@lru_cache(maxsize=KNOWN)
def measured(words: Words, loudness: float = 1) -> Ink:
    """The ink of one line in the size MEASURED."""
    width, above, below = 0.0, 0.0, 0.0
    for run in _runs(words):
        size = run.size(MEASURED, loudness)
        _left, top, _right, bottom = _box(run, size)
        width, above, below = width + _width(run, size), max(above, -top), max(below, bottom)
    return Ink(width, above, below)


def width_of(words: Words, size: int, loudness: float = 1) -> float:
    """How wide a line is in a size, to the pixel: letters are not quite in proportion in all sizes."""
    return sum(_width(run, run.size(size, loudness)) for run in _runs(words))


def overhang(words: Words, size: int, loudness: float = 1) -> float:
    """How far the ink of a line reaches out beyond where it starts, in pixels; Nastaliq does."""
    runs = _runs(words)
    if not runs:
        return 0
    first = runs[-1] if words.direction == "rtl" else runs[0]
    exact = first.size(size, loudness)
    left, _top, right, _bottom = _box(first, exact)
    return max(right - _width(first, exact) if words.direction == "rtl" else -left, 0)


def draw_line(
    draw: ImageDraw.ImageDraw, left: float, base: float, words: Words, size: int, fill: str, loudness: float = 1
) -> None:
    """One line, from its left end on, on its base line."""
    for run in _runs(words):
        exact = run.size(size, loudness)
        letters = font(run.face, exact)
        draw.text((left, base), run.text, fill, letters, "ls", direction=run.direction, language=run.language)
        left += _width(run, exact)
