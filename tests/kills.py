"""Kill -9 at random moments, while people sign and letters go out; then count what is there.

Used by tests/test_kills.py in short and by benchmarks/kills.py at length. The truth is outside what is killed: what the
web acknowledged to this process, and what the sink took in.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from pathlib import Path

from campaign.config import Config
from tests.letters_in import read
from tests.servers import Postgres, Received, SmtpSink, until
from tests.stack import SEE_OTHER, SIGNER, Stack, update_file

PAUSE = (0.02, 0.6)
"""Seconds between a start and the kill that follows."""

WEIGHT = {"web": 4, "worker": 3, "database": 3}
"""How often each is killed, in relation; a worker takes longest to start again."""

AT_ONCE = 50
"""How many a person of ours leaves unconfirmed before signing for more."""

SETTLED = 90
"""Seconds after the last kill within which everything must have settled."""


@dataclass
class Signers:
    """People who sign and confirm without a pause, and remember what was acknowledged."""

    stack: Stack
    sink: SmtpSink
    prefix: str
    stopping: threading.Event = field(default_factory=threading.Event)
    signed: set[str] = field(default_factory=set)
    confirmed: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)

    def run(self) -> None:
        """Sign until told to stop; a refused or broken-off request is no acknowledgement."""
        for number in count():
            if self.stopping.is_set():
                return
            self.confirm_some()
            if len(self.signed) - len(self.confirmed) > AT_ONCE:
                self.stopping.wait(0.05)
                continue
            address = f"{self.prefix}{number}@example.org"
            with suppress(OSError, HTTPException):
                answer = self.stack.post(
                    "/en/release-test/sign", SIGNER | {"email": address, "name": f"Signer {number}"}
                )
                if answer.status == SEE_OTHER:
                    self.signed.add(address)

    def confirm_some(self, at_most: int = 5) -> None:
        """Confirm what has come and is not confirmed yet."""
        for address, link in self.links(at_most).items():
            with suppress(OSError, HTTPException):
                status = self.stack.post(link).status
                self.answers[status] += 1
                if status == SEE_OTHER:
                    self.confirmed.add(address)

    def is_through(self) -> bool:
        """Whether all that was acknowledged is confirmed, after another try."""
        self.confirm_some(at_most=AT_ONCE)
        return self.signed <= self.confirmed

    def links(self, at_most: int) -> dict[str, str]:
        """Links that came by letter to those who have not confirmed."""
        found = {}
        for received in tuple(self.sink.letters):
            address = received.recipients[0]
            if address.startswith(self.prefix) and address not in self.confirmed and is_confirmation(received):
                found[address] = read(received.content).link("/confirm/")
            if len(found) == at_most:
                break
        return found


@dataclass
class Tally:
    """What a run of kills came to."""

    kills: Counter[str]
    signed: int
    confirmed: int
    counted: int
    lost_signatures: set[str]
    lost_letters: set[str]
    repeated: int
    may_repeat: int
    answers: Counter[int]


def is_confirmation(received: Received) -> bool:
    """Whether a letter asks for a confirmation."""
    return b"Please_confirm_your_signature" in received.content


def kill_at_random(stack: Stack, restarts: dict[str, Callable[[], None]], kills: int, seed: int) -> Counter[str]:
    """Kill one of the processes after the other, each at a random moment, and start it again."""
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    killed: Counter[str] = Counter()
    names = [name for name in sorted(restarts) for _ in range(WEIGHT[name])]
    for _ in range(kills):
        name = chance.choice(names)
        time.sleep(chance.uniform(*PAUSE))  # the moment is what is random
        restarts[name]()
        killed[name] += 1
    return killed


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def connections(stack: Stack) -> int:
    """How many connections to the relay a worker has: so many letters may be in flight when it is killed."""
    return int(getattr(Config.read(stack.environ), "relay_connections", 1))


def restarts_of(stack: Stack, postgres: Postgres | None) -> dict[str, Callable[[], None]]:
    """How each process is killed and started again."""

    def web() -> None:
        for process in children(stack.pid("web")):
            os.kill(process, signal.SIGKILL)  # the master makes a new one

    def worker() -> None:
        stack.kill9("worker")
        stack.start_worker()

    def database() -> None:
        assert postgres is not None
        postgres.kill9()
        postgres.start()

    found: dict[str, Callable[[], None]] = {"web": web, "worker": worker}
    return found | {"database": database} if postgres else found


def run(stack: Stack, sink: SmtpSink, kills: int, *, postgres: Postgres | None = None, seed: int = 1) -> Tally:
    """Sign, kill, publish in the middle, kill on; let it settle; say what came of it."""
    stack.start_web(2, "--preload")
    stack.start_worker()
    signers = [Signers(stack, sink, f"s{number}x") for number in range(2)]
    threads = [threading.Thread(target=signer.run, name=signer.prefix) for signer in signers]
    for thread in threads:
        thread.start()
    restarts = restarts_of(stack, postgres)
    try:
        killed = kill_at_random(stack, restarts, kills // 2, seed)
        owed = set().union(*(set(signer.confirmed) for signer in signers))
        published = str(update_file(stack.folder, kind="news", statuses={}))
        until(lambda: stack.try_run("publish", published, "--yes").status == 0 or is_published(stack), 60)
        killed += kill_at_random(stack, restarts, kills - kills // 2, seed + 1)
    finally:
        for signer in signers:
            signer.stopping.set()
        for thread in threads:
            thread.join(60)
    return settle(stack, sink, signers, owed, killed)


def is_published(stack: Stack) -> bool:
    """Whether the update stands, though the command's answer was lost."""
    return "number 2" in stack.try_run("mailings").output


def settle(stack: Stack, sink: SmtpSink, signers: list[Signers], owed: set[str], kills: Counter[str]) -> Tally:
    """Confirm the rest, wait until nothing is owed, and compare with what was acknowledged."""
    with suppress(TimeoutError):
        until(lambda: all(signer.is_through() for signer in signers), SETTLED, every=0.2)
    signed = set().union(*(signer.signed for signer in signers))
    confirmed = set().union(*(signer.confirmed for signer in signers))
    with suppress(TimeoutError):
        until(lambda: stack.count() == len(confirmed) and "done" in stack.run("mailings"), SETTLED, every=0.5)
    letters = Counter((letter.recipients[0], is_confirmation(letter)) for letter in sink.letters)
    asked = {address for address, is_asking in letters if is_asking}
    return Tally(
        kills=kills,
        signed=len(signed),
        confirmed=len(confirmed),
        counted=stack.count(),
        lost_signatures=signed - asked,
        lost_letters=owed - {address for address, is_asking in letters if not is_asking},
        repeated=sum(number - 1 for number in letters.values()),
        may_repeat=(kills["worker"] + kills["database"]) * connections(stack),
        answers=sum((signer.answers for signer in signers), Counter()),
    )
