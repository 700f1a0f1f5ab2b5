"""What is measured, in temporary folders: an installation of ours, and a floor under the same gunicorn."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import floors
from tests.programs import FOLDER, ROOT
from tests.servers import LOOPBACK, free_port, kill_group, until
from tests.stack import Stack

SLUG = "release-amin"
CAMPAIGN = ROOT / "campaign" / "demo" / f"{SLUG}.toml"
WORKERS = 2
NOWHERE = "smtp://127.0.0.1:1"
"""A relay that is not there, for what sends no letters."""


@contextmanager
def ours(smtp_url: str = NOWHERE, database_url: str | None = None, **settings: str) -> Iterator[Stack]:
    """An installation with the demonstration's first campaign; nothing runs yet."""
    folder = tempfile.TemporaryDirectory(prefix="bench-")
    with folder, Stack(Path(folder.name), smtp_url, database_url, **settings) as stack:
        stack.is_forked = False
        stack.prepare(CAMPAIGN)
        yield stack


@contextmanager
def floor(name: str, database_url: str = "") -> Iterator[int]:
    """A bare app of floors.py under gunicorn, as ours is started; the port. `database_url`: "sqlite" makes one."""
    with tempfile.TemporaryDirectory(prefix="floor-") as folder:
        url = f"sqlite:///{folder}/floor.sqlite" if database_url == "sqlite" else database_url
        if url:
            floors.fill(url)
        process, port = _start(f"benchmarks.floors:{name}()", url, Path(folder) / "log")
        try:
            until(lambda: process.poll() is not None or _answers(port), 30)
            yield port
        finally:
            kill_group(process)


def _start(app: str, database_url: str, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    command = [
        FOLDER / "gunicorn",
        app,
        "--bind",
        f"{LOOPBACK}:{port}",
        "--workers",
        str(WORKERS),
        "--no-control-socket",
    ]
    environ = {**os.environ, floors.SETTING: database_url}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output, start_new_session=True)
    return process, port


def _answers(port: int) -> bool:
    with suppress(OSError):
        connection = HTTPConnection(LOOPBACK, port, timeout=5)
        connection.request("GET", "/")
        return bool(connection.getresponse().status)
    return False
