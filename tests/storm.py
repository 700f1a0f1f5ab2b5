"""A mailing through a storm: a faulty relay, kill -9, SIGSTOP past the lease, wishes, a second publishing.

Used by tests/test_storm.py in short and by benchmarks/storm.py at length. The truth is outside what is killed: what the
sink kept, on which connection, and what the weather over it answered.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from itertools import pairwise
from secrets import token_bytes

from flask import Flask
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign
from campaign.config import Config
from campaign.db import db
from campaign.importing import read_update
from campaign.links import UNSUBSCRIBE, link_signer
from campaign.mailing import operations
from campaign.mailing.models import Delivery, DeliveryState, Mailing, MailingState, News, Reader
from campaign.opening import Keyring
from campaign.sealing import EmailAddress, binding
from campaign.timeline.models import Update
from campaign.timeline.operations import AlreadyPublished, add_update, publish
from tests.kills import connections
from tests.nursery import Workers
from tests.servers import Postgres, Received, SmtpSink, Visit, until
from tests.stack import OK, Stack, update_file
from tests.weather import CALM, Fault, Rates, Weather, fronts

LEASE = 3
"""Seconds; a batch takes one, and a slow reply less than one more."""

PATIENCE = 2.0
"""Seconds after which a wish must be heeded, whatever was claimed before it."""

SETTLED = 120
"""Seconds after the last kill within which everything must have settled."""


@dataclass(frozen=True)
class Course:
    """What is done to whom.

    `rate`: letters a second that the relay takes, so that kills come in mid-mailing; `aimed`: which part of the kills
    waits until all connections have a letter in flight; `back_off`, `rest`: the worker's own waits, in seconds;
    `settled`: seconds after the last kill within which everything must have settled.
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


@contextmanager
def inside(stack: Stack) -> Iterator[Flask]:
    """The installation's app in this process."""
    app = create_app(Config.read(stack.environ))
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


