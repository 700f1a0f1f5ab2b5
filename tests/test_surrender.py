"""What each part may surrender (docs/threats; the table in the design): a test a row, each searching for canaries."""

import base64
import hashlib
import os
import random
import re
import stat
import string
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from quopri import encodestring

import psycopg
import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import inspect, select, text

from campaign import clock, work
from campaign.app import create_app
from campaign.config import Config
from campaign.db import Base, db, is_sqlite
from campaign.limits import DailyKey, client_key
from campaign.logs import init_logs
from campaign.mailing.letters import LetterKind
from campaign.mailing.models import Delivery, Reader
from campaign.opening import CannotOpen, Keyring, make_keys
from campaign.sealing import EmailAddress, binding
from campaign.signing.models import Intake, Signature
from campaign.statements.models import Endorsement, Statement
from campaign.statements.operations import approve
from campaign.worker import Worker
from tests.letters_in import read
from tests.programs import FOLDER, ROOT
from tests.servers import Databases, Postgres, SmtpSink, until
from tests.stack import SIGNER, Stack, update_file
from tests.test_attacks import GONE, OK, SEE_OTHER, House
from tests.test_endorsing import UNION
from tests.test_letters import TO_ORGANIZERS

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

AGENT = "CanaryBrowser"
CLIENT = "2001:db8:c0de:9f3a:71b5:4e2d:8a6c:13f7"


@pytest.fixture
def house(client: FlaskClient, stack: Stack, sink: SmtpSink) -> Iterator[House]:
    """Everything but processes."""
    with House(client, Worker(Config.read(stack.environ)), sink) as house:
        yield house


# Searching.


def canary() -> str:
    """A word that stands nowhere by chance."""
    return "Q" + "".join(random.choices(string.ascii_lowercase, k=11))  # noqa: S311 - a name, not a secret


def spellings(word: str) -> Iterator[tuple[str, bytes]]:
    """The word in the ways in which a program may have written it down; letters that are lower-case match both."""
    yield "plain", word.lower().encode()
    yield "reversed", word.lower()[::-1].encode()
    for spelt in {word, word.lower(), word.upper()}:
        for codec in ("utf-8", "utf-16-le", "utf-16-be"):
            plain = spelt.encode(codec)
            yield codec, plain
            yield f"hex of {codec}", plain.hex().encode()
            for offset in range(3):
                whole = (offset + len(plain)) // 3 * 4  # what follows does not change these
                coded = base64.b64encode(b"\0" * offset + plain)[(0, 2, 3)[offset] : whole]
                yield f"base64 of {codec} at {offset}", coded


def digests(*texts: str) -> Iterator[tuple[str, bytes]]:
    """Hashes without a key, which a list of addresses would undo."""
    for name in ("md5", "sha1", "sha256"):
        for one in texts:
            for spelt in {one, one.lower()}:
                digest = hashlib.new(name, spelt.encode()).digest()
                yield name, digest
                yield name, digest.hex().encode()


Needles = list[tuple[str, bytes]]


def found(haystacks: Mapping[str, bytes], needles: Needles) -> list[str]:
    """Where which needle lies."""
    hits = []
    for place, content in haystacks.items():
        dense = re.sub(rb"\0{64,}", b"\0" * 64, content)
        joined = dense.replace(b"=\r\n", b"").replace(b"=\n", b"")  # quoted-printable's soft line breaks
        views = {dense, dense.lower(), joined.lower()}
        hits += [f"{what} in {place}" for what, needle in needles if any(needle in view for view in views)]
    return sorted(set(hits))


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def dump_of(database_url: str) -> dict[str, bytes]:
    """Every row of every table of a PostgreSQL database, as a backup writes it."""
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        dumped = {}
        for (table,) in tables:
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as rows:
                dumped[f"table {table}"] = b"".join(bytes(piece) for piece in rows)
        return dumped


def server_files(server: Databases, database_url: str) -> dict[str, bytes]:
    """The files of a PostgreSQL server of our own: the database, the log, the newest write-ahead log."""
    if not isinstance(server, Postgres):
        return {}
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        (oid,) = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone() or ()
    data = server.folder / "data"
    written = sorted((data / "pg_wal").glob("0*"), key=lambda segment: segment.stat().st_mtime_ns)
    newest = {f"pg_wal/{segment.name}": segment.read_bytes() for segment in written[-1:]}
    return {**files_of(data / "base" / str(oid)), **newest, "server log": server.log.encode()}


