"""A relay in bad weather: its faults are drawn from a seed by address and attempt, so that a run can be repeated.

What the weather was is told by `answers`, one for each time that a recipient was named; what was kept, by the sink.
"""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from tests.servers import ACCEPT, BREAK_OFF, GO_ON, HANG_UP, KEEP_AND_HANG_UP, Received, SmtpSink

STEPS = 2
"""How often a letter waits for the sink's latency: for the replies to its envelope, and for that to its data."""


class Fault(StrEnum):
    """What befalls one attempt; all but the first three are drawn anew for each."""

    NONE = "none"
    GONE = "gone"
    GREYLISTED = "greylisted"
    REPLY_LOST = "reply lost"
    DROPPED = "dropped at the recipient"
    DROPPED_AT_DATA = "dropped at DATA"
    REFUSED_AT_DATA = "refused at DATA"
    BROKEN_OFF = "broken off in the data"
    SLOW = "slow"
    TURNED_AWAY = "turned away"
    DISK_FULL = "disk full"


@dataclass(frozen=True)
class Rates:
    """How many of the addresses are gone or greylisted; how many of the attempts meet what else."""

    gone: float = 0.01
    greylisted: float = 0.03
    reply_lost: float = 0.005
    dropped: float = 0.003
    dropped_at_data: float = 0.003
    refused_at_data: float = 0.003
    broken_off: float = 0.002
    slow: float = 0.005


CALM = Rates(*[0.0] * 8)
SLOW_SECONDS = 0.3
HOLD_SECONDS = 0.5


@dataclass(frozen=True)
class Front:
    """Once so many letters are kept, and for so many seconds, this befalls everybody."""

    kept: int
    seconds: float
    fault: Fault


