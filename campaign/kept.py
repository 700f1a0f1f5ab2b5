"""Counts over very many rows, kept for some seconds: whoever looks again and again does not count each time."""

import time
from collections.abc import Callable, Hashable
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from campaign.db import db

MANY = 50_000
"""From so many rows on a count is worth keeping; what is smaller is always counted anew."""

SECONDS = 5.0

T = TypeVar("T")

_kept: WeakKeyDictionary[Engine, dict[Hashable, tuple[float, object]]] = WeakKeyDictionary()


def kept(key: Hashable, count: Callable[[], T], rows: Callable[[T], int]) -> T:
    """What was counted under this key in the last seconds by this process, or a new count; `rows`: how many it saw."""
    present, known = time.monotonic(), _kept.setdefault(db.engine, {})
    until, value = known.get(key, (present, None))
    if until > present:
        return cast("T", value)
    counted = count()
    for old in [one for one, (end, _value) in known.items() if end <= present]:
        known.pop(old, None)
    if rows(counted) >= MANY:
        known[key] = time.monotonic() + SECONDS, counted
    return counted
