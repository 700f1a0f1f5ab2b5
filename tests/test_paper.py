"""Lists on paper: read whatever they hold, tried, imported once, counted apart, undone; none is kept in clear."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from campaign import clock
from campaign.db import db
from campaign.ledger.queries import public_count
from campaign.opening import Keyring
from campaign.organizers.models import AuditEntry, Errand, Role
from campaign.organizers.operations import Order, send_errand
from campaign.signing.models import Signature
from campaign.signing.paper import tasks
from campaign.signing.paper.models import PaperBatch
from campaign.signing.paper.operations import describe, forget_files, take_file, undo_paper
from campaign.signing.paper.queries import count_on_paper, on_paper_by_country
from campaign.signing.paper.reading import (
    FIELDS,
    LARGEST,
    NotReadable,
    Row,
    Wrong,
    country_code,
    decoded,
    errors_file,
    guessed,
    headers,
    read,
)
from tests.organizers_in import Organizers, token_in
from tests.servers import SmtpSink
from tests.signers_in import Work, agreed_count, the_campaign, working
from tests.stack import Stack

TODAY = date(2026, 3, 1)
COLUMNS = {"name": 0, "email": 1, "country": 2, "day": 3}
LIST = """\ufeffNombre;Correo electrónico;País;Fecha
Rosa Firma;rosa@paper.example;España;2026-01-31
Sin Correo;;Pakistan;
=HYPERLINK("x");+49 formula;DE;
Rosa Again;Rosa+2@paper.example;ES;
;nobody@paper.example;ES;
Otra Más;;ES;31 de enero
Tercera;;پاکستان;
"""


def rows(text: str, columns: dict[str, int] = COLUMNS, country: str = "") -> list[Row | Wrong]:
    """What reading brings."""
    return list(read(text, columns, country, TODAY))


def test_a_list_as_people_make_it() -> None:
    """A byte order mark, semicolons, Spanish headers, names of countries in three languages, rows that are wrong."""
    text = decoded(LIST.encode())
    assert guessed(headers(text)) == COLUMNS
    found = rows(text)
    right = [(row.number, row.country, bool(row.email)) for row in found if isinstance(row, Row)]
    assert right == [(2, "ES", True), (3, "PK", False), (8, "PK", False)]
    assert [row.number for row in found if isinstance(row, Wrong)] == [4, 5, 6, 7]
    said = " ".join(row.why for row in found if isinstance(row, Wrong))
    assert "row above" in said
    assert not any(word in said for word in ("Rosa", "paper.example", "HYPERLINK"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  \n",
        b"name,email\n\0,a@example.org",
        b"PK\x03\x04 name,email",
        "name,país\nJosé,ES".encode("latin-1"),
        b"Rosa Firma,rosa@example.org,ES\nAda,ada@example.org,GB",
        b"a,b,c\n1,2,3",
        b"name,rosa@example.org\n",
    ],
)
def test_files_that_are_no_list(content: bytes) -> None:
    """Refused with a sentence."""
    with pytest.raises(NotReadable):
        headers(decoded(content))


def test_urdu_headers_and_tabs() -> None:
    """From a spreadsheet in Urdu, with tabs."""
    assert guessed(headers("نام\tملک\tشہر\nعلی\tPK\tلاہور")) == {"name": 0, "country": 1, "city": 2}
    assert guessed(headers("نام;ای میل پتا\nعلی;ali@example.org")) == {"name": 0, "email": 1}
    assert (country_code("uk"), country_code("Deutschland"), country_code("Alemania")) == ("GB", "", "DE")


def test_arabic_headers() -> None:
    """As our own help calls them."""
    assert guessed(headers("الاسم;البلد;اليوم\nليلى;LB;2026-01-31")) == {"name": 0, "country": 1, "day": 2}


FORMULA = ("=", "+", "-", "@", "\t", "\r")


@given(st.text(), st.dictionaries(st.sampled_from(FIELDS), st.integers(0, 5)))
def test_any_text_is_read_or_refused(text: str, columns: dict[str, int]) -> None:
    """Whatever a file holds: rows, wrong rows, or one sentence; never an error."""
    try:
        found = list(read(text, columns, "PK", TODAY))
    except NotReadable:
        return
    assert all(isinstance(row, Row | Wrong) for row in found)


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Likewise before there is text."""
    try:
        assert headers(decoded(content))
    except NotReadable:
        return


