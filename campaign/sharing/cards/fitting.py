"""Words in lines: as large as there is room for, whole words first, and even."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from unicodedata import combining

from campaign.sharing.cards.lettering import Ink, Words, measured

GAP, INTERLACED = 0.1, -0.25
"""Between the ink of two lines, as a part of the size; in Nastaliq, high and low strokes pass one another."""

HYPHEN, ELLIPSIS = "-", "…"
_PIECE = re.compile(r"[^ /-]*[/-]+|[^ ]+")
"""A word, or a part of one behind which a line may end."""


@dataclass(frozen=True)
class Block:
    """Lines in one size; `lead` is from base line to base line, in pixels."""

    lines: tuple[Words, ...]
    inks: tuple[Ink, ...]
    size: int
    is_whole: bool = True

    @property
    def lead(self) -> float:
        """As much as the two lines need that come nearest to each other."""
        gap = INTERLACED if self.lines and self.lines[0].language == "ur" else GAP
        pairs = zip(self.inks, self.inks[1:], strict=False)
        return max((upper.below + lower.above + gap * self.size for upper, lower in pairs), default=0)

    @property
    def height(self) -> float:
        """From the top of the first line's ink to the bottom of the last one's."""
        inks = self.inks
        return inks[0].above + self.lead * (len(inks) - 1) + inks[-1].below if inks else 0

    @property
    def width(self) -> float:
        """Of the widest line."""
        return max((ink.width for ink in self.inks), default=0)


def fitted(words: Words, width: float, height: float, sizes: Sequence[int]) -> Block:
    """The words in the largest of these sizes (which grow) in which they fit; cut off where the smallest is too large.

    Above the middle of the sizes no word is broken.
    """
    middle = sizes[len(sizes) // 2]

    def is_too_large(size: int) -> bool:
        block = _block(words, width, size, may_break=size <= middle)
        return block.height > height or block.width > width

    place = bisect_right(sizes, False, key=is_too_large) - 1
    if place < 0:
        return _cut_off(_block(words, width, sizes[0], may_break=True), width, height)
    block = _block(words, width, sizes[place], may_break=sizes[place] <= middle)
    return _balanced(words, block, width)


def shortened(line: Words, width: float, size: int) -> Words:
    """The line, cut off where it is wider."""
    return line if _width(line, size) <= width else _with_dots(line, width, size)


def _width(line: Words, size: int) -> float:
    return measured(line).at(size).width


def _with_dots(line: Words, width: float, size: int) -> Words:
    """As much of the line as there is room for before dots; whole words, unless too little were left of it."""

    def fits(end: int) -> bool:
        return _width(replace(line, text=f"{line.text[:end]}{ELLIPSIS}"), size) <= width

    ends = range(1, len(line.text) + 1)
    most = max(bisect_right(ends, False, key=lambda end: not fits(end)), 1)
    whole = line.text.rfind(" ", 0, most + 1)
    end = whole if whole > most * 0.6 else most
    return replace(line, text=line.text[:end].rstrip(" ,،.-") + ELLIPSIS)


def _cut_off(block: Block, width: float, height: float) -> Block:
    while len(block.lines) > 1 and block.height > height:
        *lines, last, _gone = block.lines
        lines.append(_with_dots(replace(last, text=f"{last.text} "), width, block.size))
        block = Block(tuple(lines), tuple(measured(line).at(block.size) for line in lines), block.size, is_whole=False)
    return block


def _balanced(words: Words, block: Block, width: float) -> Block:
    """In as many lines, but as even as they can be."""
    best = block
    for narrower in range(98, 50, -2):
        room = width * narrower / 100
        even = _block(words, room, block.size, may_break=False)
        if len(even.lines) != len(block.lines) or even.width > room:
            break
        best = even if even.height <= block.height + 1 else best
    return best


def _block(words: Words, width: float, size: int, *, may_break: bool) -> Block:
    """The words in lines no wider than this; a word alone may be wider, unless it may be broken."""
    lines: list[tuple[str, Ink]] = []
    space = _width(replace(words, text=" "), size)
    for text, between in _pieces(words, width, size, may_break=may_break):
        ink = measured(replace(words, text=text)).at(size)
        room = space if between else 0
        if lines and lines[-1][1].width + room + ink.width <= width:
            before, known = lines[-1]
            longer = Ink(known.width + room + ink.width, max(known.above, ink.above), max(known.below, ink.below))
            lines[-1] = before + between + text, longer
        else:
            lines.append((text, ink))
    return Block(tuple(replace(words, text=text) for text, _ink in lines), tuple(ink for _text, ink in lines), size)


def _pieces(words: Words, width: float, size: int, *, may_break: bool) -> Iterator[tuple[str, str]]:
    """What lines are put together of, and what stands before each on the same line."""
    for word in words.text.split(" "):
        between = " "
        for piece in _PIECE.findall(word):
            for part in _broken(replace(words, text=piece), width, size) if may_break else (piece,):
                yield part, between
                between = ""


def _broken(word: Words, width: float, size: int) -> Iterator[str]:
    """A word in parts that fit, with hyphens where its script knows them; a mark stays on its letter."""
    rest, hyphen = word.text, HYPHEN if word.direction == "ltr" else ""
    while len(rest) > 1 and _width(replace(word, text=rest), size) > width:
        ends = range(1, len(rest))
        fits = bisect_right(ends, width, key=lambda end: _width(replace(word, text=rest[:end] + hyphen), size))
        end = max(fits, 1)
        while end > 1 and combining(rest[end]):
            end -= 1
        yield rest[:end] + hyphen
        rest = rest[end:]
    yield rest
