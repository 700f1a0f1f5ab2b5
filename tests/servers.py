"""Real servers for tests, each in a temporary folder and on the loopback only: PostgreSQL, Redis, an SMTP sink."""

import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple, Self, TypeVar, cast
from urllib.parse import urlsplit

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from psycopg.sql import SQL, Composed, Identifier

from tests.programs import Running

LOOPBACK = "127.0.0.1"

T = TypeVar("T")


class Missing(Exception):
    """A server that the tests need is not installed."""


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], T], seconds: float = 20, *, every: float = 0.02) -> T:
    """Ask until the condition holds and return what it said; raises TimeoutError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {getattr(condition, '__qualname__', condition)}")
        time.sleep(every)
    return answer


class Process(NamedTuple):
    """A line of the process table."""

    pid: int
    state: str
    parent: int
    group: int


def living_processes() -> Iterator[Process]:
    """The process table (Linux), without those that are dead and only not yet reaped."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent, group = path.read_text("utf-8", "replace").rpartition(") ")[2].split()[:3]
            if state not in "ZX":
                yield Process(int(path.parent.name), state, int(parent), int(group))


def kill_group(process: Running) -> None:
    """SIGKILL a process that began its own session, with all of its group, and wait until they are gone."""
    for kill in (os.killpg, os.kill):  # one that has only just been forked has no group yet
        with suppress(ProcessLookupError):
            kill(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not any(other.group == process.pid for other in living_processes()))


class _Server:
    """A server process in a temporary folder; a context manager that starts and stops it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """All that the server wrote."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Start, and return when the server answers."""
        if self.is_running:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = self._launch(log.fileno())
        try:
            until(self._is_up_or_dead, 30)
        finally:
            if not self._is_up():
                self.stop()
                raise RuntimeError(f"{type(self).__name__} did not start:\n{self.log}")

    def stop(self) -> None:
        """Stop in good order, without waiting for clients to leave."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def kill9(self) -> None:
        """SIGKILL the server and its children, and return when they are gone. start() starts it again."""
        assert self._process is not None, "it does not run"
        os.kill(self._process.pid, signal.SIGSTOP)  # no child is born between looking and killing
        children = {other.pid for other in living_processes() if other.parent == self._process.pid}
        for pid in (self._process.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        until(lambda: not children & {other.pid for other in living_processes()})
        self._process = None

    def _is_up_or_dead(self) -> bool:
        return not self.is_running or self._is_up()

    def _launch(self, log: int) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _is_up(self) -> bool:
        raise NotImplementedError


class Databases:
    """Makes databases on a PostgreSQL server: TEST_DATABASE_URL's, or with `Postgres` one of our own."""

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url.replace("postgresql+psycopg:", "postgresql:")

    def url(self, name: str) -> str:
        """The address of a database of this server."""
        return urlsplit(self.server_url)._replace(path=f"/{name}").geturl()

    def fresh_database(self, template: str = "template0") -> str:
        """Make a database and return its address; `template`: the address or name of one to copy, without clients."""
        name = f"test_{os.urandom(8).hex()}"
        self._run(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(_name(template))))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Delete a database, with clients or without."""
        self._run(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(_name(url))))

    def _run(self, statement: Composed) -> None:
        with psycopg.connect(self.server_url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)


class Postgres(_Server, Databases):
    """A PostgreSQL server of our own: no password, and no fsync unless asked for.

    Without fsync what was committed still survives kill9(), as the operating system lives on and keeps the files.
    """

    def __init__(self, *, fsync: bool = False) -> None:
        _Server.__init__(self)
        Databases.__init__(self, f"postgresql://postgres@{LOOPBACK}:{self.port}/postgres")
        self.fsync = fsync
        self.programs = _postgres_programs()
        self._account = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self._make_cluster()

    def _make_cluster(self) -> None:
        if self._account:
            os.chown(self.folder, pwd.getpwnam(self._account).pw_uid, -1)
        self._run_as_account(
            "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
        )

    def _run_as_account(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder,
            user=self._account,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _launch(self, log: int) -> subprocess.Popen[bytes]:
        settings = {
            "port": self.port,
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            "fsync": "on" if self.fsync else "off",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [str(self.programs / "postgres"), "-D", "data", *options]
        # As its own session, so that Ctrl-C in the terminal ends the tests and these then stop the server.
        return subprocess.Popen(
            command, cwd=self.folder, user=self._account, stdout=log, stderr=log, start_new_session=True
        )

    def _is_up(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.server_url, connect_timeout=1):
            return True
        return False


def _postgres_programs() -> Path:
    """The folder of PostgreSQL's programs, of the newest version there is."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    if folders:
        return folders[-1]
    on_path = shutil.which("pg_ctl")
    if on_path is None:
        raise Missing(
            "PostgreSQL is not installed: `apt-get install postgresql`, or set TEST_DATABASE_URL to a server's address."
        )
    return Path(on_path).resolve().parent