def fronts(letters: int, seed: int) -> list[Front]:
    """Two storms of 421 and a full disk, in the middle of so many letters."""
    chance = random.Random(f"{seed} fronts")  # noqa: S311 - weather, not secrets
    kinds = (Fault.TURNED_AWAY, Fault.DISK_FULL, Fault.TURNED_AWAY)
    moments = sorted(chance.sample(range(letters // 10, letters * 9 // 10), len(kinds)))
    return [Front(moment, chance.uniform(0.5, 1.5), kind) for moment, kind in zip(moments, kinds, strict=True)]


@dataclass(frozen=True)
class Answer:
    """What befell an attempt at an address; `at` is monotonic."""

    address: str
    attempt: int
    fault: Fault
    at: float = field(default_factory=time.monotonic)


class Weather:
    """Decides for a sink. `rate`: no more letters a second than about this, over all connections (0: no limit)."""

    def __init__(
        self, sink: SmtpSink, seed: int, rates: Rates = CALM, coming: list[Front] | None = None, rate: float = 0
    ) -> None:
        self.sink = sink
        self.seed = seed
        self.rates = rates
        self.coming = list(coming or [])
        self.rate = rate
        self.answers: list[Answer] = []
        self.attempts: Counter[str] = Counter()
        self.present: dict[str, Fault] = {}
        self.unanswered: list[Received] = []
        self.holding = threading.Event()
        self.held: set[int] = set()
        self._front = Front(0, 0, Fault.NONE)
        self._clears_at = 0.0
        self._lock = threading.Lock()
        sink.reply_to_connection = self._connection
        sink.reply_to_sender = self._sender
        sink.reply_to_recipient = self._recipient
        sink.reply_to_data = self._data
        sink.reply_to_letter = self._letter

    @property
    def counted(self) -> Counter[str]:
        """How many attempts met what."""
        return Counter(answer.fault.value for answer in self.answers)

    def met(self, *faults: Fault) -> set[str]:
        """The addresses with an attempt that met one of these."""
        return {answer.address for answer in self.answers if answer.fault in faults}

    def is_gone(self, address: str) -> bool:
        """Whether an address is refused for good."""
        return self._drawn(address, 0) < self.rates.gone

    def fault(self, address: str, attempt: int) -> Fault:
        """What befalls an attempt, counted from 1, when no front passes."""
        if self.is_gone(address):
            return Fault.GONE
        if self._drawn(address, 0) < self.rates.gone + self.rates.greylisted and attempt <= self._deferrals(address):
            return Fault.GREYLISTED
        drawn = self._drawn(address, attempt)
        for fault, rate in self._each_time():
            drawn -= rate
            if drawn < 0:
                return fault
        return Fault.NONE

    def _each_time(self) -> list[tuple[Fault, float]]:
        return [
            (Fault.REPLY_LOST, self.rates.reply_lost),
            (Fault.DROPPED, self.rates.dropped),
            (Fault.DROPPED_AT_DATA, self.rates.dropped_at_data),
            (Fault.REFUSED_AT_DATA, self.rates.refused_at_data),
            (Fault.BROKEN_OFF, self.rates.broken_off),
            (Fault.SLOW, self.rates.slow),
        ]

    def _deferrals(self, address: str) -> int:
        return 1 if self._drawn(address, -1) < 0.7 else 2

    def _drawn(self, address: str, attempt: int) -> float:
        return random.Random(f"{self.seed} {address} {attempt}").random()  # noqa: S311 - weather, not secrets

    # What the sink asks, in its connections' threads

    def _connection(self) -> str:
        return "421 4.3.2 too many of you" if self._passing() is Fault.TURNED_AWAY else "220 sink"

    def _sender(self, _address: str) -> str:
        if self.rate:
            talking = sum(visit.is_open for visit in self.sink.visits[-50:])
            self.sink.latency = talking / self.rate / STEPS
        return "421 4.3.2 too many of you" if self._passing() is Fault.TURNED_AWAY else "250 2.1.0 ok"

    def _recipient(self, address: str) -> str:
        with self._lock:
            self.attempts[address] += 1
            attempt = self.attempts[address]
        fault = self.fault(address, attempt)
        if self._passing() is Fault.DISK_FULL and fault is not Fault.GONE:
            fault = Fault.DISK_FULL
        self.present[address] = fault
        self.answers.append(Answer(address, attempt, fault))
        replies = {
            Fault.GONE: "550 5.1.1 nobody here",
            Fault.GREYLISTED: "451 4.7.1 come again",
            Fault.DROPPED: HANG_UP,
        }
        return replies.get(fault, "250 2.1.5 ok")

    def _data(self, recipients: tuple[str, ...]) -> str:
        replies = {
            Fault.DROPPED_AT_DATA: HANG_UP,
            Fault.REFUSED_AT_DATA: "451 4.3.0 not now",
            Fault.BROKEN_OFF: BREAK_OFF,
        }
        return replies.get(self.present[recipients[0]], GO_ON)

    def _letter(self, received: Received) -> str:
        fault = self.present[received.recipients[0]]
        if fault is Fault.SLOW:
            self.sink.stopping.wait(SLOW_SECONDS)
        if self.holding.is_set():
            self._hold(received)
        if fault is Fault.REPLY_LOST:
            self.unanswered.append(received)
        replies = {Fault.REPLY_LOST: KEEP_AND_HANG_UP, Fault.DISK_FULL: "452 4.3.1 disk full"}
        return replies.get(fault, ACCEPT)

    def _hold(self, received: Received) -> None:
        """Its data has come, and its reply is late: a kill finds it in flight."""
        self.held.add(received.visit)
        deadline = time.monotonic() + HOLD_SECONDS
        while self.holding.is_set() and time.monotonic() < deadline:
            self.sink.stopping.wait(0.01)
        self.held.discard(received.visit)

    def _passing(self) -> Fault:
        """What befalls everybody now."""
        with self._lock:
            if self.coming and len(self.sink.letters) >= self.coming[0].kept:
                self._front = self.coming.pop(0)
                self._clears_at = time.monotonic() + self._front.seconds
            return self._front.fault if time.monotonic() < self._clears_at else Fault.NONE
