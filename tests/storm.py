"""A mailing through a storm: a faulty relay, kill -9, SIGSTOP past the lease, wishes, a second publishing.

Used by tests/test_storm.py in short and by benchmarks/storm.py at length. The truth is outside what is killed: what the
sink kept, on which connection, and what the weather over it answered.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from secrets import token_bytes

from flask import Flask
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign
from campaign.config import Config
from campaign.db import db
from campaign.importing import read_update
from campaign.links import UNSUBSCRIBE, link_signer
from campaign.mailing import operations, posting
from campaign.mailing.models import Delivery, Mailing, MailingState, News, Reader
from campaign.opening import Keyring
from campaign.sealing import EmailAddress, binding
from campaign.timeline.models import Update
from campaign.timeline.operations import AlreadyPublished, add_update, publish
from tests.kills import connections
from tests.nursery import Workers
from tests.servers import Postgres, SmtpSink, until
from tests.stack import OK, Stack, update_file
from tests.tally import Course, Judge, Person, Strike, Tally, Wish
from tests.weather import Weather, fronts

LEASE = 6
"""Seconds; a batch takes one, and a slow reply less than one more."""


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
        waits = {"BACK_OFF": self.course.back_off, "REST": self.course.rest, "DOUBLES_IN": self.course.doubles_in}
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
            states = db.session.execute(select(Reader.fingerprint, Delivery.state).join(Delivery.reader)).all()
            Judge(self.tally, self.people, self.wishes, self.sink.letters, self.weather, states).judge()
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
            if not self.course.wrong:
                self.weather.rate = self.sink.latency = 0  # the rest as fast as it goes
            self.tally.is_done = self._settles()
        finally:
            self.has_ended.set()
            for thread in beside:
                thread.join(60)
        assert not self.failures, self.failures

    def _settles(self) -> bool:
        """Wait until nothing is left to send; says False when nothing has moved for too long."""
        kept = -1
        while kept < len(self.sink.letters):
            kept = len(self.sink.letters)
            with suppress(TimeoutError):
                return until(self._is_done, self.course.settled, every=0.2)
            if self.course.wrong:
                break  # it may go on for ever
        return False

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
        if kinds:
            self._await_letters(1, 30)  # a worker that has sent nothing yet shows nothing
        gap = 0.8 * self.course.readers / max(1, len(kinds))
        for kind in kinds:
            self._revive()
            self._await_turn(len(self.sink.letters) + int(gap * self.chance.uniform(0.2, 1.2)) + 1)
            self._choose_moment()
            self._strike(kind)
        self._revive()

    def _await_turn(self, count: int) -> None:
        """Until so many letters are kept in all, or no more will come."""
        for _ in range(30):
            self._await_letters(count, 1)
            if len(self.sink.letters) >= count or self._is_done():
                return

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
        name = "" if kind == "database" else self._stop_fullest() if kind == "stop" else self._stop_one()
        if name:
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

    def _stop_fullest(self) -> str:
        """Stop the worker with most letters in its hands, which are anybody's after its lease.

        On SQLite it is not stopped while it writes: for so long, nobody else could.
        """
        while True:
            with suppress(TimeoutError):
                until(lambda: any(self._held(name) > 3 * self.connections for name in self.workers.pids), 3, every=0.01)
            name = max(sorted(self.workers.pids), key=self._held)
            self.workers.stop(name)
            if not self._is_locked():
                return name
            self.workers.go_on(name)

    def _is_locked(self) -> bool:
        if not self.stack.database_url.startswith("sqlite"):
            return False
        file = self.stack.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file, timeout=1)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE").close()
            except sqlite3.OperationalError:
                return True
        return False

    def _held(self, name: str) -> int:
        """How many letters a worker has claimed; as if there were one, while the database is away."""
        held = select(func.count()).where(Delivery.owner.like(f"{self.workers.pids[name]}-%"))
        with suppress(OperationalError):
            try:
                return db.session.scalar(held) or 0
            finally:
                db.session.rollback()  # reading takes the write lock on SQLite
        return 1

    def _stop_one(self) -> str:
        """Stop one of the workers that are sending, if any is: what it has open does not change while we look."""
        names = sorted(self.workers.pids)
        name = self.chance.choice([name for name in names if self.workers.visits(name, self.sink)] or names)
        self.workers.stop(name)
        return name

    def _kill_worker(self, name: str) -> None:
        self.workers.kill9(name)
        self.workers.start(name)

    def _kill_database(self, _name: str) -> None:
        assert self.server is not None
        self.server.kill9()
        self.weather.holding.clear()
        self.server.start()

    def _stop_worker(self, name: str) -> None:
        self.has_ended.wait(LEASE)
        with suppress(TimeoutError):
            until(lambda: not self._held(name), 20, every=0.1)
        self.has_ended.wait(3)  # so that others have sent what it held
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
            posting.post(mailing.campaign_id, mailing.update_id, is_status=mailing.is_status, now=clock.now())
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
                        posting.resume(mailing)
                is_done = all(mailing.state == MailingState.DONE for mailing in mailings)
                db.session.commit()
                return is_done
            finally:
                db.session.rollback()  # reading takes the write lock on SQLite
        return False


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
