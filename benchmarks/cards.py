"""The share card: cached, revalidated, from its file, and drawn anew."""

import shutil
from collections.abc import Iterator
from time import perf_counter

from benchmarks.figures import Figure, compare, taking_turns
from benchmarks.installations import SLUG, WORKERS, floor, ours
from benchmarks.load import Round, fire, get
from campaign.sharing.cards.shelf import FOLDER
from tests.stack import Stack

PATH = f"/en/{SLUG}/card.png"
DRAWN = 5
"""So many cards are drawn in a round."""


def share_cards() -> Iterator[Figure]:
    """Against a bare hello; a card that is drawn against one that is kept in a file."""
    with floor("hello") as bare, ours(PAGE_SECONDS="5") as stack, ours() as unkept:
        for one in (stack, unkept):
            one.start_web(WORKERS)
        revalidation = get(PATH, If_None_Match=str(stack.get(PATH).headers["ETag"]))
        hello, kept, not_modified, shelved, drawn = taking_turns(
            lambda: fire(bare, get("/")),
            lambda: fire(stack.port, get(PATH)),
            lambda: fire(stack.port, revalidation, 304),
            lambda: fire(unkept.port, get(PATH)),
            lambda: _drawn_anew(unkept),
        )
    yield compare("share card, cached : hello", hello, kept, 0.8)
    yield compare("share card, 304 : hello", hello, not_modified, 0.8)
    yield compare("share card, from its file : hello", hello, shelved, None)
    yield compare("share card, drawn anew : from its file", shelved, drawn, None)


def _drawn_anew(stack: Stack) -> Round:
    waits = [_drawn_once(stack) for _time in range(DRAWN)]
    return Round(DRAWN / sum(waits), waits)


def _drawn_once(stack: Stack) -> float:
    shutil.rmtree(stack.instance / FOLDER, ignore_errors=True)
    started = perf_counter()
    assert stack.get(PATH).status == 200
    return perf_counter() - started
