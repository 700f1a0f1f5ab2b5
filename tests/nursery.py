"""The workers of a storm: stopped, killed and started again in no time; some of them wrong on purpose."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Self

from campaign.cli import main as command
from tests import wrong
from tests.programs import Forked, Streams
from tests.servers import LOOPBACK, SmtpSink, Visit, living_processes, until
from tests.stack import Stack

ESTABLISHED = "01"


def work(waits: Mapping[str, float], wrong_way: str) -> None:
    """What `campaign worker` does, but for its waits and what is wrong with it, if anything is (tests/wrong.py)."""
    for name, seconds in waits.items():
        wrong.replace_everywhere(name, timedelta(seconds=seconds))
    if wrong_way:
        wrong.make(wrong_way)
    command(["worker"])


@dataclass
class Workers:
    """The workers of one installation, by name; a context that leaves none behind.

    `waits`: seconds after a refusal for now (BACK_OFF), after the relay was away (REST), until a pace that was halved
    is what it was (DOUBLES_IN). `wrong`: one of tests/wrong.py.
    """

    stack: Stack
    waits: dict[str, float] = field(default_factory=dict)
    wrong: str = ""
    pids: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for name in tuple(self.pids):
            self.kill9(name)

    def start(self, name: str) -> None:
        """Fork a worker, and return at once."""
        log = self.stack.logs / f"{name}.log"
        worker = partial(work, self.waits, self.wrong)
        self.pids[name] = Forked(worker, self.stack.environ, Streams(output=log, errors=log)).pid

    def has_died(self, name: str) -> bool:
        """Whether it ended by itself."""
        return self.pids[name] not in {process.pid for process in living_processes()}

    def kill9(self, name: str) -> None:
        """SIGKILL, and return when it is gone."""
        pid = self.pids.pop(name)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until(lambda: pid not in {process.pid for process in living_processes()})

    def stop(self, name: str) -> None:
        """SIGSTOP, and return when it stands."""
        pid = self.pids[name]
        os.kill(pid, signal.SIGSTOP)
        until(lambda: all(process.state == "T" for process in living_processes() if process.pid == pid))

    def go_on(self, name: str) -> None:
        """SIGCONT."""
        os.kill(self.pids[name], signal.SIGCONT)

    def visits(self, name: str, sink: SmtpSink) -> list[Visit]:
        """The connections to the sink that a worker has open."""
        ports = _ports(self.pids[name], sink.port)
        return [visit for visit in sink.visits[-200:] if visit.is_open and visit.port in ports]


def _ports(pid: int, to: int) -> set[int]:
    """The ports from which a process talks to one of the loopback's (Linux)."""
    inodes = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(os.readlink(path).removeprefix("socket:[").removesuffix("]"))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    there = f"{bytes(reversed([int(part) for part in LOOPBACK.split('.')])).hex().upper()}:{to:04X}"
    talking = (line for line in lines if line[2] == there and line[3] == ESTABLISHED and line[9] in inodes)
    return {int(line[1].partition(":")[2], 16) for line in talking}
