"""What came of a storm: the truth of the sink against what was promised; each thing that must not be has a word."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from campaign.mailing.models import DeliveryState
from tests.servers import Received, Visit
from tests.weather import CALM, Fault, Rates, Weather

PATIENCE = 2.0
"""Seconds after which a wish must be heeded, whatever was claimed before it."""

SETTLED = 120
"""Seconds after the last kill, and without another letter, within which everything must have settled."""


@dataclass(frozen=True)
class Course:
    """What is done to whom.

    `rate`: letters a second that the relay takes, so that kills come in mid-mailing; `aimed`: which part of the kills
    waits until all connections have a letter in flight; `back_off`, `rest`, `doubles_in`: the worker's own waits, in
    seconds; `settled`: seconds after the last kill, and without another letter, in which everything must have settled.
    """

    readers: int
    kills: int = 0
    stops: int = 0
    wishes: int = 0
    workers: int = 1
    seed: int = 1
    rates: Rates = field(default_factory=Rates)
    has_fronts: bool = True
    is_published_again: bool = True
    aimed: float = 0.5
    rate: float = 0
    back_off: float = 1
    rest: float = 0.3
    doubles_in: float = 1
    settled: float = SETTLED
    wrong: str = ""


def calm(readers: int, **others: object) -> Course:
    """A small course in good weather."""
    quiet: dict[str, object] = {"rates": CALM, "has_fronts": False, "is_published_again": False}
    return Course(readers, **(quiet | others))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Person:
    """A confirmed reader of everything, and where one unsubscribes."""

    number: int
    address: str
    fingerprint: bytes
    suppression_key: bytes
    unsubscribe: str


@dataclass(frozen=True)
class Repeat:
    """A letter that was kept twice."""

    first: Received
    second: Received


@dataclass
class Strike:
    """A kill or a stop, the connections it hit, and at most how many letters it may repeat; times are monotonic."""

    kind: str
    name: str
    visits: list[Visit]
    bound: int
    began: float = field(default_factory=time.monotonic)
    ended: float = float("inf")
    repeats: list[Repeat] = field(default_factory=list)

    def explains(self, repeat: Repeat) -> bool:
        """Whether a letter came twice because of this: it was in flight then."""
        first, second = repeat.first, repeat.second
        if self.kind == "database":
            return self.began - 1 <= first.at <= self.ended + 1 and second.at >= self.began
        if self.kind == "stop":
            numbers = {visit.number for visit in self.visits}
            is_ours = not numbers.isdisjoint((first.visit, second.visit))
            return is_ours and first.at <= self.ended + 1 and second.at >= self.began
        return any(visit.last is first for visit in self.visits)


@dataclass(frozen=True)
class Wish:
    """That nothing more comes to an address, acknowledged at this monotonic time."""

    address: str
    kind: str
    at: float


@dataclass
class Tally:
    """What came of it; `complaints` says what must not be."""

    course: Course
    owed: int = 0
    kept: int = 0
    refused: int = 0
    lost: set[str] = field(default_factory=set)
    unknowable: set[str] = field(default_factory=set)
    strikes: list[Strike] = field(default_factory=list)
    after_lost_reply: list[Repeat] = field(default_factory=list)
    unexplained: list[Repeat] = field(default_factory=list)
    told_twice: set[str] = field(default_factory=set)
    wishes: int = 0
    spared: int = 0
    too_late: dict[str, float] = field(default_factory=dict)
    slowest_wish: float = 0
    second_publishing: list[str] = field(default_factory=list)
    weather: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    wrong_states: dict[str, str] = field(default_factory=dict)
    resumed: int = 0
    died: int = 0
    is_done: bool = False
    seconds: float = 0
    last_letter: float = 0

    @property
    def repeated(self) -> int:
        """Letters that were kept a second time."""
        return sum(len(strike.repeats) for strike in self.strikes) + len(self.after_lost_reply) + len(self.unexplained)

    @property
    def complaints(self) -> set[str]:
        """What is wrong, in a word each."""
        found = {
            "lost": bool(self.lost),
            "repeated": bool(self.unexplained) or any(len(one.repeats) > one.bound for one in self.strikes),
            "told twice": bool(self.told_twice),
            "wishes": bool(self.too_late),
            "published again": any(self.second_publishing),
            "states": bool(self.wrong_states),
            "not done": not self.is_done,
        }
        return {word for word, is_so in found.items() if is_so}

    def _told(self, repeat: Repeat) -> str:
        """When and on which connections a letter came twice, in seconds after each strike that was near."""
        near = [f"{one.kind} {one.name} {repeat.first.at - one.began:+.2f} {repeat.second.at - one.began:+.2f} "
                f"on {[visit.number for visit in one.visits]}, {one.ended - one.began:.1f} s"
                for one in self.strikes if abs(repeat.first.at - one.began) < 10]  # fmt: skip
        return f"on {repeat.first.visit} and {repeat.second.visit}: {'; '.join(near)}"

    def __str__(self) -> str:
        struck = Counter(strike.kind for strike in self.strikes)
        by_kind = {
            kind: f"{sum(len(one.repeats) for one in self.strikes if one.kind == kind)} repeated, "
            f"{max(len(one.repeats) for one in self.strikes if one.kind == kind)} at most by one, "
            f"bound {max(one.bound for one in self.strikes if one.kind == kind)}"
            for kind in struck
        }
        lines = [
            f"seed {self.course.seed}: {self.course.readers} readers, {self.course.workers} workers, "
            f"{self.seconds:.0f} s, {self.last_letter:.0f} s of them until the last letter",
            f"kept {self.kept}, refused {self.refused}; owed {self.owed}, lost {len(self.lost)}, "
            f"broken off in the data and so unknown to anybody {len(self.unknowable)}",
            f"repeated {self.repeated}: unexplained {len(self.unexplained)}, "
            f"after a lost reply {len(self.after_lost_reply)}",
            *(f"  {struck[kind]} × {kind}: {said}" for kind, said in by_kind.items()),
            f"wishes {self.wishes}: {self.spared} spared, {len(self.too_late)} too late, "
            f"the slowest heeded after {self.slowest_wish:.2f} s",
            f"told twice {len(self.told_twice)}; second publishing: {self.second_publishing or 'none'}",
            *(f"  unexplained: {self._told(repeat)}" for repeat in self.unexplained[:20]),
            f"weather {dict(sorted(self.weather.items()))}",
            f"states {dict(sorted(self.states.items()))}, wrong {len(self.wrong_states)}",
            f"paused and resumed {self.resumed}, workers that ended by themselves {self.died}",
            f"complaints: {', '.join(sorted(self.complaints)) or 'none'}",
        ]
        return "\n".join(lines)


@dataclass
class Judge:
    """Compares what the sink kept and the database says (`states`, by fingerprint) with who was owed what."""

    tally: Tally
    people: Sequence[Person]
    wishes: Sequence[Wish]
    letters: Sequence[Received]
    weather: Weather
    states: Sequence[tuple[bytes, str]]

    def judge(self) -> None:
        """Fill the tally."""
        tally, letters = self.tally, self.letters
        arrivals: dict[str, list[Received]] = {}
        for letter in letters:
            arrivals.setdefault(letter.recipients[0], []).append(letter)
        gone = {person.address for person in self.people if self.weather.is_gone(person.address)}
        wished = {wish.address for wish in self.wishes}
        owed = {person.address for person in self.people} - gone - wished
        tally.kept, tally.owed, tally.refused = len(letters), len(owed), len(gone)
        tally.unknowable = self.weather.met(Fault.BROKEN_OFF) - set(arrivals)
        tally.lost = owed - set(arrivals) - tally.unknowable
        tally.told_twice = {to for to, came in arrivals.items() if len({one.message_id for one in came}) > 1}
        tally.weather = self.weather.counted
        for came in arrivals.values():
            for first, second in pairwise(came):
                self._attribute(Repeat(first, second))
        self._judge_wishes(arrivals)
        self._judge_states(set(arrivals), wished, gone)

    def _attribute(self, repeat: Repeat) -> None:
        """Write a repeated letter down to what explains it, the most exact first."""
        if repeat.first in self.weather.unanswered:
            self.tally.after_lost_reply.append(repeat)
            return
        for kind in ("worker", "stop", "database"):
            for strike in self.tally.strikes:
                if strike.kind == kind and strike.explains(repeat):
                    strike.repeats.append(repeat)
                    return
        self.tally.unexplained.append(repeat)

    def _judge_wishes(self, arrivals: dict[str, list[Received]]) -> None:
        tally = self.tally
        tally.wishes = len(self.wishes)
        tally.spared = sum(wish.address not in arrivals for wish in self.wishes)
        for wish in self.wishes:
            for letter in arrivals.get(wish.address, []):
                delay = letter.at - wish.at
                tally.slowest_wish = max(tally.slowest_wish, delay)
                if delay > PATIENCE and not self._was_in_hand(letter):
                    tally.too_late[wish.address] = delay

    def _was_in_hand(self, letter: Received) -> bool:
        """Whether it was the one that a stopped worker was just sending."""
        stops = (strike for strike in self.tally.strikes if strike.kind == "stop")
        return any(
            letter.visit in {visit.number for visit in one.visits} and letter.at < one.ended + 1 for one in stops
        )

    def _judge_states(self, kept: set[str], wished: set[str], gone: set[str]) -> None:
        """What the database says must not contradict what the sink saw."""
        may_be_unknown = self.weather.met(Fault.REPLY_LOST, Fault.BROKEN_OFF)
        allowed = {
            DeliveryState.SENT: kept,
            DeliveryState.FAILED: gone,
            DeliveryState.SKIPPED: wished | gone,
            DeliveryState.UNCERTAIN: may_be_unknown,
        }
        by_fingerprint = {person.fingerprint: person.address for person in self.people}
        for fingerprint, state in self.states:
            address = by_fingerprint[fingerprint]
            self.tally.states[state] += 1
            if address not in allowed.get(DeliveryState(state), set()):
                self.tally.wrong_states[address] = state
