"""Counts over very many rows, kept for a while: whoever looks again and again does not count each time."""

import time
from collections.abc import Callable, Hashable
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from campaign.db import db

MANY = 50_000
"""From so many rows on a count is worth keeping; what is smaller is always counted anew."""

SECONDS = 5.0

IDLE = 20
"""What nobody waits for is kept for so many times as long as the counting took."""

T = TypeVar("T")

_kept: WeakKeyDictionary[Engine, dict[Hashable, tuple[float, object]]] = WeakKeyDictionary()


def kept(key: Hashable, count: Callable[[], T], rows: Callable[[T], int]) -> T:
    """What was counted under this key in the last seconds by this process, or a new count; `rows`: how many it saw."""
    return _look(db.engine, key, count, lambda counted, _took: SECONDS if rows(counted) >= MANY else 0)


def seldom(engine: Engine, key: Hashable, count: Callable[[], T]) -> T:
    """The same for whoever looks for ever, and needs no app: so that counting takes a twentieth of the time."""
    return _look(engine, key, count, lambda _counted, took: IDLE * took)


def _look(engine: Engine, key: Hashable, count: Callable[[], T], lasts: Callable[[T, float], float]) -> T:
    """`lasts`: for how many seconds a count is good, which took so many."""
    began, known = time.monotonic(), _kept.setdefault(engine, {})
    until, value = known.get(key, (began, None))
    if until > began:
        return cast("T", value)
    counted = count()
    ended = time.monotonic()
    for old in [one for one, (end, _value) in list(known.items()) if end <= ended]:
        known.pop(old, None)
    if seconds := lasts(counted, ended - began):
        known[key] = ended + seconds, counted
    return counted
