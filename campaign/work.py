"""The task engine and wake(name): the web wakes by name, only the worker knows what that runs.

A wake-up carries a name and nothing else. The database holds what is owed; the engine only says
"look now", so a lost wake-up costs the seconds until the worker's next sweep, and nothing more.
"""

import json
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

import structlog
from flask import current_app
from huey.api import Huey, RedisHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer

QUIET_SECONDS = 0.2
"""A name is woken at most once in this time by one process: signing must cost one commit, not two."""

log = structlog.get_logger()


class JsonSerializer(Serializer):
    """Messages as JSON: whoever can write to the queue must not be able to run code by it."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(bytes(data)))


class Engine:
    """Wakes drains in the worker, across processes and machines."""

    def __init__(self, url: str) -> None:
        self.huey = _make_huey(url)
        self.drains: dict[str, Drain] = {}
        self._task = self.huey.task(name="drain")(self._run)
        self._woken_at: dict[str, float] = {}

    def wake(self, name: str, *, each_time: bool = False) -> None:
        """Say that `name` has something to do. Never fails: the sweep heals what was not said.

        `each_time`: even if it was said a blink ago; for what the sweep does seldom.
        """
        present = time.monotonic()
        if not each_time and present - self._woken_at.get(name, float("-inf")) < QUIET_SECONDS:
            return
        self._woken_at[name] = present
        try:
            self._task(name)
        except Exception as error:
            log.warning("wake-up failed", drain=name, error=type(error).__name__)

    def _run(self, name: str) -> None:
        drain = self.drains.get(name)
        if drain is not None:
            drain()


class Drain:
    """Runs one kind of work at most once at a time in this process; a call during a run makes it run again."""

    def __init__(self, run: Callable[[], object]) -> None:
        self._run = run
        self._running = Lock()
        self._is_called = False

    def __call__(self) -> None:
        self._is_called = True
        while self._is_called and self._running.acquire(blocking=False):
            try:
                self._is_called = False
                self._run()
            finally:
                self._running.release()

    def wait(self, seconds: float) -> None:
        """Wait until the present run has ended, for so long at most."""
        if self._running.acquire(timeout=seconds):
            self._running.release()


def wake(name: str, *, each_time: bool = False) -> None:
    """Wake a drain through the present app's engine."""
    engine: Engine = current_app.extensions["work"]
    engine.wake(name, each_time=each_time)


def _make_huey(url: str) -> Huey:
    options: dict[str, Any] = {"serializer": JsonSerializer(), "results": False, "utc": True}
    if url.startswith("sqlite"):
        return SqliteHuey("campaign", filename=url.removeprefix("sqlite:///"), fsync=False, **options)
    from redis import ConnectionPool  # an extra, which the embedded default does without

    pool = ConnectionPool.from_url(url, socket_timeout=5, socket_connect_timeout=1)
    return RedisHuey("campaign", connection_pool=pool, **options)
