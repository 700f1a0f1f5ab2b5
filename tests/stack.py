"""A whole installation in a temporary folder: its commands, its processes, and a client that asks like a browser."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from tests.letters_in import Letter, read
from tests.programs import SLOW, Running, Streams, start
from tests.servers import LOOPBACK, SmtpSink, free_port, kill_group, until

OK, SEE_OTHER = 200, 303
FORM = "application/x-www-form-urlencoded"

PATIENCE = 25
"""Seconds for a process to stop: less than those after which gunicorn kills a worker that does not."""

SIGNER = {
    "name": "Ada Example",
    "email": "ada@example.org",
    "country": "GB",
    "city": "Leeds",
    "affiliation": "teacher",
    "appear": "name",
    "news": "all",
    "statement": "",
}
"""What somebody may type into the form."""


@dataclass(frozen=True)
class Response:
    """What the web answered; the name of a header may be in either case."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def location(self) -> str:
        """Where it redirects to."""
        return str(self.headers["Location"])


@dataclass(frozen=True)
class Finished:
    """What a command said before it ended."""

    status: int
    output: str
    errors: str


class Stack:
    """An installation: settings, commands, web and workers. Leaving it as a context stops all that runs.

    Programs are forked, unless `is_forked` is false (tests/programs.py).
    Nothing of CAMPAIGN_* is inherited; `settings` are added by their name without the prefix, and what is in
    `.settings` (with the prefix) holds for all that starts afterwards. The output of each command and process goes into
    `logs/`. The web listens at `url` once start_web() has returned.
    """

    is_forked = True

    def __init__(self, folder: Path, smtp_url: str, database_url: str | None = None, **settings: str) -> None:
        self.folder = folder
        self.instance = folder / "instance"
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.database_url = database_url or f"sqlite:///{self.instance}/campaign.sqlite"
        self.settings = self._settings(smtp_url) | {f"CAMPAIGN_{name}": value for name, value in settings.items()}
        self.processes: dict[str, Running] = {}

    def _settings(self, smtp_url: str) -> dict[str, str]:
        return {
            "CAMPAIGN_INSTANCE": str(self.instance),
            "CAMPAIGN_PUBLIC_URL": self.url,
            "CAMPAIGN_DATABASE_URL": self.database_url,
            "CAMPAIGN_SMTP_URL": smtp_url,
            "CAMPAIGN_MAIL_FROM": "Campaign <news@campaign.example>",
            "CAMPAIGN_LIMIT_PER_CLIENT": "100000 per hour",
            "CAMPAIGN_LIMIT_PER_CAMPAIGN": "1000000 per hour",
            "CAMPAIGN_PAGE_SECONDS": "0",
            "CAMPAIGN_LEASE_SECONDS": "5",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Stop all; complain about a process that did not obey, unless the test has failed already."""
        for process in self.processes.values():
            process.terminate()
        unruly = [name for name in tuple(self.processes) if self._ended(name) is None]
        assert error[0] is not None or not unruly, f"SIGTERM did not stop {', '.join(unruly)}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of each command and process."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("CAMPAIGN_") and name != SLOW
        }
        return {**inherited, **self.settings, "PYTHONUNBUFFERED": "1"}

    # Commands

    def prepare(self, *files: Path) -> None:
        """Make keys and tables, and import these campaigns."""
        self.run("keys")
        self.run("migrate")
        for file in files:
            self.run("import", str(file))

    def run(self, *arguments: str, typed: str = "") -> str:
        """Run `campaign …` and return what it printed; raises AssertionError when it fails."""
        finished = self.try_run(*arguments, typed=typed)
        said = f"{finished.output}{finished.errors}"
        assert finished.status == 0, f"`campaign {' '.join(arguments)}` ended with {finished.status}:\n{said}"
        return finished.output

    def try_run(self, *arguments: str, typed: str = "", seconds: float = 120) -> Finished:
        """Run `campaign …` to its end, however that is; `typed` goes to its standard input."""
        with tempfile.TemporaryDirectory(prefix="command-") as folder:
            streams = Streams(*(Path(folder) / name for name in ("typed", "output", "errors")))
            streams.inward.write_text(typed, "utf-8")
            process = start(["campaign", *arguments], self.environ, streams, is_forked=self.is_forked)
            try:
                status = process.wait(seconds)
            finally:
                kill_group(process)
            done = Finished(status, streams.output.read_text("utf-8"), streams.errors.read_text("utf-8"))
        with (self.logs / "commands.log").open("a") as log:
            log.write(f"$ campaign {' '.join(arguments)}\n{done.output}{done.errors}")
        return done

    # Processes

    def start_web(self, workers: int = 1, *options: str) -> None:
        """Start gunicorn, and return when /healthz answers."""
        gunicorn = [
            "gunicorn",
            "wsgi:app",
            "--bind",
            f"{LOOPBACK}:{self.port}",
            "--workers",
            str(workers),
        ]
        self._start("web", [*gunicorn, "--no-control-socket", *options], self._is_healthy)

    def start_worker(self, name: str = "worker") -> None:
        """Start a worker, and return when it is ready; give each a name when there are several."""
        mark = self.log(name).count("worker ready")
        self._start(name, ["campaign", "worker"], lambda: self.log(name).count("worker ready") > mark)

    def kill9(self, name: str) -> None:
        """SIGKILL a process with its children, and return when they are gone."""
        kill_group(self.processes.pop(name))

    def stop(self, name: str) -> int | None:
        """Ask a process to stop in good order; its exit status, or None if it had to be killed after PATIENCE."""
        self.processes[name].terminate()
        return self._ended(name)

    def _ended(self, name: str) -> int | None:
        process = self.processes.pop(name)
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        finally:
            kill_group(process)

    def pid(self, name: str) -> int:
        """The process's id."""
        return self.processes[name].pid

    def log(self, name: str) -> str:
        """All that a process has written so far, over its restarts."""
        path = self.logs / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def all_output(self) -> str:
        """All that commands and processes have written so far."""
        return "".join(self.log(path.stem) for path in sorted(self.logs.glob("*.log")))

    def _start(self, name: str, command: Sequence[str], is_ready: Callable[[], bool]) -> None:
        assert name not in self.processes, f"{name} runs already"
        log = self.logs / f"{name}.log"
        process = start(command, self.environ, Streams(output=log, errors=log), is_forked=self.is_forked)
        self.processes[name] = process
        until(lambda: process.poll() is not None or is_ready(), 60)
        if (status := process.poll()) is not None:
            del self.processes[name]
            raise AssertionError(f"{name} ended with {status}:\n{self.log(name)[-5000:]}")

    def _is_healthy(self) -> bool:
        with suppress(OSError):
            return self.get("/healthz").status == OK
        return False

    # Client: no cookies, no redirects followed

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """GET a path, or an address of this installation as it stands in a letter."""
        return self._ask("GET", path, None, headers or {})

    def post(
        self, path: str, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """POST a form as a browser on one of the installation's pages does; `headers` may say otherwise."""
        as_browser = {"Content-Type": FORM, "Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        return self._ask("POST", path, urlencode(data or {}).encode(), {**as_browser, **(headers or {})})

    def _ask(self, method: str, address: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        path = address.removeprefix(self.url) or "/"
        assert path.startswith("/"), f"not of this installation: {address}"
        connection = HTTPConnection(LOOPBACK, self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())
        finally:
            connection.close()

    # Ways that many tests go

    def count(self, slug: str = "release-test") -> int:
        """How many signatures an open campaign's page says there are; some seconds late."""
        response = self.get(f"/en/{slug}/")
        assert response.status == OK, f"{response.status}: {response.text[:3000]}"
        shown = re.search(r'<p class="count">[^<]*<b>([\d,]+)</b>', response.text)
        return int(shown[1].replace(",", "")) if shown else 0

    def sign(self, slug: str = "release-test", locale: str = "en", **typed: str) -> Response:
        """Post the form of a campaign, as SIGNER but for what is `typed`; the request is taken in, no more."""
        response = self.post(f"/{locale}/{slug}/sign", SIGNER | typed)
        assert response.status == SEE_OTHER, f"{response.status}: {response.text[:3000]}"
        return response

    def confirm(self, letter: Letter) -> Response:
        """Press the button behind the link of a letter."""
        response = self.post(letter.link("/confirm/"))
        assert response.status in (OK, SEE_OTHER), f"{response.status}: {response.text[:3000]}"
        return response

    def sign_and_confirm(self, sink: SmtpSink, **typed: str) -> Letter:
        """Sign with an address that has had no letter yet, confirm, and return the letter that asked for it."""
        self.sign(**typed)
        letter = read(sink.wait_for(1, to=typed.get("email", SIGNER["email"]))[0].content)
        self.confirm(letter)
        return letter


def campaign_file(
    folder: Path, slug: str = "release-test", people: Sequence[str] = ("Tariq Example",), *, state: str = "open"
) -> Path:
    """Write a small campaign as `campaign import` takes it: in English and Urdu, with a missing person or several."""
    lines = [
        f'slug = "{slug}"\nstate = "{state}"\ncountry = "PK"\nlanguage = "en"',
        'hashtag = "#ReleaseTest"\ngoal = 100\nopened_on = 2024-01-02',
        _texts(
            "en",
            "Release the test",
            "One was taken at night.",
            "Nobody says where he is.\n\nWe ask for his release.",
            "Set him free.",
        ),
        _texts("ur", "رہا کرو", "رات کو لے جایا گیا۔", "کوئی نہیں بتاتا کہ کہاں ہے۔", "رہا کرو۔"),
        '[[targets]]\nkind = "government"\n[targets.name]\nen = "Government of Testland"',
        *(f"[[people]]\nsince = 2024-01-02\n[people.name]\nen = {json.dumps(name)}" for name in people),
        '[[updates]]\nkind = "status"\noccurred_on = 2024-01-02\nsources = ["A newspaper"]\n[updates.statuses]',
        *(f'{json.dumps(name)} = "missing"' for name in people),
        '[updates.texts.en]\ntitle = "Taken"\nbody = "Taken at night."',
    ]
    return _write(folder / f"{slug}.toml", lines)


def _texts(locale: str, title: str, summary: str, body: str, demand: str) -> str:
    said = {"title": title, "summary": summary, "body": body, "demands": [demand]}
    values = (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in said.items())
    return "\n".join((f"[texts.{locale}]", *values))


def update_file(
    folder: Path,
    slug: str = "release-test",
    title: str = "He is free",
    *,
    kind: str = "status",
    statuses: Mapping[str, str] | None = None,
) -> Path:
    """Write an update as `campaign publish` takes it, in English and Urdu; `statuses` by person, or one released."""
    statuses = {"Tariq Example": "released"} if statuses is None else statuses
    lines = [
        f'+++\ncampaign = "{slug}"\nkind = "{kind}"\noccurred_on = 2024-02-03\nsources = ["A newspaper"]\n[statuses]',
        *(f'{json.dumps(name)} = "{status}"' for name, status in statuses.items()),
        f"+++\n\n# en: {title}\n\nHe came home in the morning.\n\n# ur: وہ رہا ہو گئے\n\nوہ صبح گھر آئے۔",
    ]
    return _write(folder / f"{slug}-update.md", lines)


def _write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join((*lines, "")), "utf-8")
    return path