class Storm:
    """One run. `server`: the PostgreSQL to kill, too."""

    def __init__(self, stack: Stack, sink: SmtpSink, course: Course, server: Postgres | None = None) -> None:
        stack.settings["CAMPAIGN_LEASE_SECONDS"] = str(LEASE)
        stack.settings["CAMPAIGN_SMTP_TIMEOUT"] = "2"
        self.stack = stack
        self.sink = sink
        self.course = course
        self.server = server
        self.chance = random.Random(course.seed)  # noqa: S311 - moments, not secrets
        self.weather = Weather(
            sink, course.seed, course.rates, fronts(course.readers, course.seed) if course.has_fronts else [],
            course.rate,
        )  # fmt: skip
        self.connections = connections(stack)
        self.people: list[Person] = []
        self.wishes: list[Wish] = []
        self.tally = Tally(course)
        self.has_ended = threading.Event()
        self.failures: list[BaseException] = []

    def run(self) -> Tally:
        """Fill, publish, strike, wish; let it settle; say what came of it."""
        waits = {"BACK_OFF": self.course.back_off, "REST": self.course.rest}
        self.workers = Workers(self.stack, waits, self.course.wrong)
        with self.workers, inside(self.stack) as self.app:
            self.people = add_people(self.stack, self.course.readers)
            began = time.monotonic()
            if self.course.wishes:
                self.stack.start_web()
            for number in range(self.course.workers):
                self.workers.start(f"worker{number}")
            self.file = update_file(self.stack.folder, kind="news", statuses={})
            self._publish()
            self._weather_it()
            self._judge()
            self.tally.seconds = time.monotonic() - began
            self.tally.last_letter = max((letter.at for letter in self.sink.letters), default=began) - began
        return self.tally

    def _publish(self) -> None:
        slug, draft = read_update(self.file)
        campaign = db.session.scalars(select(Campaign).where(Campaign.slug == slug)).one()
        publish(add_update(campaign, draft), clock.now())
        db.session.commit()  # nobody wakes the workers: they find it by themselves

    def _weather_it(self) -> None:
        beside = [self._beside(work) for work in (self._wish_on, self._publish_again)]
        try:
            self._strike_on()
            beside[1].join(60)
            with suppress(TimeoutError):
                until(self._is_done, self.course.settled, every=0.2)
                self.tally.is_done = True
        finally:
            self.has_ended.set()
            for thread in beside:
                thread.join(60)
        assert not self.failures, self.failures

    def _beside(self, work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                with self.app.app_context():
                    work()
            except BaseException as error:
                self.failures.append(error)

        thread = threading.Thread(target=run, name=work.__name__)
        thread.start()
        return thread

    def _await_letters(self, count: int, at_most: float) -> None:
        """Until so many are kept in all, or the run has ended, or so many seconds have passed."""
        with suppress(TimeoutError):
            until(lambda: len(self.sink.letters) >= count or self.has_ended.is_set(), at_most, every=0.005)

    # Strikes

    def _strike_on(self) -> None:
        """One strike after the other, spread over the mailing, each at a random moment."""
        kinds = self._kinds()
        gap = 0.8 * self.course.readers / max(1, len(kinds))
        for kind in kinds:
            self._revive()
            self._await_letters(len(self.sink.letters) + int(gap * self.chance.uniform(0.2, 1.2)) + 1, 30)
            self._choose_moment()
            self._strike(kind)
        self._revive()

    def _choose_moment(self) -> None:
        """Any moment; or the worst, when letters are in flight."""
        if self.chance.random() > self.course.aimed:
            time.sleep(self.chance.uniform(0, 0.02))
        else:
            self.weather.holding.set()
            with suppress(TimeoutError):
                until(lambda: len(self.weather.held) == sum(one.is_open for one in self.sink.visits[-200:]), 0.3)

    def _kinds(self) -> list[str]:
        databases = self.course.kills // 4 if self.server else 0
        kinds = ["worker"] * (self.course.kills - databases) + ["database"] * databases + ["stop"] * self.course.stops
        self.chance.shuffle(kinds)
        return kinds

    def _strike(self, kind: str) -> None:
        name = "" if kind == "database" else self._victim()
        if name:
            self.workers.stop(name)  # what it has open does not change while we look
            self.weather.holding.clear()
            visits = self.workers.visits(name, self.sink)
            bound = len(visits) if kind == "worker" else self.connections
        else:
            visits = [visit for visit in self.sink.visits[-200:] if visit.is_open]
            bound = self.connections * self.course.workers
        strike = Strike(kind, name, visits, bound)
        self.tally.strikes.append(strike)
        {"worker": self._kill_worker, "database": self._kill_database, "stop": self._stop_worker}[kind](name)
        strike.ended = time.monotonic()

    def _victim(self) -> str:
        """One of the workers that are sending, if any is."""
        names = sorted(self.workers.pids)
        return self.chance.choice([name for name in names if self.workers.visits(name, self.sink)] or names)

    def _kill_worker(self, name: str) -> None:
        self.workers.kill9(name)
        self.workers.start(name)

    def _kill_database(self, _name: str) -> None:
        assert self.server is not None
        self.server.kill9()
        self.weather.holding.clear()
        self.server.start()

    def _stop_worker(self, name: str) -> None:
        self.has_ended.wait(LEASE + 1.5)
        self.workers.go_on(name)

    def _revive(self) -> None:
        for name in tuple(self.workers.pids):
            if self.workers.has_died(name):
                self.tally.died += 1
                self.workers.pids.pop(name)
                self.workers.start(name)

    # Wishes, and a second publishing

    def _wish_on(self) -> None:
        """People unsubscribe, and addresses get suppressed: the next to be written to, and any later ones."""
        chance = random.Random(f"{self.course.seed} wishes")  # noqa: S311 - moments, not secrets
        chosen: set[int] = set()
        for number in range(self.course.wishes):
            self._await_letters(1 + int(0.85 * self.course.readers * number / self.course.wishes), 20)
            written = {letter.recipients[0] for letter in tuple(self.sink.letters)}
            waiting = [one for one in self.people if one.address not in written and one.number not in chosen]
            if self.has_ended.is_set() or not waiting:
                return
            person = chance.choice(waiting[:100] if chance.random() < 0.6 else waiting)
            chosen.add(person.number)
            self._wish(person, chance.choice(("unsubscribe", "suppress")))

    def _wish(self, person: Person, kind: str) -> None:
        def is_acknowledged() -> bool | None:
            if kind == "suppress":
                operations.suppress(person.suppression_key, "bounced", clock.now())
                db.session.commit()
                return True
            with suppress(OSError, HTTPException):
                return self.stack.post(person.unsubscribe).status == OK or None
            return None

        if self._insist(is_acknowledged):
            self.wishes.append(Wish(person.address, kind, time.monotonic()))

    def _publish_again(self) -> None:
        """By command and by calling the operations: each must be refused; and spreading once more makes nothing."""
        if not self.course.is_published_again:
            return
        self._await_letters(self.course.readers // 3, 60)
        for again in (self._command_again, self._operation_again, self._posting_again, self._spreading_again):
            if self._insist(again) is not True:
                self.tally.second_publishing.append(again.__name__)

    def _command_again(self) -> bool | None:
        finished = self.stack.try_run("publish", str(self.file), "--yes")
        if "already" in finished.errors:
            return True
        return False if finished.status == 0 else None  # the database was away

    def _operation_again(self) -> bool:
        update = db.session.scalars(select(Update).order_by(Update.id.desc()).limit(1)).one()
        try:
            publish(update, clock.now())
            db.session.commit()
        except AlreadyPublished:
            db.session.rollback()
            return True
        return False

    def _posting_again(self) -> bool:
        mailing = self._mailing()
        try:
            operations.post(mailing.campaign_id, mailing.update_id, is_status=mailing.is_status, now=clock.now())
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            return True
        return False

    def _spreading_again(self) -> bool:
        self._mailing().spread_to = 0
        db.session.commit()
        return True

    def _insist(self, action: Callable[[], bool | None]) -> bool | None:
        """Until there is an answer; None if the run has ended before. The database may be away meanwhile."""
        while True:
            with suppress(OperationalError):
                if (answer := action()) is not None:
                    return answer
            with suppress(OperationalError):
                db.session.rollback()
            if self.has_ended.wait(0.05):
                return None

    # What came of it

    def _mailing(self) -> Mailing:
        return db.session.scalars(select(Mailing).order_by(Mailing.id).limit(1)).one()

    def _is_done(self) -> bool:
        """Whether nothing is left to send; a mailing that the worker paused is resumed, as an organizer would do."""
        self._revive()
        with suppress(OperationalError):
            try:
                mailings = db.session.scalars(select(Mailing)).all()
                for mailing in mailings:
                    if mailing.state == MailingState.PAUSED:
                        self.tally.resumed += 1
                        operations.resume(mailing)
                is_done = all(mailing.state == MailingState.DONE for mailing in mailings)
                db.session.commit()
                return is_done
            finally:
                db.session.rollback()  # reading takes the write lock on SQLite
        return False

    def _judge(self) -> None:
        tally, letters = self.tally, tuple(self.sink.letters)
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
        db.session.rollback()
        for fingerprint, state in db.session.execute(select(Reader.fingerprint, Delivery.state).join(Delivery.reader)):
            address = by_fingerprint[fingerprint]
            self.tally.states[state] += 1
            if address not in allowed.get(DeliveryState(state), set()):
                self.tally.wrong_states[address] = state


def add_people(stack: Stack, count: int) -> list[Person]:
    """Add readers who confirmed and want all news, in two languages, with addresses that open."""
    keys = Keyring.read(Config.read(stack.environ))
    campaign_id = db.session.scalars(select(Campaign.id)).one()
    signer = link_signer()
    people, rows = [], []
    for number in range(count):
        address = EmailAddress(f"reader{number}", f"d{number % 7}.example.org")
        fingerprint, handle = keys.fingerprint(address, campaign_id), token_bytes(16)
        unsubscribe = f"/en/unsubscribe/{signer.sign(UNSUBSCRIBE, handle)}"
        people.append(Person(number, str(address), fingerprint, keys.suppression_key(address), unsubscribe))
        rows.append(
            {
                "campaign_id": campaign_id,
                "handle": handle,
                "sealed_address": keys.sealer.seal(str(address).encode(), binding("reader", campaign_id, fingerprint)),
                "fingerprint": fingerprint,
                "locale": "ur" if number % 5 == 0 else "en",
                "news": News.ALL,
                "created_at": clock.now(),
                "confirmed_at": clock.now(),
            }
        )
    db.session.execute(insert(Reader), rows)
    db.session.commit()
    return people


def run(stack: Stack, sink: SmtpSink, course: Course, server: Postgres | None = None) -> Tally:
    """Send a mailing through a storm; says what came of it."""
    return Storm(stack, sink, course, server).run()


def with_wrong(course: Course, wrong: str) -> Course:
    """The same course for a worker of tests/wrong.py."""
    return replace(course, wrong=wrong)