@pytest.mark.parametrize(
    "write",
    [
        lambda word: f"<{word}>".encode(),
        lambda word: word.upper().encode("utf-16"),
        lambda word: word.lower().encode().hex().upper().encode(),
        lambda word: base64.b64encode(f"ab{word}yz".encode()),
        lambda word: base64.urlsafe_b64encode(f"a{word}".encode("utf-16-le")),
        lambda word: encodestring(f"{'é' * 20}{word}{'é' * 20}".encode()),
        lambda word: f'{{"name": "\\u017b{word}"}}'.encode(),
        lambda word: word[::-1].encode(),
        lambda word: hashlib.sha256(word.encode()).hexdigest().encode(),
    ],
)
def test_the_search_finds_what_is_there(write: Callable[[str], bytes]) -> None:
    """Or the tests below would say nothing."""
    word = canary()
    needles = [*spellings(word), *digests(word)]
    assert found({"there": b"before " + write(word) + b" after"}, needles)
    assert not found({"not there": write(canary())}, needles)


# A stolen database, backup, log.


class Canaries:
    """People whose addresses and names, towns and affiliations are searched for; by nobody's wish are they public."""

    def __init__(self) -> None:
        self.address, self.name, self.words = canary(), canary(), canary()
        self.count = 0
        self.addresses: list[str] = []
        self.tokens: list[str] = []

    def person(self, **typed: str) -> dict[str, str]:
        """What the next one types."""
        self.count += 1
        self.addresses.append(f"{self.address}.{self.count}@example.org")
        private = {
            "name": f"Żółta {self.name} von Ę",
            "city": f"{self.name}ville",
            "affiliation": f"Union of {self.name}",
        }
        return private | {"email": self.addresses[-1]} | typed

    @property
    def needles(self) -> Needles:
        """What must not be found."""
        secret = [("address", self.address), ("private name", self.name), ("words not confirmed", self.words)]
        spelt = [(f"{what}, {how}", spelling) for what, word in secret for how, spelling in spellings(word)]
        return [*spelt, *digests(*self.addresses), *(("token", token.encode()) for token in self.tokens)]

    @property
    def visitors(self) -> Needles:
        """What a visitor's browser says of itself."""
        packed = [("packed address", ip_address(CLIENT).packed)]
        return [*packed, *spellings(AGENT), *spellings(CLIENT), *digests(CLIENT, AGENT)]


def journey(stack: Stack, sink: SmtpSink, canaries: Canaries) -> None:
    """All kinds of people in all states, until somebody kills web and worker."""
    headers = {"User-Agent": f"{AGENT}/9 ({CLIENT})", "X-Forwarded-For": f"192.0.2.9, {CLIENT}"}

    def send(path: str, typed: dict[str, str]) -> int:
        return stack.post(path, typed, headers).status

    def sign(**typed: str) -> str:
        typed = SIGNER | canaries.person(**typed)
        assert send("/en/release-test/sign", typed) == SEE_OTHER
        return typed["email"]

    def confirmed(address: str) -> None:
        letter = read(sink.wait_for(1, to=address)[0].content)
        canaries.tokens.append(letter.link("/confirm/").rpartition("/")[2])
        assert stack.get(letter.link("/confirm/"), headers).status == OK
        assert send(letter.link("/confirm/"), {}) == SEE_OTHER

    sink.reply_to_recipient = lambda address: "550 5.1.1 who?" if "refused" in address else "250 2.1.5 ok"
    confirmed(sign(name="Nora Named", city="", affiliation="", statement="Free him."))
    confirmed(sign(appear="initials"))
    confirmed(sign(appear="count", statement="Not alone."))
    sign(appear="name", statement=canaries.words)
    sign(appear="count", email=f"{canaries.address}.refused@example.org")
    follower = canaries.person()["email"]
    assert send("/ur/release-test/follow", {"email": follower, "news": "all"}) == SEE_OTHER
    confirmed(follower)
    assert send("/en/release-test/link", {"email": follower}) == SEE_OTHER
    assert send("/en/release-test/sign", SIGNER | canaries.person(country="nowhere", statement=canaries.words)) == 422
    until(lambda: "Nora Named" in stack.get("/en/release-test/signatures/").text)
    until(lambda: stack.try_run("moderate", "approve", "1", "2").status == 0, every=1)
    stack.run("publish", str(update_file(stack.folder, kind="news", statuses={})), "--yes")
    sink.wait_for(3, to=follower)
    stack.kill9("worker")
    sign(statement=canaries.words)


