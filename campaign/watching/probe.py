"""Asking the database without waiting for ever: what hangs must not hang the web."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from sqlalchemy import Connection, Engine

from campaign.db import ONLY_READS

T = TypeVar("T")


class DatabaseAway(Exception):
    """The database did not answer; the text is the class of the error, or `timeout`."""


class Probe:
    """Asks in a thread, one at a time: while a question hangs, the next are answered with DatabaseAway at once."""

    def __init__(self) -> None:
        self._asking = threading.Lock()

    def ask(self, engine: Engine, question: Callable[[Connection], T], seconds: float) -> T:
        """What `question` returns; raises DatabaseAway, after so many seconds at the latest."""
        if not self._asking.acquire(timeout=seconds):
            raise DatabaseAway("timeout")
        answers: SimpleQueue[T | Exception] = SimpleQueue()
        threading.Thread(target=self._run, args=(engine, question, answers), name="probe", daemon=True).start()
        try:
            answer = answers.get(timeout=seconds)
        except Empty:
            raise DatabaseAway("timeout") from None
        if isinstance(answer, Exception):
            raise DatabaseAway(type(answer).__name__)
        return answer

    def _run(self, engine: Engine, question: Callable[[Connection], T], answers: "SimpleQueue[T | Exception]") -> None:
        answer: T | Exception
        try:
            with engine.connect().execution_options(**{ONLY_READS: True}) as connection:
                answer = question(connection)
        except Exception as error:
            answer = error
        finally:
            self._asking.release()
        answers.put(answer)  # when the connection is back in its pool
