"""The drawings of the pages (SVG, 24 by 24) as masks for Pillow."""

import math
import re
from collections.abc import Iterator
from functools import lru_cache

from PIL import Image, ImageDraw
from svg.path import Close, Line, Move, parse_path

BOX = 24
STROKE = 2
FINER = 4
"""So many times larger it is drawn first, for smooth edges."""

_STEPS = 16
_PATH = re.compile(r'<path d="([^"]+)"')
_CIRCLE = re.compile(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"(?: stroke-dasharray="([\d.]+) ([\d.]+)")?')

Stroke = list[tuple[float, float]]


@lru_cache(maxsize=64)
def mask(drawing: str, size: int) -> Image.Image:
    """A drawing as it stands in an <svg>, as a mask so wide and high, in pixels."""
    scale = size * FINER / BOX
    large = Image.new("L", (size * FINER, size * FINER))
    draw = ImageDraw.Draw(large)
    for stroke in (*_paths(drawing), *_circles(drawing)):
        points = [(x * scale, y * scale) for x, y in stroke]
        draw.line(points, 255, round(STROKE * scale), "curve")
        for x, y in (points[0], points[-1]):
            _dot(draw, x, y, STROKE * scale / 2)
    return large.resize((size, size), Image.Resampling.LANCZOS)


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), 255)


def _paths(drawing: str) -> Iterator[Stroke]:
    for described in _PATH.findall(drawing):
        stroke: list[complex] = []
        for segment in parse_path(described):
            if isinstance(segment, Move):
                yield from _told(stroke)
                stroke = [segment.end]
            elif isinstance(segment, (Line, Close)):
                stroke.append(segment.end)
            else:
                stroke.extend(segment.point(step / _STEPS) for step in range(1, _STEPS + 1))
        yield from _told(stroke)


def _told(stroke: list[complex]) -> Iterator[Stroke]:
    if len(stroke) > 1:
        yield [(point.real, point.imag) for point in stroke]


def _circles(drawing: str) -> Iterator[Stroke]:
    for found in _CIRCLE.findall(drawing):
        x, y, radius = map(float, found[:3])
        dash, gap = map(float, found[3:]) if found[3] else (2 * math.pi * radius, 0.0)
        for number in range(round(2 * math.pi * radius / (dash + gap))):
            start = number * (dash + gap) / radius
            steps = [start + dash / radius * step / _STEPS / 2 for step in range(2 * _STEPS + 1)]
            yield [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in steps]
