"""The campaign page: cached, revalidated, uncached; and with a million signatures."""

from collections.abc import Iterator

from benchmarks.figures import Figure, compare, taking_turns
from benchmarks.filling import sign_a_million
from benchmarks.installations import SLUG, WORKERS, floor, ours
from benchmarks.load import NUMBER, fire, get
from tests.stack import Stack

PATH = f"/en/{SLUG}/"
RENDERED = get(f"{PATH}?n={NUMBER}")
"""Each at an address of its own, so that none is kept."""


def cached_pages() -> Iterator[Figure]:
    """Against a bare hello."""
    with floor("hello") as bare, ours(PAGE_SECONDS="5") as stack:
        stack.start_web(WORKERS)
        revalidation = get(PATH, If_None_Match=str(stack.get(PATH).headers["ETag"]))
        hello, page, not_modified = taking_turns(
            lambda: fire(bare, get("/")),
            lambda: fire(stack.port, get(PATH)),
            lambda: fire(stack.port, revalidation, 304),
        )
    yield compare("campaign page, cached : hello", hello, page, 0.8)
    yield compare("campaign page, 304 : hello", hello, not_modified, 0.8)


def uncached_pages() -> Iterator[Figure]:
    """Against a bare page with two SELECTs: where nothing has changed since it was rendered, and rendered each time."""
    with floor("page", "sqlite") as bare, ours(PAGE_SECONDS="0") as stack:
        stack.start_web(WORKERS)
        two_selects, page, rendered = taking_turns(
            lambda: fire(bare, get("/bare/")),
            lambda: fire(stack.port, get(PATH)),
            lambda: fire(stack.port, RENDERED),
        )
    yield compare("campaign page, uncached, unchanged : two SELECTs", two_selects, page, 0.6)
    yield compare("campaign page, rendered anew : two SELECTs", two_selects, rendered, None)


def full_pages() -> Iterator[Figure]:
    """A campaign with a million signatures against one with none."""
    with ours(PAGE_SECONDS="0") as empty, ours(PAGE_SECONDS="0") as full:
        sign_a_million(full)
        for stack in (empty, full):
            stack.start_web(WORKERS)
        yield _full_against_empty("uncached, unchanged", get(PATH), empty, full)
        yield _full_against_empty("rendered anew", RENDERED, empty, full)


def _full_against_empty(what: str, request: bytes, empty: Stack, full: Stack) -> Figure:
    none, million = taking_turns(lambda: fire(empty.port, request), lambda: fire(full.port, request), times=5)
    return compare(f"page with 1,000,000 signatures, {what} : 0", none, million, 1 / 1.1)
