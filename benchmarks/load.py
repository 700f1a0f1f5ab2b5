"""The load: clients that ask, wait for the answer, close, and ask again. Runs in processes of its own.

`fire()` starts `python -m benchmarks.load PORT CLIENTS SECONDS STATUS` with the request on standard input. Each client
is a process with a blocking socket: some 60 µs of it per request, so that the server stays the bottleneck.
"""

import json
import multiprocessing
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

LOOPBACK = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
FORM = "application/x-www-form-urlencoded"
CLIENTS = 4
NUMBER = "00000000000000000"
"""Stands in a form for the number of the request, so that no two are the same."""


@dataclass(frozen=True)
class Round:
    """What one round brought: answers a second, and the seconds that each took."""

    rate: float
    waits: list[float]

    @property
    def percentiles(self) -> tuple[float, float]:
        """p50 and p99 in milliseconds."""
        cuts = quantiles(self.waits, n=100)
        return cuts[49] * 1000, cuts[98] * 1000


def get(path: str, **headers: str) -> bytes:
    """A GET request."""
    return _request("GET", path, b"", headers)


def post(path: str, form: dict[str, str]) -> bytes:
    """A POST of a form, as a browser on the same site sends it."""
    return _request("POST", path, urlencode(form).encode(), {"Content-Type": FORM, "Sec-Fetch-Site": "same-origin"})


def _request(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    named = {"Host": LOOPBACK, "Content-Length": str(len(body)), "Connection": "close"} | headers
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in named.items())]
    return "\r\n".join((*lines, "", "")).encode() + body


def fire(port: int, request: bytes, status: int = 200, *, seconds: float = 1.5) -> Round:
    """Ask a server of this machine for so long; raises when an answer has another status."""
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(CLIENTS), str(seconds), str(status)]
    done = subprocess.run(command, cwd=ROOT, input=request, capture_output=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    waits = json.loads(done.stdout)
    return Round(len(waits) / seconds, waits)


def _client(place: int, port: int, seconds: float, status: bytes, request: bytes) -> list[float]:
    """One client's waits. Its numbers are microseconds at first, so that no other round has them."""
    number = place * 10**16 + time.time_ns() // 1000
    waits = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        answer = _ask(port, request.replace(NUMBER.encode(), b"%017d" % number))
        waits.append(round(time.perf_counter() - started, 6))
        number += 1
        if answer[9:12] != status:
            raise RuntimeError(f"not {status.decode()}: {answer[:500]!r}")
    return waits


def _ask(port: int, request: bytes) -> bytes:
    """The beginning of the answer, which is read to its end."""
    with socket.socket() as connection:
        connection.connect((LOOPBACK, port))
        connection.sendall(request)
        answer = connection.recv(65536)
        while connection.recv(65536):
            pass
    return answer


def main(port: str, clients: str, seconds: str, status: str) -> None:
    """Let the clients loose, and print all waits as JSON."""
    request = sys.stdin.buffer.read()
    client = partial(_client, port=int(port), seconds=float(seconds), status=status.encode(), request=request)
    with multiprocessing.get_context("fork").Pool(int(clients)) as pool:
        waits = pool.map(client, range(int(clients)), chunksize=1)
        print(json.dumps(list(chain.from_iterable(waits))))


if __name__ == "__main__":
    main(*sys.argv[1:])
