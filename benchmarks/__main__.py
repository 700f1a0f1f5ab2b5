"""`python -m benchmarks [part …]`: run the parts, all of them unless named, and print one table."""

import signal
import sys
import time
from collections.abc import Callable, Iterator

from benchmarks.cards import share_cards
from benchmarks.console import console_pages
from benchmarks.figures import Figure, table
from benchmarks.mailing import mailings
from benchmarks.million import million
from benchmarks.pages import cached_pages, full_pages, uncached_pages
from benchmarks.signing import signing

PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "cached": cached_pages,
    "uncached": uncached_pages,
    "million": full_pages,
    "cards": share_cards,
    "signing": signing,
    "mailing": mailings,
    "posting": million,
    "console": console_pages,
}


def main(names: list[str]) -> int:
    """Exits with 1 when a goal is missed, with 2 for a part that there is not."""
    if unknown := set(names) - set(PARTS):
        print(f"There is no part {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is stopped, as on Ctrl-C
    started = time.monotonic()
    figures: list[Figure] = []
    try:
        for name in names or PARTS:
            for figure in _told(name):
                figures.append(figure)
    finally:
        print(table(figures))
    print(f"\n{time.monotonic() - started:.0f} s. A ratio is ours : floor, each the median of rounds that took turns.")
    return 1 if any(figure.complaints for figure in figures) else 0


def _told(name: str) -> Iterator[Figure]:
    """The figures of a part, each told when it is there: the whole table takes minutes."""
    for figure in PARTS[name]():
        print(f"… {figure.what}: {figure.ratio:.2f}", file=sys.stderr, flush=True)
        yield figure


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
