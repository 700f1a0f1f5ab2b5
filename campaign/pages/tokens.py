"""The colours of the stylesheets, read from them, and how well one can be read on another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SCHEMES = ("light", "dark")

TEXT, SHAPE = 4.5, 3.0
"""What text, and what a line or a mark, needs at least (WCAG 2.2, 1.4.3 and 1.4.11)."""

WHITE, BLACK = "#ffffff", "#121212"

PAIRS = (
    ("ink", "paper", TEXT), ("soft", "paper", TEXT), ("accent", "paper", TEXT), ("alarm", "paper", TEXT),
    ("law", "paper", TEXT), ("move", "paper", TEXT), ("free", "paper", TEXT), ("plain", "paper", TEXT),
    ("warn", "paper", TEXT), ("focus", "paper", SHAPE), ("ink", "band", TEXT), ("soft", "band", TEXT),
    ("accent", "band", TEXT), ("ink", "field", TEXT), ("on-accent", "accent", TEXT), (WHITE, "red", TEXT),
    (WHITE, "red-bar", TEXT), (BLACK, "sun", TEXT), (BLACK, "sun-ray", TEXT), (WHITE, "stone", TEXT),
    (WHITE, "stone-bar", TEXT), (WHITE, "night", TEXT),
)  # fmt: skip
"""What stands on what, and what that needs at least."""

_ROOT = re.compile(r":root\s*\{([^}]*)\}")
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\)\s*\{\s*:root\s*\{([^}]*)\}")
_TOKEN = re.compile(r"--([\w-]+):\s*(#[0-9a-fA-F]{3,6}|var\(--[\w-]+\))\s*;")


@dataclass(frozen=True)
class Pair:
    """One colour on another: their names and values, the ratio, and what it has to be."""

    front: str
    back: str
    front_value: str
    back_value: str
    ratio: float
    needed: float

    @property
    def is_enough(self) -> bool:
        """Whether people can read it."""
        return self.ratio >= self.needed


def schemes(*stylesheets: Path) -> dict[str, dict[str, str]]:
    """The colours as the stylesheets say them, light and dark: those that the dark does not change stand in both."""
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    for css in (path.read_text("utf-8") for path in stylesheets):
        light |= _tokens(_ROOT, _DARK.sub("", css))
        dark |= _tokens(_DARK, css)
    return {"light": light, "dark": light | dark}


def _tokens(block: re.Pattern[str], css: str) -> dict[str, str]:
    return {name: value for body in block.findall(css) for name, value in _TOKEN.findall(body)}


def values(tokens: dict[str, str]) -> dict[str, str]:
    """The colours as six digits each; those that stand for another one as that."""
    return {name: _digits(tokens[value[6:-1]] if value.startswith("var") else value) for name, value in tokens.items()}


def _digits(value: str) -> str:
    return value if len(value) == len(WHITE) else "#" + "".join(digit * 2 for digit in value[1:])


def pairs(colours: dict[str, str]) -> Iterator[Pair]:
    """Each of PAIRS in these colours."""
    for front, back, needed in PAIRS:
        one, other = colours.get(front, front), colours[back]
        yield Pair(front, back, one, other, contrast(one, other), needed)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def forced(tokens: dict[str, dict[str, str]]) -> str:
    """A stylesheet by which a part of a page looks as in the light or as in the dark, whatever is preferred."""
    return "".join(
        f".as-{scheme} {{ {' '.join(f'--{name}: {value};' for name, value in tokens[scheme].items())}"
        f" color-scheme: {scheme}; background: var(--paper); color: var(--ink); }}\n"
        for scheme in SCHEMES
    )