@given(st.lists(st.tuples(st.text(), st.text(), st.text())))
def test_any_cells(cells: list[tuple[str, str, str]]) -> None:
    """Cells of any text, written as a spreadsheet writes them: as many rows come out as are not blank, no cell in what
    is said, and nothing that a spreadsheet computes."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("name", "email", "country"), *cells])
    try:
        found = rows(out.getvalue().replace("\0", ""))
    except NotReadable:
        return
    assert len(found) <= len(cells)
    told = errors_file([row for row in found if isinstance(row, Wrong)]).decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(told, newline="")))
    assert not any(cell.startswith(FORMULA) for line in table for cell in line)


# Imported


@pytest.fixture
def work(app: Flask, installation: Stack) -> Iterator[Work]:
    """The worker in this process."""
    with working(app, installation) as work:
        yield work


class Killed(BaseException):
    """What kill -9 is like from inside: nothing catches it."""


def a_batch(keys: Keyring, lines: int = 9) -> UUID:
    """A list of so many on paper and three with an address, ready to be imported."""
    text = "name,email,country\n" + "".join(f"P{number},,{'PK' if number % 3 else 'GB'}\n" for number in range(lines))
    text += "".join(f"A{number},a{number}@paper.example,ES\n" for number in range(3)) + "Wrong,,\n"
    batch = take_file(the_campaign(), text.encode(), keys.sealer, "Sana", clock.now())
    describe(batch, guessed(batch.headers), {"country": "", "locale": "es", "appear": "initials"})
    db.session.commit()
    return batch.id


def import_it(keys: Keyring, batch_id: UUID) -> dict[str, int]:
    """As the worker does it."""
    payload = {"batch_id": str(batch_id), "locale": "en"}
    sent = send_errand(Order("import_paper", the_campaign().id, payload), keys.sealer, None, clock.now())
    db.session.commit()
    done = tasks.import_paper(sent, payload, keys)
    db.session.commit()
    return done


@pytest.mark.usefixtures("app", "stack")
@pytest.mark.parametrize("at", range(5))
def test_killed_in_the_middle(keys: Keyring, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Killed at any commit, begun again: each row counts once, each address has one pending signature."""
    batch_id = a_batch(keys)
    hold, calls = tasks.hold, count()

    def die(errand: Errand, done: int) -> None:
        if next(calls) == at:
            raise Killed
        hold(errand, done)

    monkeypatch.setattr(tasks, "BATCH", 4)
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "hold", die)
        try:
            import_it(keys, batch_id)
        except Killed:
            db.session.rollback()
    for _time in range(2):
        assert import_it(keys, batch_id) == {"letters": 3, "on_paper": 9, "wrong": 1}
    assert on_paper_by_country(the_campaign().id) == {"PK": 6, "GB": 3}
    assert db.session.query(Signature).filter_by(state="pending", source="paper", locale="es").count() == 3
    batch = db.session.get_one(PaperBatch, batch_id)
    assert (batch.sealed, batch.headers) == (None, [])
    undo_paper(batch, "Sana", clock.now())
    assert count_on_paper(the_campaign().id) == 0


@pytest.mark.usefixtures("app", "stack")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_files_are_forgotten(keys: Keyring) -> None:
    """A day later: one that nobody imported goes, one that was imported in part counts as far as it came."""
    left, begun = a_batch(keys), a_batch(keys)
    db.session.get_one(PaperBatch, begun).rows_done = 2
    forget_files(clock.now())
    assert db.session.get(PaperBatch, left) is not None
    for batch in db.session.query(PaperBatch):
        batch.at = clock.now().replace(year=2020)
    forget_files(clock.now())
    db.session.commit()
    assert db.session.get(PaperBatch, left) is None
    assert db.session.get_one(PaperBatch, begun).sealed is None


