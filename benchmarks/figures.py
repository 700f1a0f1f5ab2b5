"""Rounds that take turns, the figures they give, and the table of them."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Round

ROUNDS = 3
TAIL = 3.0
"""The goal for p99, as a multiple of p50."""

HEADINGS = ("what", "floor /s", "ours /s", "ratio", "goal", "p50 ms", "p99 ms", "")


@dataclass(frozen=True)
class Figure:
    """Ours against the floor, in the same unit a second; `goal` is the least ratio, None where it only informs."""

    what: str
    floor: float
    ours: float
    goal: float | None
    percentiles: tuple[float, float] | None = None

    @property
    def ratio(self) -> float:
        """Ours as a part of the floor."""
        return self.ours / self.floor

    @property
    def complaints(self) -> list[str]:
        """Which goals are missed."""
        missed = [] if self.goal is None or self.ratio >= self.goal else ["MISSED"]
        if self.percentiles and self.percentiles[1] > TAIL * self.percentiles[0]:
            missed.append(f"p99 > {TAIL:g} × p50")
        return missed

    @property
    def cells(self) -> list[str]:
        """The figure as it stands in the table."""
        goal = "" if self.goal is None else f"≥ {self.goal:.2f}"
        times = [f"{time:.2f}" for time in self.percentiles or ()] or ["", ""]
        rates = [f"{self.floor:,.0f}", f"{self.ours:,.0f}", f"{self.ratio:.2f}"]
        return [self.what, *rates, goal, *times, ", ".join(self.complaints)]


def taking_turns(*rounds: Callable[[], Round], times: int = ROUNDS) -> list[list[Round]]:
    """Run each in turn, so often, after one turn to warm up; what each brought. What else the machine does hits all."""
    turns = [[run() for run in rounds] for _turn in range(times + 1)]
    return [list(brought) for brought in zip(*turns[1:], strict=True)]


def compare(
    what: str, floor: list[Round], ours: list[Round], goal: float | None, *, with_times: bool = False
) -> Figure:
    """The medians of the rounds."""
    times = _median_times(ours) if with_times else None
    return Figure(what, median(one.rate for one in floor), median(one.rate for one in ours), goal, times)


def _median_times(rounds: list[Round]) -> tuple[float, float]:
    found = [one.percentiles for one in rounds]
    return median(p50 for p50, _p99 in found), median(p99 for _p50, p99 in found)


def table(figures: list[Figure]) -> str:
    """The figures, a line each."""
    rows = [list(HEADINGS), *(figure.cells for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: list[str], widths: list[int]) -> str:
    first, *numbers, last = row
    cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=False))]
    return "  ".join((*cells, last)).rstrip()
