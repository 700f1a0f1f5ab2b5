"""The worker's part: its heart beats every few seconds, whatever its drains are at."""

import threading
from collections.abc import Callable
from secrets import token_hex

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from campaign import clock
from campaign.db import db
from campaign.watching.operations import Pulse, beat, leave

BEAT_SECONDS = 5.0

log = structlog.get_logger()


class Heart:
    """The heartbeat of one worker process. `doing` says which drains run at the moment.

    It beats in a thread of its own: a sweep may be at the letters of one mailing for an hour.
    """

    def __init__(self, app: Flask, doing: Callable[[], list[str]]) -> None:
        self.app = app
        self.doing = doing
        self.name = token_hex(8)
        self.started_at = clock.now()
        self.failure = Pulse("")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def failed(self, drain: str, error: Exception) -> None:
        """A drain went wrong."""
        self.failure = Pulse("", f"{drain} {type(error).__name__}", clock.now())

    def start(self) -> None:
        """Beat once, and from then on until stopped."""
        self.beat()
        self._thread.start()

    def stop(self) -> None:
        """Beat no more, and leave no trace: this worker stopped in good order."""
        self._stopping.set()
        self._thread.join(BEAT_SECONDS)
        self._write(lambda: leave(self.name))

    def beat(self) -> None:
        """Beat once. Never fails: what cannot be written shows in the age of the last beat."""
        pulse = Pulse(" ".join(self.doing()), self.failure.failing, self.failure.failed_at)
        self._write(lambda: beat(self.name, self.started_at, pulse, clock.now()))

    def _write(self, change: Callable[[], None]) -> None:
        with self.app.app_context():
            try:
                change()
                db.session.commit()
            except SQLAlchemyError as error:
                log.warning("no heartbeat", error=type(error).__name__)

    def _run(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            self.beat()