def test_the_journey(
    keys: Keyring, stack: Stack, client: FlaskClient, organizers: Organizers, work: Work, sink: SmtpSink
) -> None:
    """Choose a file, look at the columns, try, read what is wrong, import, see it beside the count, undo."""
    root = f"/console/{the_campaign().id}/signatures/paper/"
    console = organizers.as_role(Role.EDITOR, the_campaign().id)
    token = token_in(console.get(root).get_data(as_text=True))
    refused = console.post(root, data={"csrf_token": token, "file": (io.BytesIO(b"PK\x03\x04"), "a.csv")})
    assert (refused.status_code, "not a CSV file" in refused.get_data(as_text=True)) == (422, True)
    columns = console.post(root, data={"csrf_token": token, "file": (io.BytesIO(LIST.encode()), "a.csv")}).location
    page = console.get(columns).get_data(as_text=True)
    assert 'selected value="1"' in page
    chosen = {"csrf_token": token, "name": "0", "email": "1", "country": "2", "day": "3", "city": "-"}
    chosen |= {"affiliation": "-", "default_country": "", "locale": "es", "appear": "initials"}
    assert console.post(columns, data=chosen | {"name": "-"}).status_code == 422
    shown = console.post(columns, data=chosen).location
    work()
    assert "This is how the import would go" in console.get(shown).get_data(as_text=True)
    wrong = console.get(f"{shown}errors.csv").get_data(as_text=True)
    assert [line.partition(",")[0] for line in wrong.splitlines()[1:]] == ['"4"', '"5"', '"6"', '"7"']
    assert count_on_paper(the_campaign().id) == 0
    console.post(f"{shown}import", data={"csrf_token": token})
    work()
    assert "The list is imported" in console.get(shown).get_data(as_text=True)
    assert "and 2 on paper" in client.get("/en/release-test/").get_data(as_text=True)
    assert (public_count(the_campaign().id), agreed_count()) == (0, 0)
    (letter,) = sink.wait_for(1, to="rosa@paper.example")
    assert b"/es/confirm/" in letter.content
    undo = token_in(console.get(f"{shown}undo").get_data(as_text=True))
    console.post(f"{shown}undo", data={"csrf_token": undo})
    assert "on paper" not in client.get("/en/release-test/?2").get_data(as_text=True)
    assert console.post(f"{shown}undo", data={"csrf_token": undo}).status_code == 422
    acts = [entry.act for entry in db.session.query(AuditEntry).order_by(AuditEntry.id) if "paper" in entry.act]
    assert acts == ["paper.uploaded", "paper.checked", "paper.imported", "paper.undone"]
    assert_nowhere(stack, "Sin Correo", "rosa@paper.example")


def assert_nowhere(stack: Stack, *words: str) -> None:
    """These words stand in no row of any table, in clear or inside a file."""
    for table in reversed(db.metadata.sorted_tables):
        for row in db.session.execute(table.select()):
            held = " ".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row)
            assert not any(word in held for word in words), table.name
    assert not any(word in stack.all_output for word in words)


def multipart(token: str, content: bytes) -> dict[str, Any]:
    """The form with a file, as bytes: a test client would put a large one into a temporary file."""
    head = 'Content-Disposition: form-data; name="{}"{}\r\n\r\n'
    parts = ((head.format("csrf_token", ""), token.encode()), (head.format("file", '; filename="a.csv"'), content))
    body = b"".join(b"--edge\r\n" + lines.encode() + value + b"\r\n" for lines, value in parts)
    return {"data": body + b"--edge--\r\n", "content_type": "multipart/form-data; boundary=edge"}


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_who_may_and_how_much(keys: Keyring, organizers: Organizers) -> None:
    """Five megabytes and no more; a moderator not at all; nobody a batch of another campaign."""
    batch_id, here_id = a_batch(keys), the_campaign().id
    root = f"/console/{here_id}/signatures/paper/"
    console = organizers.as_role(Role.OWNER, here_id)
    token = token_in(console.get(root).get_data(as_text=True))
    big = b"name,country\n" + b"Somebody Long,PK\n" * 60_000
    assert len(big) < LARGEST
    for content, status in ((big, 303), (big * 6, 413)):
        assert console.post(root, **multipart(token, content)).status_code == status
    assert organizers.as_role(Role.MODERATOR, here_id).get(root).status_code == 403
    from tests.test_invalidation import a_second_campaign

    other_id = a_second_campaign()
    stranger = organizers.as_role(Role.OWNER, other_id)
    for path in (f"{batch_id}/", f"{batch_id}/columns", f"{batch_id}/errors.csv", f"{batch_id}/undo", f"{uuid4()}/"):
        assert stranger.get(f"{root}{path}").status_code == 404
        assert stranger.get(f"/console/{other_id}/signatures/paper/{path}").status_code == 404
    assert stranger.post(f"/console/{other_id}/signatures/paper/{batch_id}/import").status_code in (403, 404)