def test_a_stolen_database(
    backend: str, installation: Stack, stack: Stack, sink: SmtpSink, request: pytest.FixtureRequest
) -> None:
    """No address, no private name, no link, no visitor: in tables, write-ahead logs, queue or logs, alive or killed."""
    canaries = Canaries()
    stack.settings["CAMPAIGN_PROXIES"] = "1"
    stack.start_web()
    stack.start_worker()
    journey(stack, sink, canaries)
    haystacks = {f"alive: {name}": content for name, content in files_of(stack.folder).items()}
    stack.kill9("web")
    haystacks |= files_of(stack.folder)
    if backend == "postgresql":
        haystacks |= dump_of(stack.database_url)
        haystacks |= server_files(request.getfixturevalue("postgres"), stack.database_url)
    else:
        assert {"instance/campaign.sqlite", "instance/campaign.sqlite-wal"} <= haystacks.keys()
    assert {"instance/tasks.sqlite", "logs/web.log", "logs/worker.log"} <= haystacks.keys()
    assert any(b"Nora Named" in content for content in haystacks.values()), (
        "what is public lies there: the search works"
    )
    assert found({"letters": b"".join(letter.content for letter in sink.letters)}, [*spellings(canaries.address)])
    assert found(haystacks, canaries.needles) == []
    assert found(haystacks, canaries.visitors) == []


@on_sqlite
def test_a_log(capfd: pytest.CaptureFixture[str], house: House, keys: Keyring) -> None:
    """A letter that cannot be written, an intake that cannot be opened, a database that is away: no word of whom."""
    init_logs()  # to where this test's errors go
    canaries = Canaries()
    address = house.confirmed(**canaries.person(appear="count"))
    house.post("/en/release-test/sign", SIGNER | canaries.person())

    def fails(_campaign: int, _subject: int | None) -> None:
        raise RuntimeError(f"a text with {canaries.name}")

    house.worker.sender.writer.kinds = {name: LetterKind(fails) for name in house.worker.sender.writer.kinds}  # type: ignore[arg-type]
    house.work()
    request = f'{{"kind": "sign", "locale": "en", "email": "{address.to}", "name": "{canaries.name}", "no": "such"}}'
    intake = Intake(campaign_id=1, sealed=b"", received_at=clock.now())
    db.session.add(intake)
    db.session.flush()
    intake.sealed = keys.sealer.seal(request.encode(), binding("intake", 1, intake.id.bytes))
    db.session.commit()
    house.work()
    db.session.execute(text("ALTER TABLE intake RENAME TO away"))
    house.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    assert house.post("/en/release-test/sign", SIGNER | canaries.person()).status_code == 503
    house.worker.engine.drains["intake"]()
    said = "".join(capfd.readouterr())
    assert "letter not written" in said
    assert "intake failed" in said
    assert "drain failed" in said
    assert found({"log": said.encode()}, canaries.needles) == []


# A web server that was broken into.


@on_sqlite
def test_the_web_works_without_the_keys_that_open(stack: Stack, sink: SmtpSink) -> None:
    """It takes in what the worker, who has the keys, then opens."""
    keys = {name: (stack.instance / "keys" / name) for name in ("sealing.private", "pepper")}
    kept = {path: path.read_bytes() for path in keys.values()}
    for path in kept:
        path.unlink()
    stack.start_web()
    stack.sign()
    assert "campaign keys" in stack.try_run("worker").errors
    for path, content in kept.items():
        path.write_bytes(content)
    stack.start_worker()
    assert sink.wait_for(1, to=SIGNER["email"])


