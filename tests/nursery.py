"""Workers forked from a process that has imported everything, so that many can be killed in little time.

`python -m tests.nursery BACK_OFF REST [WRONG]`: reads the file of a log per line, forks a worker that writes there, and
answers with its process id. What the worker does is what `campaign worker` does, but for its waits: seconds after a
refusal for now and after the relay was away. WRONG: one of tests/wrong.py, for a worker that is wrong on purpose.
"""

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Self

from tests.servers import LOOPBACK, SmtpSink, Visit, living_processes, until
from tests.stack import ROOT, Stack

PR_SET_PDEATHSIG = 1
ESTABLISHED = "01"
WAITS = ("BACK_OFF", "RELAY_REST")


class Nursery:
    """The workers of one installation, by name; a context that leaves none behind."""

    def __init__(self, stack: Stack, back_off: float, rest: float, wrong: str = "") -> None:
        self.stack = stack
        self.arguments = [str(back_off), str(rest), wrong]
        self.workers: dict[str, int] = {}

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.nursery", *self.arguments]
        with (self.stack.logs / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self.stack.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        return self

    def __exit__(self, *_error: object) -> None:
        for name in tuple(self.workers):
            self.kill9(name)
        self._process.communicate(timeout=10)

    def start(self, name: str) -> None:
        """Fork a worker, and return at once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{self.stack.logs / f'{name}.log'}\n".encode())
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"no nursery:\n{self.stack.log('nursery')[-3000:]}"
        self.workers[name] = int(answer)

    def is_ready(self, name: str, times: int = 1) -> bool:
        """Whether it has said so, over all its lives."""
        return self.stack.log(name).count("worker ready") >= times

    def has_died(self, name: str) -> bool:
        """Whether it ended by itself."""
        return self.workers[name] not in {process.pid for process in living_processes()}

    def kill9(self, name: str) -> None:
        """SIGKILL, and return when it is gone."""
        pid = self.workers.pop(name)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until(lambda: pid not in {process.pid for process in living_processes()})

    def stop(self, name: str) -> None:
        """SIGSTOP, and return when it stands."""
        pid = self.workers[name]
        os.kill(pid, signal.SIGSTOP)
        until(lambda: all(process.state == "T" for process in living_processes() if process.pid == pid))

    def go_on(self, name: str) -> None:
        """SIGCONT."""
        os.kill(self.workers[name], signal.SIGCONT)

    def visits(self, name: str, sink: SmtpSink) -> list[Visit]:
        """The connections to the sink that a worker has open."""
        ports = _ports(self.workers[name], sink.port)
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


def main(back_off: str, rest: str, wrong: str) -> None:
    """Fork until told nothing more; then the workers die, too."""
    if wrong:
        import_module("tests.wrong").make(wrong)
    command = import_module("campaign.cli").main
    _shorten({"BACK_OFF": timedelta(seconds=float(back_off)), "RELAY_REST": timedelta(seconds=float(rest))})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # none stays as a zombie
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become_worker(line.strip())
            command(["worker"])
        print(pid, flush=True)


def _shorten(waits: dict[str, timedelta]) -> None:
    found = set()
    for name, module in list(sys.modules.items()):
        for wait, length in waits.items():
            if name.startswith("campaign.mailing") and hasattr(module, wait):
                setattr(module, wait, length)
                found.add(wait)
    assert found == set(waits), f"the waits have other names now: {set(waits) - found}"


def _become_worker(log: str) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(old, new)


if __name__ == "__main__":
    main(*sys.argv[1:])
