"""Workers forked from a process that has imported everything, so that many can be killed in little time.

`python -m tests.nursery` reads an order a line (JSON: environment, log, waits, wrong), forks a worker, and answers with
its process id. What the worker does is what `campaign worker` does, but for its waits: seconds after a refusal for now
(BACK_OFF), after the relay was away (REST), until a pace that was halved is what it was (DOUBLES_IN). `wrong`: one of
tests/wrong.py, for a worker that is wrong on purpose.
"""

import atexit
import ctypes
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Self

from tests.servers import LOOPBACK, SmtpSink, Visit, living_processes, until
from tests.stack import COMPILED, ROOT, Stack

PR_SET_PDEATHSIG = 1
ESTABLISHED = "01"


class Nursery:
    """The process that forks. It ends with this one, and its workers with it."""

    def __init__(self) -> None:
        environ = os.environ | {"PYTHONPYCACHEPREFIX": str(COMPILED)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"], cwd=ROOT, env=environ, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        atexit.register(self._process.communicate)

    def fork(self, order: dict[str, object]) -> int:
        """Fork a worker; its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(order)}\n".encode())
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the nursery has ended"
        return int(answer)


@cache
def nursery() -> Nursery:
    """The one of this process."""
    return Nursery()


@dataclass
class Workers:
    """The workers of one installation, by name; a context that leaves none behind."""

    stack: Stack
    waits: dict[str, float] = field(default_factory=dict)
    wrong: str = ""
    pids: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        nursery()
        return self

    def __exit__(self, *_error: object) -> None:
        for name in tuple(self.pids):
            self.kill9(name)

    def start(self, name: str) -> None:
        """Fork a worker, and return at once."""
        log = str(self.stack.logs / f"{name}.log")
        order = {"environ": self.stack.environ, "log": log, "waits": self.waits, "wrong": self.wrong}
        self.pids[name] = nursery().fork(order)

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


def main() -> None:
    """Fork until told nothing more; then the workers die, too."""
    command = import_module("campaign.cli").main
    wrong = import_module("tests.wrong")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # none stays as a zombie
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            order = json.loads(line)
            _become_worker(order["environ"], order["log"])
            for name, seconds in order["waits"].items():
                wrong.replace_everywhere(name, timedelta(seconds=seconds))
            if order["wrong"]:
                wrong.make(order["wrong"])
            command(["worker"])
        print(pid, flush=True)


def _become_worker(environ: dict[str, str], log: str) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environ)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(old, new)


if __name__ == "__main__":
    main()
