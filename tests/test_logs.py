"""Logs: one event a line, and in none of them an address, a name, a token, a visitor: whoever writes it."""

import json
import logging
import socket
import sqlite3
import sys
from contextlib import closing
from io import StringIO

import pytest
import structlog

from campaign.logs import Lines, init_logs
from tests.servers import LOOPBACK, SmtpSink, until
from tests.stack import Stack
from tests.test_surrender import Canaries, found, journey

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

ADDRESS = "ada@example.org"


class Terminal(StringIO):
    """Somebody's screen."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def said(monkeypatch: pytest.MonkeyPatch, stream: StringIO) -> StringIO:
    """What is logged from now on."""
    monkeypatch.setattr(sys, "stderr", stream)
    init_logs()
    return stream


def test_a_line_is_json_unless_a_person_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services get JSON; a terminal gets words."""
    stream = said(monkeypatch, StringIO())
    structlog.get_logger().warning("relay refuses", reason="421")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["reason"]) == ("relay refuses", "warning", "421")
    assert line["timestamp"].endswith("Z")
    stream = said(monkeypatch, Terminal())
    structlog.get_logger().warning("relay refuses", reason="421")
    assert "relay refuses" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_what_libraries_log_holds_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text before values were put into it; where it has none, only who said it; of an error, its class."""
    stream = said(monkeypatch, StringIO())
    library = logging.getLogger("some.library")
    library.warning("a letter to %s", ADDRESS)
    library.warning(f"a letter to {ADDRESS}")
    try:
        raise ValueError(ADDRESS)
    except ValueError:
        library.exception("Exception on %s", f"/en/confirm/{ADDRESS}")
    library.info("nothing")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert ADDRESS not in stream.getvalue()
    assert [line["event"] for line in lines][::2] == ["a letter to %s", "Exception on %s"]
    assert lines[1]["event"].startswith("test_logs line ")
    assert {line["logger"] for line in lines} == {"some.library"}
    assert lines[2]["error"] == "ValueError"


def test_several_apps_write_each_line_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each app begins the logs anew."""
    stream = said(monkeypatch, StringIO())
    init_logs()
    logging.getLogger("some.library").warning("once")
    assert len(stream.getvalue().splitlines()) == 1
    assert sum(isinstance(handler, Lines) for handler in logging.getLogger().handlers) == 1


@one_database
def test_no_log_knows_anybody(stack: Stack, sink: SmtpSink) -> None:
    """A whole journey, then a database that fails and requests that are broken: no word of whom, in any log."""
    canaries = Canaries()
    stack.start_web()
    stack.start_worker()
    journey(stack, sink, canaries)
    with closing(sqlite3.connect(stack.instance / "campaign.sqlite")) as connection:
        connection.execute("ALTER TABLE deliveries RENAME TO away")
        connection.commit()
    for token in canaries.tokens:
        assert stack.post(f"/en/confirm/{token}").status == 503
    with socket.create_connection((LOOPBACK, stack.port), 5) as visitor:
        visitor.sendall(f"GET /{canaries.address} HTTP/9.9\r\nX {canaries.name}: {canaries.address}\r\n\r\n".encode())
        assert b"400" in visitor.recv(100)
    stack.start_worker()
    until(lambda: "drain failed" in stack.log("worker"))
    web, worker = stack.log("web"), stack.log("worker")
    lines = [json.loads(line) for line in (web + worker).splitlines() if line.startswith("{")]
    assert {"no answer from the database", "drain failed"} <= {line["event"] for line in lines}
    assert "gunicorn.error" in {line.get("logger") for line in lines}, "its complaint of a broken request"
    assert [line for line in worker.splitlines() if line[:1] != "{" and line != "worker ready"] == []
    assert found({"web": web.encode(), "worker": worker.encode()}, canaries.needles) == []
    assert f"ip={LOOPBACK}" not in web
    assert "Traceback" not in web + worker