def _name(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]


class Redis(_Server):
    """A Redis server that keeps everything in memory."""

    @property
    def url(self) -> str:
        """Its address, with database 0."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def flush(self) -> None:
        """Forget everything."""
        assert self._ask(b"FLUSHALL\r\n") == b"+OK\r\n"

    def _launch(self, log: int) -> subprocess.Popen[bytes]:
        program = shutil.which("redis-server")
        if program is None:
            raise Missing("Redis is not installed: `apt-get install redis-server`.")
        options = {"bind": LOOPBACK, "port": str(self.port), "save": "", "appendonly": "no", "dir": str(self.folder)}
        command = [program, *(part for name, value in options.items() for part in (f"--{name}", value))]
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _is_up(self) -> bool:
        with suppress(OSError):
            return self._ask(b"PING\r\n") == b"+PONG\r\n"
        return False

    def _ask(self, command: bytes) -> bytes:
        with socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
            connection.sendall(command)
            return connection.recv(100)


# The SMTP sink.

ACCEPT = "250 2.0.0 kept"
GO_ON = "354 go on"
KEEP_AND_HANG_UP = "keep and hang up"
"""Keep the letter, but close the connection before the reply: the sender cannot know."""
HANG_UP = "hang up"
"""Close the connection before the reply, and keep nothing."""
STALL = "stall"
"""Never reply, and keep the connection open."""
BREAK_OFF = "break off"
"""Ask for the letter's data and close the connection in the middle of it: the sender cannot know what is kept."""

