"""Postfix and OpenDKIM with the files of docs/operator.md, in a temporary folder and on ports of the loopback."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.programs import ROOT
from tests.servers import LOOPBACK, Missing, free_port, living_processes, until

MANUAL = ROOT / "docs" / "operator.md"
FILE = re.compile(r"^`(/etc/(?:postfix|opendkim)[\w./]*)`[^\n]*:\n\n```\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOMAIN, SELECTOR = "campaign.example.org", "2026"
PACKAGES = {"postfix": "postfix", "opendkim": "opendkim", "opendkim-tools": "opendkim-genkey"}
PROGRAMS = {"PATH": f"/usr/sbin:/sbin:{os.environ['PATH']}"}


def documented() -> dict[str, str]:
    """The files that the manual shows, by their names."""
    return dict(FILE.findall(MANUAL.read_text("utf-8")))


def documented_command(beginning: str) -> list[str]:
    """The one command of the manual that begins so."""
    found = re.findall(rf"^ {{4}}({beginning} .*)$", MANUAL.read_text("utf-8"), re.MULTILINE)
    assert len(found) == 1, found
    return shlex.split(found[0])


class SigningPostfix:
    """Takes letters at `url`, has them signed, and relays them to `relay_port`. A context manager; raises Missing.

    `replaced`: pieces of the manual's files and what stands there instead, to see what then goes wrong.
    """

    def __init__(self, relay_port: int, replaced: Mapping[str, str] | None = None) -> None:
        _see_that_it_starts()
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.folder.chmod(0o755)  # Postfix's and OpenDKIM's own users look in
        self.port, self.signer_port = free_port(), free_port()
        self.relay_port = relay_port
        self.replaced = dict(replaced or {})
        self.signer: subprocess.Popen[bytes] | None = None
        self._make()

    @property
    def url(self) -> str:
        """Its address, as CAMPAIGN_SMTP_URL wants it."""
        return f"smtp://{LOOPBACK}:{self.port}"

    @property
    def public_key(self) -> bytes:
        """The record that opendkim-genkey wrote for DNS, as one text."""
        written = (self.folder / f"etc/opendkim/keys/{SELECTOR}.txt").read_text()
        return "".join(re.findall(r'"([^"]*)"', written)).encode()

    @property
    def log(self) -> str:
        """What Postfix and OpenDKIM said."""
        return "".join(file.read_text("utf-8", "replace") for file in sorted(self.folder.glob("*.log")))

    def __enter__(self) -> Self:
        self._start_signer()
        self._postfix("start")
        until(lambda: _listens(self.port), 30)
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(FileNotFoundError):
            master = int((self.folder / "queue/pid/master.pid").read_text())
            with suppress(ProcessLookupError):
                os.kill(master, signal.SIGTERM)
            until(lambda: all(process.pid != master and process.group != master for process in living_processes()))
        self.stop_signer()
        shutil.rmtree(self.folder)

    def stop_signer(self) -> None:
        """Stop OpenDKIM."""
        if self.signer is not None:
            self.signer.terminate()
            self.signer.wait(20)
            self.signer = None

    def _start_signer(self) -> None:
        configuration = str(self.folder / "etc/opendkim.conf")
        with (self.folder / "opendkim.log").open("wb") as log:
            self.signer = subprocess.Popen(
                ["opendkim", "-f", "-x", configuration], stdout=log, stderr=log, env=PROGRAMS, start_new_session=True
            )
        until(lambda: _listens(self.signer_port) or self.signer is None or self.signer.poll() is not None, 30)
        assert self.signer.poll() is None, self.log

    def _make(self) -> None:
        """The manual's files with folders and ports of our own, and a key by the manual's command."""
        for name, content in documented().items():
            file = self.folder / name.removeprefix("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._ours(content))
        keys = self.folder / "etc/opendkim/keys"
        keys.mkdir()
        generate = [word.replace("/etc/", f"{self.folder}/etc/") for word in documented_command("opendkim-genkey")]
        subprocess.run(generate, check=True, env=PROGRAMS)
        for path in (keys, keys / f"{SELECTOR}.private"):
            shutil.chown(path, "opendkim", "opendkim")
        self._settle_postfix()

    def _ours(self, content: str) -> str:
        for piece, other in self.replaced.items():
            content = content.replace(piece, other)
        content = content.replace("/etc/opendkim", f"{self.folder}/etc/opendkim")
        content = content.replace("8891", str(self.signer_port))
        content = content.replace("/run/opendkim", str(self.folder))
        content = re.sub(r"^smtp      inet", f"{LOOPBACK}:{self.port} inet", content, flags=re.MULTILINE)
        if "KeyTable" in content:  # keys under /tmp are not safe enough for it
            content += "RequireSafeKeys no\n"
        return content

    def _settle_postfix(self) -> None:
        """Folders of its own; the machine's own Postfix, if there is one, is left alone."""
        for name, owner in (("queue", "root"), ("data", "postfix")):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, owner)
        own = {
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "maillog_file": self.folder / "postfix.log",
            "maillog_file_prefixes": self.folder,
            "inet_protocols": "ipv4",
            "relayhost": f"[{LOOPBACK}]:{self.relay_port}",
        }
        settings = [f"{name}={value}" for name, value in own.items()]
        folder = str(self.folder / "etc/postfix")
        subprocess.run(["postconf", "-c", folder, "-e", *settings], check=True, env=PROGRAMS)

    def _postfix(self, *arguments: str) -> None:
        command = ["postfix", "-c", str(self.folder / "etc/postfix"), *arguments]
        done = subprocess.run(command, env=PROGRAMS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + self.log


def _see_that_it_starts() -> None:
    """Raise Missing, with the command that helps."""
    missing = [package for package, program in PACKAGES.items() if not shutil.which(program, path=PROGRAMS["PATH"])]
    if missing:
        command = f"sudo apt-get install --yes --no-install-recommends {' '.join(missing)}"
        raise Missing(f"{' and '.join(missing)} not installed: `{command}`")
    if os.geteuid() != 0:
        command = "sudo .venv/bin/python -m pytest tests/test_postfix.py"
        raise Missing(f"Postfix is started by root alone: `{command}`")


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False
