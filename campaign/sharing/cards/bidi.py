"""In which order a line is drawn that runs both ways: the Unicode Bidirectional Algorithm (UAX #9), for one line.

Left out are explicit embeddings and overrides, which `lettering.clean` takes out of what people wrote, and the rule
for pairs of brackets (N0). Isolates stand round names: FIRST_STRONG … END.
"""

from collections.abc import Sequence
from typing import TypeVar
from unicodedata import bidirectional

T = TypeVar("T")

FIRST_STRONG, END = "\u2068", "\u2069"
"""FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE: what `<bdi>` is in HTML."""


def direction_of(text: str, default: str) -> str:
    """'rtl' or 'ltr', as the first letter that has a direction says (UAX #9, P2 and P3)."""
    kinds = (bidirectional(char) for char in text)
    strong = next((kind for kind in kinds if kind in ("L", "R", "AL")), None)
    return default if strong is None else "ltr" if strong == "L" else "rtl"


def levels(text: str, direction: str) -> list[int]:
    """The level of each character of a line: even ones run from the left, odd ones from the right."""
    return _levels(text, 1 if direction == "rtl" else 0)


def _levels(text: str, base: int) -> list[int]:
    """As above, inside of what is at level `base`; an isolate in it counts as one neutral character."""
    found: list[list[int]] = []
    kinds: list[str] = []
    place = 0
    while place < len(text):
        end = _end_of_isolate(text, place)
        inner = text[place + 1 : end - 1] if end else ""
        kinds.append("ON" if end else bidirectional(text[place]))
        found.append([base, *_levels(inner, _inside(inner, base)), base] if end else [base])
        place = end or place + 1
    for one, level in zip(found, _resolved(kinds, base), strict=True):
        one[0] = one[-1] = level
    return [level for one in found for level in one]


def _inside(text: str, level: int) -> int:
    """The level of an isolate's content: the next one of its own direction."""
    is_odd = direction_of(text, "ltr") == "rtl"
    return level + 1 if (level + 1) % 2 == is_odd else level + 2


def _end_of_isolate(text: str, place: int) -> int | None:
    """Behind the isolate that begins here; None if none does, or it has no end."""
    if text[place] != FIRST_STRONG:
        return None
    depth = 0
    for at in range(place, len(text)):
        depth += {FIRST_STRONG: 1, END: -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    return None


def _resolved(kinds: list[str], base: int) -> list[int]:
    outer = "R" if base % 2 else "L"
    weak = _numbers(_weak(kinds, outer), outer)
    found = _neutrals(weak, outer)
    if base % 2:
        return [base + (kind != "R") for kind in found]  # I2
    return [base + {"L": 0, "R": 1}.get(kind, 2) for kind in found]  # I1


def _weak(kinds: list[str], outer: str) -> list[str]:
    """W1 to W3: marks are as what they stand on; digits after Arabic letters are Arabic."""
    found: list[str] = []
    strong = outer
    for kind in kinds:
        kind = (found[-1] if found else outer) if kind == "NSM" else kind
        strong = kind if kind in ("L", "R", "AL") else strong
        found.append("AN" if kind == "EN" and strong == "AL" else kind)
    return ["R" if kind == "AL" else kind for kind in found]


def _numbers(kinds: list[str], outer: str) -> list[str]:
    """W4 to W7: what stands in and beside numbers; numbers after letters from the left are as those."""
    found = list(kinds)
    for at in range(1, len(found) - 1):
        before, kind, after = found[at - 1 : at + 2]
        if before == after and ((kind == "CS" and before in ("EN", "AN")) or (kind == "ES" and before == "EN")):
            found[at] = before
    for first, last in _stretches(found, ("ET",)):
        if "EN" in (*found[max(first - 1, 0) : first], *found[last : last + 1]):
            found[first:last] = ["EN"] * (last - first)
    strong = outer
    for at, kind in enumerate(found):
        strong = kind if kind in ("L", "R") else strong
        found[at] = "L" if kind == "EN" and strong == "L" else kind
    return found


def _neutrals(kinds: list[str], outer: str) -> list[str]:
    """N1 and N2: what has no direction goes with both its neighbours, else with the line; numbers count as R."""
    found = ["R" if kind in ("R", "EN", "AN") else "L" if kind == "L" else "" for kind in kinds]
    for first, last in _stretches(found, ("",)):
        around = {found[first - 1] if first else outer, found[last] if last < len(found) else outer}
        found[first:last] = [around.pop() if len(around) == 1 else outer] * (last - first)
    return [kind if kind in ("EN", "AN") else side for kind, side in zip(kinds, found, strict=True)]


def _stretches(kinds: Sequence[str], wanted: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where one of these kinds stands, without a gap: (first, behind the last)."""
    found: list[tuple[int, int]] = []
    for at, kind in enumerate(kinds):
        if kind not in wanted:
            continue
        if found and found[-1][1] == at:
            found[-1] = found[-1][0], at + 1
        else:
            found.append((at, at + 1))
    return found


def reordered(runs: Sequence[T], levels: Sequence[int]) -> list[T]:
    """Runs, each of one level, as they stand from the left to the right (L2)."""
    order = list(range(len(runs)))
    for level in range(max(levels, default=0), 0, -1):
        for first, last in _stretches(["x" if levels[at] >= level else "" for at in order], ("x",)):
            order[first:last] = order[first:last][::-1]
    return [runs[at] for at in order]