ADDRESS = re.compile(rb"<([^>]*)>")
MESSAGE_ID = re.compile(rb"^Message-ID: *(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Received:
    """A letter as it came over the wire; `at` is monotonic, `visit` the number of its connection."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    at: float = field(default_factory=time.monotonic)
    visit: int = 0

    @property
    def message_id(self) -> str:
        """Its Message-ID, or nothing."""
        found = MESSAGE_ID.search(self.content.partition(b"\r\n\r\n")[0])
        return found[1].decode() if found else ""


@dataclass
class Visit:
    """One connection to the sink: from which port, and the letter that was kept last on it."""

    number: int
    port: int
    last: Received | None = None
    is_open: bool = True


class SmtpSink:
    """An SMTP server in threads of this process, one a connection, which keeps what it gets.

    `reply_to_connection()`, `reply_to_sender(address)`, `reply_to_recipient(address)`, `reply_to_data(recipients)` and
    `reply_to_letter(received)` may be replaced: each returns a reply such as "451 4.3.0 later", or HANG_UP or STALL;
    the last also KEEP_AND_HANG_UP, the one before it also BREAK_OFF. A letter is kept if the reply begins with 2. They
    run in the connections' threads. `latency`: seconds before each reply; replies to what came together go together
    (RFC 2920, section 3.2). `pipelining`: whether that is offered. `takes_data_for_nobody`: ask for data though no
    recipient was taken, as RFC 2920, section 3.1, warns of. `tls`: "" (smtp://), "starttls" or
    "implicit", with a certificate that nobody trusts unless told (SSL_CERT_FILE=sink.certificate).
    """

    SCHEMES = {"": "smtp", "starttls": "smtp+starttls", "implicit": "smtps"}  # noqa: RUF012 - a constant

    def __init__(self, *, tls: str = "") -> None:
        self.port = free_port()
        self.tls = tls
        self.latency = 0.0
        self.pipelining = True
        self.takes_data_for_nobody = False
        self.reply_to_connection: Callable[[], str] = lambda: "220 sink"
        self.reply_to_sender: Callable[[str], str] = lambda _address: "250 2.1.0 ok"
        self.reply_to_recipient: Callable[[str], str] = lambda _address: "250 2.1.5 ok"
        self.reply_to_data: Callable[[tuple[str, ...]], str] = lambda _recipients: GO_ON
        self.reply_to_letter: Callable[[Received], str] = lambda _received: ACCEPT
        self.letters: list[Received] = []
        self.refused: list[Received] = []
        self.visits: list[Visit] = []
        self.folder = Path(tempfile.mkdtemp(prefix="sink-"))
        self.context = tls_context(self.folder) if tls else None
        self.stopping = threading.Event()
        self._arrival = threading.Condition()
        self._listener: socket.socket | None = None
        self._threads: dict[threading.Thread, _Session | None] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def connections(self) -> int:
        """How many there were."""
        return len(self.visits)

    def visit(self, number: int) -> Visit:
        """A connection by its number, which begins with 1."""
        return self.visits[number - 1]

    @property
    def url(self) -> str:
        """Its address, as CAMPAIGN_SMTP_URL wants it."""
        return f"{self.SCHEMES[self.tls]}://{LOOPBACK}:{self.port}"

    @property
    def certificate(self) -> Path:
        """The file of the self-signed certificate."""
        return self.folder / "certificate.pem"

    def start(self) -> None:
        """Listen; after stop() on the same port again."""
        if self._listener is None:
            self.stopping.clear()
            self._listener = socket.create_server((LOOPBACK, self.port), backlog=200)
            self._run(lambda: self._accept(cast("socket.socket", self._listener)), None)

    def stop(self) -> None:
        """Stop listening and break off every connection; what was kept stays."""
        if self._listener is None:
            return
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        while self._threads:
            thread, session = next(iter(self._threads.items()))
            if session is not None:
                session.break_off()
            thread.join(10)
            assert not thread.is_alive(), "the sink did not stop"
            del self._threads[thread]
        self._listener = None

    def clear(self) -> None:
        """Forget what came."""
        with self._arrival:
            self.letters.clear()
            self.refused.clear()

    def sent_to(self, address: str) -> list[Received]:
        """The letters kept for one address, in order."""
        with self._arrival:
            return [letter for letter in self.letters if address in letter.recipients]

    def wait_for(self, count: int, seconds: float = 20, *, to: str | None = None) -> list[Received]:
        """Wait until that many letters (`to`: to this address) are kept and return all; raises TimeoutError."""

        def found() -> list[Received]:
            return [letter for letter in self.letters if to is None or to in letter.recipients]

        with self._arrival:
            if not self._arrival.wait_for(lambda: len(self.letters) >= count and len(found()) >= count, seconds):
                raise TimeoutError(
                    f"{len(found())} of {count} letters within {seconds} s (refused: {len(self.refused)})"
                )
            return found()

    def take(self, received: Received) -> str:
        """Decide about a letter, keep it or not, and say what to answer."""
        answer = self.reply_to_letter(received)
        is_kept = answer.startswith("2") or answer == KEEP_AND_HANG_UP
        with self._arrival:
            (self.letters if is_kept else self.refused).append(received)
            if is_kept and received.visit:
                self.visit(received.visit).last = received
            self._arrival.notify_all()
        return HANG_UP if answer == KEEP_AND_HANG_UP else answer

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, client = listener.accept()
            except OSError:  # it is closed
                return
            self.visits.append(Visit(len(self.visits) + 1, client[1]))
            session = _Session(self, connection, self.visits[-1])
            self._run(session.run, session)

    def _run(self, work: Callable[[], None], session: "_Session | None") -> None:
        for ended in [thread for thread in self._threads if not thread.is_alive()]:
            del self._threads[ended]
        thread = threading.Thread(target=work, name="sink", daemon=True)
        thread.start()
        self._threads[thread] = session


class _Session:
    """One connection: just as much of RFC 5321 as a sender needs, with pipelining (RFC 2920)."""

    def __init__(self, sink: SmtpSink, connection: socket.socket, visit: Visit) -> None:
        self.sink = sink
        self.connection = connection
        self.visit = visit
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.replies: list[str] = []
        """Said when what came has been read: together with those to the commands that came with it."""
        self.is_secured = False
        self._reset()

    def run(self) -> None:
        """Talk until one side has enough."""
        with suppress(OSError):
            if self.sink.tls == "implicit":
                self._secure()
            self._say(self.sink.reply_to_connection())
            while True:
                self._obey(self._read_to(b"\r\n"))
        self.visit.is_open = False
        self.connection.close()

    def break_off(self) -> None:
        """End the connection, from another thread."""
        with suppress(OSError):
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)

    def _read_to(self, end: bytes) -> bytes:
        searched = 0
        while (place := self.buffer.find(end, searched)) < 0:
            self._flush()
            searched = max(0, len(self.buffer) - len(end))
            data = self.connection.recv(65536)
            if not data:
                raise ConnectionAbortedError
            self.buffer += data
        content = bytes(self.buffer[:place])
        del self.buffer[: place + len(end)]
        return content

    def _obey(self, line: bytes) -> None:
        match line[:4].upper():
            case b"EHLO":
                offers = ["PIPELINING"] * self.sink.pipelining
                offers += ["STARTTLS"] * (self.sink.tls == "starttls" and not self.is_secured)
                self._say("\r\n".join(["250-sink", *(f"250-{offer}" for offer in offers), "250 8BITMIME"]))
            case b"MAIL":
                self._sender(_address(line))
            case b"RCPT":
                self._recipient(_address(line))
            case b"DATA":
                self._data()
            case b"RSET":
                self._reset()
                self._say("250 ok")
            case b"HELO" | b"NOOP":
                self._say("250 ok")
            case b"STAR" if self.sink.tls == "starttls":
                self._say("220 ready")
                self._flush()
                self._secure()
            case b"QUIT":
                self._say("221 bye")
            case _:
                self._say("502 5.5.1 not here")

    def _sender(self, address: str) -> None:
        self._reset()
        answer = self.sink.reply_to_sender(address)
        self.sender = address if answer.startswith("2") else None
        self._say(answer)

    def _recipient(self, address: str) -> None:
        if self.sender is None:
            self._say("503 5.5.1 no sender")
            return
        answer = self.sink.reply_to_recipient(address)
        if answer.startswith("2"):
            self.recipients.append(address)
        self._say(answer)

    def _data(self) -> None:
        if not self.recipients:
            self._data_for_nobody()
            return
        answer = self.sink.reply_to_data(tuple(self.recipients))
        self._say(GO_ON if answer == BREAK_OFF else answer)
        if not answer.startswith(GO_ON):
            self._go_no_further(answer)
            return
        content = self._content()
        received = Received(str(self.sender), tuple(self.recipients), content, visit=self.visit.number)
        self._reset()
        self._say(self.sink.take(received))

    def _data_for_nobody(self) -> None:
        if not self.sink.takes_data_for_nobody:
            self._say("503 5.5.1 no recipient")
            return
        self._say(GO_ON)
        assert self._content() == b"", "somebody sent a letter to nobody"
        self._reset()
        self._say("554 5.5.1 no recipient")

    def _content(self) -> bytes:
        """Read a letter's data (RFC 5321, section 4.5.2)."""
        self.buffer[:0] = b"\r\n"  # so that the end of an empty letter is found, too
        content = self._read_to(b"\r\n.\r\n") + b"\r\n"
        return content.replace(b"\r\n..", b"\r\n.").removeprefix(b"\r\n")

    def _go_no_further(self, answer: str) -> None:
        """No data is taken, or only the beginning of it."""
        self._reset()
        if answer == BREAK_OFF:
            self._flush()
            self.connection.recv(100)
            raise ConnectionAbortedError

    def _reset(self) -> None:
        self.sender: str | None = None
        self.recipients: list[str] = []

    def _say(self, answer: str) -> None:
        """Say a reply when all is read that came; or hang up, or leave the other side waiting, at once."""
        if answer not in (HANG_UP, STALL):
            self.replies.append(answer)
        if answer.startswith((HANG_UP, STALL, "221", "421")):
            self._flush()
            if answer == STALL:
                self.sink.stopping.wait()
            raise ConnectionAbortedError

    def _flush(self) -> None:
        if self.replies:
            self.sink.stopping.wait(self.sink.latency) if self.sink.latency else None
            self.connection.sendall("".join(f"{reply}\r\n" for reply in self.replies).encode())
            self.replies.clear()

    def _secure(self) -> None:
        assert self.sink.context is not None
        self.connection = self.sink.context.wrap_socket(self.connection, server_side=True)
        self.is_secured = True
        self._reset()


def _address(line: bytes) -> str:
    found = ADDRESS.search(line)
    return found[1].decode("utf-8", "replace") if found else ""


def tls_context(folder: Path) -> ssl.SSLContext:
    """A context with a new self-signed certificate, which stands in the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(key)
    both = folder / "both.pem"
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    both.write_bytes(
        certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    alternatives = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address(LOOPBACK))])
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, SHA256())
    )