SPY = """
import gc, re, sys
opened = set()
sys.addaudithook(lambda event, args: opened.add(str(args[0])) if event == "open" else None)
from wsgi import app
base = app.config["PUBLIC_URL"]
client = app.test_client()
form = dict(name="A", email="a@example.org", country="GB", appear="name", news="all")
assert client.post("/en/release-test/sign", data=form, base_url=base).status_code == 303
for page in ("", "signatures/", "statements/", "timeline/", "link", "follow", "sign"):
    assert client.get(f"/en/release-test/{page}", base_url=base).status_code == 200
for page in ("confirm", "yours", "unsubscribe"):
    assert client.get(f"/en/{page}/nonsense", base_url=base).status_code == 404
print(sorted(path.rpartition("/")[2] for path in opened if "/keys/" in path))
print(sorted(name for name in sys.modules if name == "campaign.opening" or re.match("campaign.*tasks", name)))
print([type(thing).__name__ for thing in gc.get_objects() if type(thing).__name__.endswith("PrivateKey")])
"""


@on_sqlite
def test_the_web_process_holds_nothing_that_opens(stack: Stack) -> None:
    """The files that it reads, the modules that it loads and the objects that it makes: none is of the private side."""
    done = subprocess.run(
        [sys.executable, "-c", SPY],
        cwd=ROOT,
        env=stack.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == ["['sealing.public', 'session']", "[]", "[]"], done.stderr


def test_no_import_leads_the_web_to_the_keys() -> None:
    """Nor will one that is added later."""
    done = subprocess.run([FOLDER / "lint-imports"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert re.search(r"web process reaches neither the private key nor any task\S* KEPT", done.stdout), done.stdout


@on_sqlite
def test_what_the_web_holds_opens_nothing(house: House, stack: Stack) -> None:
    """Its keys taken for the private key and for the pepper."""
    house.signed()
    config = Config.read(stack.environ)
    held = [config.secret("session"), config.secret("sealing.public")]
    reader = db.session.scalars(select(Reader)).one()
    address = EmailAddress.parse(SIGNER["email"])
    for private in held:
        for pepper in held:
            thief = Keyring(private, pepper)
            assert thief.fingerprint(address, 1) != reader.fingerprint
            with pytest.raises(CannotOpen):
                thief.open(reader.sealed_address, binding("reader", 1, reader.fingerprint))


# The mail provider.


@on_sqlite
def test_letters_name_nobody(house: House) -> None:
    """Not even whoever chose to be named: every kind of letter, in every language."""
    name = canary()
    typed = {"name": name, "city": f"{name}ville", "affiliation": f"Union of {name}", "statement": "Free him."}
    for locale in ("en", "es", "ur"):
        house.confirmed(locale, email=f"{locale}@example.org", **typed)
        house.post(f"/{locale}/release-test/sign", SIGNER | typed | {"email": f"{locale}@example.org"})
        for _ in range(2):
            house.post(f"/{locale}/release-test/follow", {"email": f"f-{locale}@example.org", "news": "all"})
            house.work()
            house.post(house.letters(f"f-{locale}@example.org")[0].link("/confirm/"))
        house.post(f"/{locale}/release-test/endorse", UNION | {"email": f"e-{locale}@example.org", "speaker": name})
        house.work()
        house.post(house.letters(f"e-{locale}@example.org")[0].link("/confirm/"))
    house.work()
    for endorsement in db.session.scalars(select(Endorsement)):
        approve(endorsement, clock.now())
    for statement in db.session.scalars(select(Statement)):
        approve(statement, clock.now())
    for locale in ("en", "es", "ur"):
        house.post(f"/{locale}/release-test/follow", {"email": f"w-{locale}@example.org", "news": "weekly"})
        house.work()
        house.post(house.letters(f"w-{locale}@example.org")[0].link("/confirm/"))
        house.post(f"/{locale}/release-test/sign", SIGNER | typed | {"email": f"late-{locale}@example.org"})
        house.post(f"/{locale}/release-test/follow", {"email": f"late-f-{locale}@example.org", "news": "all"})
    house.publish()
    house.work()
    with time_machine.travel(clock.now() + timedelta(days=2.5)) as hands:
        house.worker.engine.drains["reminders"]()
        hands.shift(timedelta(days=5))
        house.worker.engine.drains["digests"]()
        house.work()
    assert name in house.get("/en/release-test/signatures/").text
    kinds = set(db.session.scalars(select(Delivery.letter).where(Delivery.state == "sent")))
    assert kinds == {kind for kind in house.worker.sender.writer.kinds if not kind.startswith(TO_ORGANIZERS)}
    assert len(house.sink.letters) >= 3 * len(kinds)
    texts = {received.recipients[0]: received.content for received in house.sink.letters}
    letters = [read(received.content) for received in house.sink.letters]
    texts |= {f"{at}": f"{letter.headers}{letter.text}{letter.html}".encode() for at, letter in enumerate(letters)}
    assert found(texts, [*spellings(name)]) == []


# A signer who was erased.


def traces(reader: Reader) -> Needles:
    """What is kept of a reader: each value, raw and in hex, in pieces, so that a half that is left is found too."""
    signatures = db.session.scalars(select(Signature).where(Signature.reader_id == reader.id)).all()
    values = {"handle": reader.handle, "sealed address": reader.sealed_address, "fingerprint": reader.fingerprint}
    for signature in signatures:
        values |= {"sealed signature": signature.sealed, "receipt": signature.secret}
    for delivery in db.session.scalars(select(Delivery).where(Delivery.reader_id == reader.id)):
        values |= {f"link {delivery.id}": delivery.link_hash or b"", f"seed {delivery.id}": delivery.link_seed or b""}
    pieces = [(what, value[at : at + 16]) for what, value in values.items() for at in range(0, len(value) - 15, 16)]
    return [(f"{what} of {reader.id}", form) for what, piece in pieces for form in (piece, piece.hex().encode())]


def erase_through_the_web(house: House, stack: Stack, people: int, gone: int) -> dict[int, Needles]:
    """Of many who signed some withdraw and are erased; what lay of them, by reader, found there before."""
    names = [canary() for _ in range(people)]
    for name in names:
        typed = {"name": f"Ż {name}", "email": f"{name}@example.org", "statement": f"Words of {name}. " * 9}
        house.post("/en/release-test/sign", SIGNER | typed)
    house.work()
    letters = {name: house.letters(f"{name}@example.org")[0] for name in names}
    for letter in letters.values():
        house.post(letter.link("/confirm/"))
    house.work()
    links = {name: house.yours(letter) for name, letter in letters.items()}
    readers = dict(zip(names, db.session.scalars(select(Reader).order_by(Reader.id)), strict=True))
    lost = random.Random(7).sample(names, gone)  # noqa: S311 - a choice, not a secret
    needles = {readers[name].id: [*traces(readers[name]), *spellings(name)] for name in lost}
    house.run("scrub")
    if is_sqlite():
        assert all(found(files_of(stack.instance), some) for some in needles.values()), "the search finds them before"
    for name in lost:
        assert house.post(links[name], {"action": "withdraw"}).status_code == OK
        assert house.post(links[name], {"action": "erase"}).status_code == OK
        assert house.get(links[name]).status_code == GONE
    house.work()
    house.run("scrub")
    return needles


@on_sqlite
def test_an_erased_signer_has_left_the_files(house: House, stack: Stack) -> None:
    """SQLite: a few signers, where all fits into few pages."""
    needles = erase_through_the_web(house, stack, people=4, gone=2)
    for reader, some in needles.items():
        assert found(files_of(stack.folder), some) == [], f"reader {reader}"


@on_sqlite
def test_an_erased_signer_among_many_has_left_the_files(house: House, stack: Stack) -> None:
    """SQLite: many, so that pages of the tables have been split and rows have moved between them."""
    needles = erase_through_the_web(house, stack, people=70, gone=20)
    left = {reader: hits for reader, some in needles.items() if (hits := found(files_of(stack.folder), some))}
    assert left == {}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_erased_signer_has_left_the_rows(house: House, stack: Stack) -> None:
    """PostgreSQL: no row holds anything, and none of a dump.

    What is deleted stays as a dead row in the table's file until VACUUM. The worker's VACUUM takes dead rows out of
    the page and moves what lives together, but it writes no zeros: in the gap between, bytes stay until a new row
    comes to lie there, or until VACUUM can cut off an empty end of the file. The write-ahead log (`pg_wal`, and its
    archive where there is one) keeps its copy until its segment is recycled. So a thief of the disk, other than one of
    a dump, may find the ciphertext of somebody who was erased lately; without the private key it says nothing.
    """
    needles = erase_through_the_web(house, stack, people=12, gone=5)
    db.session.rollback()
    for reader, some in needles.items():
        assert found(dump_of(stack.database_url), some) == [], f"reader {reader}"


@on_sqlite
def test_erasing_wakes_the_scrub(house: House, stack: Stack) -> None:
    """What the web wakes the worker for is enough: nobody waits for the hour."""
    yours = house.yours(house.confirmed())
    needles = traces(db.session.scalars(select(Reader)).one())
    db.session.commit()
    house.worker.sweep()
    house.post(yours, {"action": "erase"})
    assert found(files_of(stack.instance), needles)
    house.do_what_was_woken()
    assert found(files_of(stack.instance), needles) == []


@on_sqlite
def test_two_who_are_erased_together(house: House, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The web passes on few wake-ups a second: where one is swallowed, the sweep heals that, as all else."""
    monkeypatch.setattr(work, "QUIET_SECONDS", 60)
    first, second = (house.yours(house.confirmed(email=f"{name}@example.org")) for name in ("one", "two"))
    needles = traces(db.session.scalars(select(Reader).order_by(Reader.id.desc()).limit(1)).one())
    db.session.commit()
    house.worker.sweep()
    house.post(first, {"action": "erase"})
    house.do_what_was_woken()
    house.post(second, {"action": "erase"})
    house.do_what_was_woken()
    for _ in range(3):
        house.worker.sweep()
    assert found(files_of(stack.instance), needles) == []


@on_sqlite
@pytest.mark.parametrize("appear", ["initials", "count"])
def test_a_name_that_was_taken_back_has_left_the_files(house: House, stack: Stack, appear: str) -> None:
    """Who appears as initials or only counts has a private name, though it was public before."""
    name = canary()
    yours = house.yours(house.confirmed(name=name, city=name))
    db.session.commit()
    house.worker.sweep()
    assert name in house.get("/en/release-test/signatures/").text
    assert house.post(yours, {"appear": appear, "news": "all"}).status_code == SEE_OTHER
    house.do_what_was_woken()
    house.worker.sweep()
    assert name not in house.get("/en/release-test/signatures/").text
    db.session.rollback()
    assert found(files_of(stack.instance), [*spellings(name)]) == []


@on_sqlite
def test_who_never_confirmed_is_forgotten(house: House, stack: Stack) -> None:
    """After seven days, with the file's bytes."""
    house.signed()
    reader = db.session.scalars(select(Reader)).one()
    needles = traces(reader)
    db.session.commit()
    assert found(files_of(stack.instance), needles)
    with time_machine.travel(clock.now() + timedelta(days=11)):
        house.worker.sweep()
    assert found(files_of(stack.instance), needles) == []


# Rows that were swapped.


def test_an_address_opens_in_its_own_row_only(house: House, keys: Keyring) -> None:
    """Copied to another reader, another campaign or another purpose it does not open, and no letter goes out."""
    for name in ("victim", "thief"):
        house.confirmed(email=f"{name}@example.org")
    victim, thief = db.session.scalars(select(Reader).order_by(Reader.id))
    own = binding("reader", victim.campaign_id, victim.fingerprint)
    assert keys.open(victim.sealed_address, own) == b"victim@example.org"
    for info in (
        binding("reader", victim.campaign_id, thief.fingerprint),
        binding("reader", victim.campaign_id + 1, victim.fingerprint),
        binding("signer", victim.campaign_id, victim.fingerprint),
        binding("intake", victim.campaign_id, victim.fingerprint),
        b"",
    ):
        with pytest.raises(CannotOpen):
            keys.open(victim.sealed_address, info)
    thief.sealed_address = victim.sealed_address
    db.session.commit()
    house.sink.clear()
    house.publish()
    assert [received.recipients for received in house.sink.letters] == [("victim@example.org",)]


@on_sqlite
def test_a_name_opens_in_its_own_row_only(house: House) -> None:
    """What was sealed with one signature does not show with another."""
    name = canary()
    house.confirmed(email="private@example.org", name=name, appear="count")
    thief = house.signed(email="thief@example.org")
    signatures = db.session.scalars(select(Signature).order_by(Signature.id)).all()
    signatures[1].sealed = signatures[0].sealed
    house.post(thief.link("/confirm/"))
    house.worker.engine.drains["names"]()
    db.session.rollback()
    assert db.session.scalars(select(Signature.public_name)).all() == [None, None]
    assert name not in house.get("/en/release-test/signatures/").text


@on_sqlite
def test_a_request_opens_in_its_own_row_only(house: House) -> None:
    """A request that was copied, to sign twice or another appeal, is set aside."""
    house.post("/en/release-test/sign", SIGNER)
    taken = db.session.scalars(select(Intake)).one()
    db.session.add(Intake(campaign_id=taken.campaign_id, sealed=taken.sealed, received_at=clock.now()))
    db.session.commit()
    house.work()
    db.session.rollback()
    assert db.session.scalars(select(Intake.failed_at)).one() is not None
    assert len(house.sink.letters) == 1


# Keys.


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    """Files 0600 in a folder 0700, whatever the umask; made once, and never made anew over others."""
    before = os.umask(0)
    try:
        assert make_keys(tmp_path / "instance" / "keys")
    finally:
        os.umask(before)
    folder = tmp_path / "instance" / "keys"
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert files == dict.fromkeys(("pepper", "sealing.private", "sealing.public", "session"), 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    content = files_of(folder)
    assert not make_keys(folder)
    assert files_of(folder) == content


def test_keys_in_a_folder_that_was_there(tmp_path: Path) -> None:
    """Somebody made the folder by hand, open to all."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o755)
    make_keys(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["sealing.public", "session"])
def test_no_key_no_start(tmp_path: Path, name: str, keys_folder: Path) -> None:
    """There is no clear-text fallback."""
    stack = Stack(tmp_path, "smtp://127.0.0.1:1")
    make_keys(stack.instance / "keys")
    (stack.instance / "keys" / name).unlink()
    with pytest.raises(Exception, match=f"{name}.*is not in"):
        create_app(Config.read(stack.environ))


# Visitors. That nothing of them is stored is searched for above, in the stolen database.


def test_the_key_of_yesterday_is_gone(house: House, stack: Stack) -> None:
    """So that nobody can tell for whom the rate limits of yesterday stood; not from the file either."""
    house.sign()
    yesterday = db.session.scalars(select(DailyKey)).one()
    needles = [("the day's key", yesterday.key)]
    db.session.commit()
    with time_machine.travel(clock.now() + timedelta(days=1)):
        house.sign()
        house.run("forget", "scrub")
        db.session.rollback()
        today = db.session.scalars(select(DailyKey)).one()
        assert today.day == clock.today()
    db.session.rollback()
    haystacks = files_of(stack.instance) if is_sqlite() else dump_of(stack.database_url)
    assert found(haystacks, needles) == []
    assert found(haystacks, [("today's key", today.key)]) or not is_sqlite()


@on_sqlite
def test_the_limits_know_no_address(house: House) -> None:
    """What stands for a client is a keyed hash, another one the next day."""
    app = house.client.application
    seen = set()
    for days in (0, 1):
        visit = app.test_request_context("/", environ_base={"REMOTE_ADDR": CLIENT})
        with time_machine.travel(clock.now() + timedelta(days=days)), visit:
            seen.add(client_key())
            db.session.rollback()
    assert len(seen) == 2
    assert not found({"keys": "".join(seen).encode()}, [*spellings(CLIENT), *digests(CLIENT)])


def test_no_table_has_a_place_for_visitors(house: House) -> None:
    """Nobody stores them by accident."""
    columns = [f"{table}.{column.name}" for table in Base.metadata.tables.values() for column in table.columns]
    assert not [name for name in columns if re.search(r"agent|remote|\bip\b|_ip|client|referr?er", name)]
    assert inspect(db.engine).get_table_names()
