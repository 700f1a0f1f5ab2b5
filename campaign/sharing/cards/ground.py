"""What a card is drawn on: the colours and the ground of the posters, and a sheet that knows where a line begins.

The colours are those of style.css.
"""

import math
from functools import cache

from PIL import Image, ImageDraw

from campaign.sharing.cards.png import Photos

WIDTH, HEIGHT = 1200, 630
"""The size that Open Graph's consumers agree on, in pixels."""

NIGHT, WHITE, SUN = "#121212", "#ffffff", "#ffce1a"
GROUNDS = {"open": ("#c92310", "#b51c0b"), "won": (SUN, "#ffdb55"), "ended": ("#3d3d3d", "#474747")}
MARGIN = 56
"""Networks cut the edges: no word stands nearer to one."""

BAND = 118
"""The height of the black band at the foot."""

FLOOR = HEIGHT - BAND
STEP = 100
"""Pixels from bar to bar; a fifth of it is the bar."""

RAYS = 10
"""Degrees from ray to ray; half of it is the ray."""

_FINER = 2


@cache
def ground(state: str) -> Image.Image:
    """Bars, or the rays that they become when everybody is free; drawn from the left."""
    plain, other = GROUNDS[state]
    image = Image.new("RGB", (WIDTH * _FINER, HEIGHT * _FINER), plain)
    draw = ImageDraw.Draw(image)
    if state == "won":
        for angle in range(0, 90, RAYS):
            draw.polygon([(0, HEIGHT * _FINER), _far(angle), _far(angle + RAYS / 2)], other)
    else:
        for bar in range(STEP * 4 // 5, WIDTH, STEP):
            draw.rectangle((bar * _FINER, 0, (bar + STEP // 5) * _FINER - 1, HEIGHT * _FINER), other)
    return image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _far(angle: float) -> tuple[float, float]:
    """A point outside of the picture, in degrees from the top, clockwise, seen from the lower left corner."""
    length = 2 * WIDTH * _FINER
    return length * math.sin(math.radians(angle)), HEIGHT * _FINER - length * math.cos(math.radians(angle))


class Sheet:
    """A picture whose places are told from where its lines begin: right to left, it is mirrored."""

    def __init__(self, state: str, direction: str) -> None:
        self.direction = direction
        self.is_mirrored = direction == "rtl"
        image = ground(state)
        self.image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.is_mirrored else image.copy()
        self.draw = ImageDraw.Draw(self.image)
        self.photos: Photos = []

    def left_of(self, start: float, width: float) -> float:
        """Where from the left begins what is so wide and begins at `start`."""
        return WIDTH - start - width if self.is_mirrored else start

    def fill(self, start: float, top: float, width: float, height: float, colour: str) -> None:
        """A plain area."""
        left = self.left_of(start, width)
        self.draw.rectangle((left, top, left + width - 1, top + height - 1), colour)

    def add(self, photo: Image.Image, start: int, top: int) -> None:
        """A photo, which is not mirrored and comes in at the end."""
        self.photos.append(((int(self.left_of(start, photo.width)), top), photo))

    def stamp(self, mask: Image.Image, start: float, top: float, colour: str) -> None:
        """A colour, where the mask lets it through."""
        self.image.paste(colour, (round(self.left_of(start, mask.width)), round(top)), mask)
