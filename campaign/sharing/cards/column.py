"""What is written on a card's ground: the small line, the title, and at the foot whose it is and how it stands."""

from collections.abc import Callable
from dataclasses import dataclass

from campaign.sharing.cards.drawings import mask
from campaign.sharing.cards.fitting import Block, fitted, shortened
from campaign.sharing.cards.ground import FLOOR, MARGIN, NIGHT, WHITE, Sheet
from campaign.sharing.cards.lettering import LOUDNESS, Words, draw_line, measured, overhang, width_of
from campaign.sharing.cards.showing import Shown

TOP, FOOT = 48, FLOOR - 34
GAP = 26
SMALL, SMALLEST = 40, 34
"""Pixels; the smaller one still reads when the card is shown 300 wide."""

TITLE = range(40, 250, 4)
"""The sizes of titles."""

ENOUGH = 0.75
"""The name stands under the title unless the title would have less than this part of the size that it has without."""

CHIP, PADDING = 66, 14


@dataclass(frozen=True)
class _Row:
    """A row at the foot: how high it is, and what draws it when the place of its middle is known."""

    height: float
    draw: Callable[[float], None]


def _together(*rows: _Row) -> _Row:
    """Rows that stand beside one another."""

    def draw(middle: float) -> None:
        for row in rows:
            row.draw(middle)

    return _Row(max(row.height for row in rows), draw)


def write(sheet: Sheet, words: Words, place: tuple[float, float], size: int, colour: str, loudness: float = 1) -> None:
    """A line; `place` is where it starts, and the middle of its ink."""
    ink = measured(words, loudness).at(size)
    base = place[1] + (ink.above - ink.below) / 2
    put(sheet, words, (place[0], base), size, colour, loudness)


def put(sheet: Sheet, words: Words, place: tuple[float, float], size: int, colour: str, loudness: float = 1) -> None:
    """A line; `place` is where it starts, and its base line."""
    start = place[0] + (overhang(words, size, loudness) if words.direction == sheet.direction else 0)
    left = sheet.left_of(start, width_of(words, size, loudness))
    draw_line(sheet.draw, left, place[1], words, size, colour, loudness)


def size_for(words: Words, width: float, largest: int, loudness: float = 1) -> int:
    """The largest size in which a line is no wider."""
    asked = measured(words, loudness).at(largest).width
    return largest if asked <= width else int(largest * width / asked)


def draw_column(sheet: Sheet, shown: Shown, width: float) -> None:
    """All of it; the title takes the room that is left."""
    _Column(sheet, shown, width).draw()


class _Column:
    def __init__(self, sheet: Sheet, shown: Shown, width: float) -> None:
        self.sheet = sheet
        self.shown = shown
        self.width = width
        self.ink = NIGHT if shown.state == "won" else WHITE

    def draw(self) -> None:
        top = self._kicker()
        rows = self._standing()
        title = self._fitted(top, rows)
        if self.shown.whose:
            named = [*rows, self._whose()]
            smaller = self._fitted(top, named)
            if smaller.is_whole and smaller.size >= ENOUGH * title.size:
                rows, title = named, smaller
        bottom: float = FOOT
        for row in rows:
            row.draw(bottom - row.height / 2)
            bottom -= row.height + GAP
        self._title(title, top + max(bottom - top - title.height, 0) * 0.4)

    def _fitted(self, top: float, rows: list[_Row]) -> Block:
        room = FOOT - top - sum(row.height + GAP for row in rows)
        return fitted(self.shown.title, self.width, room, TITLE)

    def _title(self, block: Block, top: float) -> None:
        base = top + block.inks[0].above if block.inks else top
        for line in block.lines:
            put(self.sheet, line, (MARGIN, base), block.size, self.ink)
            base += block.lead

    def _kicker(self) -> float:
        """As much of the small line as there is room for; how far down it reaches."""
        start: float = MARGIN
        inks = [measured(words).at(SMALLEST) for words in self.shown.kicker]
        base = TOP + max((ink.above for ink in inks), default=0)
        for words, ink in zip(self.shown.kicker, inks, strict=True):
            room = self.width + MARGIN - start
            if start > MARGIN and ink.width > room:
                continue
            line = shortened(words, room, SMALLEST)
            put(self.sheet, line, (start, base), SMALLEST, self.ink)
            start += width_of(line, SMALLEST) + GAP
        return base + max((ink.below for ink in inks), default=0) + GAP if inks else TOP

    def _standing(self) -> list[_Row]:
        """The word for the status on black, and for how long; over one another where they are too long for one row."""
        sentence, chip = self._sentence(MARGIN), self._chip()
        if not self.shown.status:
            return [sentence] if self.shown.standing else []
        start = MARGIN + self._chip_width() + GAP
        needed = measured(self.shown.standing, LOUDNESS).at(SMALL).width
        if self.shown.standing and start + needed > MARGIN + self.width:
            return [sentence, chip]
        beside = self._sentence(start)
        return [_together(chip, beside)]

    def _sentence(self, start: float) -> _Row:
        words = self.shown.standing
        size = size_for(words, self.width + MARGIN - start, SMALL, LOUDNESS)
        ink = measured(words, LOUDNESS).at(size)
        place = lambda middle: write(self.sheet, words, (start, middle), size, self.ink, LOUDNESS)  # noqa: E731
        return _Row(ink.above + ink.below, place)

    def _chip_width(self) -> float:
        return SMALL + 3 * PADDING + measured(self.shown.status).at(SMALL).width

    def _chip(self) -> _Row:
        ink = measured(self.shown.status).at(SMALL)
        height = max(CHIP, round(ink.above + ink.below) + 2 * PADDING)
        return _Row(height, lambda middle: self._draw_chip(middle, height))

    def _draw_chip(self, middle: float, height: int) -> None:
        self.sheet.fill(MARGIN, round(middle - height / 2), round(self._chip_width()), height, NIGHT)
        self.sheet.stamp(mask(self.shown.drawing, SMALL), MARGIN + PADDING, middle - SMALL / 2, WHITE)
        write(self.sheet, self.shown.status, (MARGIN + SMALL + 2 * PADDING, middle), SMALL, WHITE)

    def _whose(self) -> _Row:
        words = shortened(self.shown.whose, self.width, SMALL)
        ink = measured(words).at(SMALL)
        return _Row(ink.above + ink.below, lambda middle: write(self.sheet, words, (MARGIN, middle), SMALL, self.ink))
