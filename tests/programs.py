"""Programs of an installation: `campaign` and `gunicorn`, started as an operator does, or forked.

A program takes seconds to start, nearly all of it to import. Python's fork server is a process that has imported all;
what is forked from it is a process of its own like any other, with the environment and the streams that it is given.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

from flask import Flask
from jinja2 import FileSystemBytecodeCache

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(sys.executable).parent
CALLED = {"campaign": ("campaign.cli", "main"), "gunicorn": ("gunicorn.app.wsgiapp", "run")}
"""The functions behind the programs (the entry points of their packages)."""

COMPILED = Path(tempfile.gettempdir()) / "campaign-tests-pycache"
SLOW = "PYTHONDONTWRITEBYTECODE"
"""Without bytecode each program takes five seconds more to start."""

PR_SET_PDEATHSIG = 1

COMPILED.mkdir(exist_ok=True)
Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(str(COMPILED))}
"""Templates are compiled once, and not anew by each process, and by each test that makes an app of its own."""

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([__name__, "tests.wrong", *(module for module, _ in CALLED.values())])


class Running(Protocol):
    """A process that was started, as `subprocess.Popen` has it: its group has its id."""

    @property
    def pid(self) -> int:
        """Its id."""

    def poll(self) -> int | None:
        """Its exit status (below zero: the signal that killed it), or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has one; raises subprocess.TimeoutExpired after so many seconds."""

    def terminate(self) -> None:
        """SIGTERM."""


@dataclass(frozen=True)
class Streams:
    """Files that stand in for the standard streams."""

    inward: Path = Path(os.devnull)
    output: Path = Path(os.devnull)
    errors: Path = Path(os.devnull)


def start(command: Sequence[str], environ: Mapping[str, str], streams: Streams, *, is_forked: bool = True) -> Running:
    """Start a program, in a session of its own; what it writes is appended. Forked are those of CALLED."""
    if is_forked and command[0] in CALLED:
        return Forked(partial(_call, command), environ, streams)
    with streams.inward.open("rb") as inward, streams.output.open("ab") as out, streams.errors.open("ab") as errors:
        return subprocess.Popen(
            [FOLDER / command[0], *command[1:]],
            cwd=ROOT, env={**environ, "PYTHONPYCACHEPREFIX": str(COMPILED)}, stdin=inward, stdout=out, stderr=errors,
            start_new_session=True,
        )  # fmt: skip


def _call(command: Sequence[str]) -> None:
    module, name = CALLED[command[0]]
    sys.argv = [str(FOLDER / command[0]), *command[1:]]
    getattr(import_module(module), name)()


class Forked:
    """A function in a process of its own. It dies with the fork server, and so with the process that started it."""

    def __init__(self, what: Callable[[], None], environ: Mapping[str, str], streams: Streams) -> None:
        self._process: ForkServerProcess = _server.Process(
            target=_become, args=(what, dict(environ), streams), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process.pid
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status (below zero: the signal that killed it), or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has one; raises subprocess.TimeoutExpired after so many seconds."""
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return status

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()


def _become(what: Callable[[], None], environ: Mapping[str, str], streams: Streams) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environ)
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, path in enumerate((streams.inward, streams.output, streams.errors)):
        opened = os.open(path, appending if number else os.O_RDONLY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    what()
