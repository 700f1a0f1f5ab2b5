"""Speaking SMTP, command by command or all at once (RFC 2920): whatever the relay answers, a letter's fate is known."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from flask import Flask
from flask_mail import Mail

from campaign.mailing import smtp
from campaign.mailing.carrying import Carriers
from campaign.mailing.relay import Relay, RelayConnection
from campaign.mailing.talking import Fate, Parcel, Reply
from campaign.mailing.wire import Wire
from tests.servers import BREAK_OFF, HANG_UP, KEEP_AND_HANG_UP, LOOPBACK, STALL, SmtpSink

CONTENT = b"Subject: News\r\n\r\n.one dot\r\n..two dots\r\n.\r\nthe end\r\n"
SECONDS = 0.5

both_ways = pytest.mark.parametrize("pipelining", [True, False], ids=["at once", "one by one"])


def carriers_to(port: int) -> Carriers:
    """One carrier to a relay that has half a second for each reply."""
    relay = Relay("smtp", LOOPBACK, port, None, None, SECONDS, "campaign.example", 100)
    return Carriers(lambda: RelayConnection(Mail(Flask("mail")), relay), 1)


def carry(carriers: Carriers, recipient: str = "reader@example.org", content: bytes = CONTENT) -> Reply:
    """Carry one letter; what became of it."""
    carriers.hand_out(Parcel("news@campaign.example", recipient, content, time.monotonic() + 60))
    [(_parcel, reply)] = carriers.collect()
    return reply


@pytest.fixture
def carriers(sink: SmtpSink, pipelining: bool) -> Carriers:
    """One to the sink, which offers pipelining or not."""
    sink.pipelining = pipelining
    return carriers_to(sink.port)


REFUSED = [
    ("sender", "550 5.1.8 not you", Fate.SENDER_REFUSED, 550, 1),
    ("sender", "451 4.3.0 later", Fate.SENDER_REFUSED, 451, 1),
    ("sender", "421 4.3.2 closing", Fate.SENDER_REFUSED, 421, 2),
    ("recipient", "550 5.1.1 nobody", Fate.RECIPIENT_REFUSED, 550, 1),
    ("recipient", "421 4.3.2 closing", Fate.RECIPIENT_REFUSED, 421, 2),
    ("data", "451 4.3.0 not now", Fate.LETTER_REFUSED, 451, 1),
    ("data", "421 4.3.2 closing", Fate.LETTER_REFUSED, 421, 2),
    ("letter", "554 5.6.0 spam", Fate.LETTER_REFUSED, 554, 1),
    ("letter", "421 4.3.2 closing", Fate.LETTER_REFUSED, 421, 2),
    ("sender", HANG_UP, Fate.BROKEN_OFF, None, 2),
    ("recipient", HANG_UP, Fate.BROKEN_OFF, None, 2),
    ("data", HANG_UP, Fate.BROKEN_OFF, None, 2),
    ("data", BREAK_OFF, Fate.UNKNOWN, None, 2),
    ("letter", KEEP_AND_HANG_UP, Fate.UNKNOWN, None, 2),
    ("recipient", STALL, Fate.BROKEN_OFF, None, 2),
    ("letter", STALL, Fate.UNKNOWN, None, 2),
]


@both_ways
@pytest.mark.parametrize(("where", "answer", "fate", "code", "visits"), REFUSED, ids=lambda case: str(case)[:12])
def test_whatever_is_answered(
    sink: SmtpSink, carriers: Carriers, where: str, answer: str, fate: Fate, code: int | None, visits: int
) -> None:
    """The fate, the code, nothing kept that was refused; and the next letter goes, over the same connection or anew."""
    name = f"reply_to_{where}"
    well = getattr(sink, name)
    setattr(sink, name, lambda _asked: answer)
    said = carry(carriers)
    assert (said.fate, said.code) == (fate, code)
    assert len(sink.letters) == (answer == KEEP_AND_HANG_UP)
    setattr(sink, name, well)
    sink.clear()
    assert carry(carriers, "next@example.org") == Reply(Fate.ACCEPTED, 250)
    assert [letter.recipients for letter in sink.letters] == [("next@example.org",)]
    assert sink.letters[0].content == CONTENT
    assert sink.connections == visits


@pytest.mark.parametrize("pipelining", [True])
def test_data_that_is_asked_for_though_nobody_gets_it(sink: SmtpSink, carriers: Carriers) -> None:
    """A single dot answers it (RFC 2920, section 3.1): no letter, no reply that is owed, and the connection is good."""
    sink.takes_data_for_nobody = True
    well, sink.reply_to_recipient = sink.reply_to_recipient, lambda _address: "550 5.1.1 nobody"
    assert carry(carriers).fate is Fate.RECIPIENT_REFUSED
    sink.reply_to_recipient = well
    assert carry(carriers).fate is Fate.ACCEPTED
    assert (len(sink.letters), len(sink.refused), sink.connections) == (1, 0, 1)


@both_ways
def test_how_often_is_written(
    sink: SmtpSink, carriers: Carriers, pipelining: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice a letter, or four times."""
    carry(carriers)
    written: list[bytes] = []
    write = Wire.write

    def note(self: Wire, data: bytes) -> None:
        written.append(data)
        write(self, data)

    monkeypatch.setattr(Wire, "write", note)
    carry(carriers)
    assert len(written) == (2 if pipelining else 4)
    envelope = b"MAIL FROM:<news@campaign.example>\r\nRCPT TO:<reader@example.org>\r\nDATA\r\n"
    assert b"".join(written[:-1]) == envelope
    assert len(sink.letters) == 2


@both_ways
@pytest.mark.parametrize("content", [b"", b"\r\n", b".\r\n", b"no end", b"Subject: x\r\n\r\n.\r\n.\r\n"])
def test_lines_arrive_as_they_were(sink: SmtpSink, carriers: Carriers, content: bytes) -> None:
    """Dots at their beginning, an end that is missing, and nothing at all."""
    assert carry(carriers, content=content).fate is Fate.ACCEPTED
    assert sink.letters[0].content == content + b"\r\n" * (content == b"no end")


@both_ways
@pytest.mark.parametrize("late_at", [1, 2], ids=["before", "between"])
def test_a_letter_whose_time_is_over_does_not_go(
    sink: SmtpSink, carriers: Carriers, late_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its envelope, or when the relay waits for its data: the connection breaks, and nothing is kept."""
    looks = iter(range(1, 100))
    over = time.monotonic() + 1000

    class Clock:
        """Tells that it is late from a look on."""

        def monotonic(self) -> float:
            return over if next(looks) >= late_at else time.monotonic()

    monkeypatch.setattr(smtp, "time", Clock())
    assert carry(carriers).fate is Fate.TOO_LATE
    monkeypatch.undo()
    assert sink.letters == []
    assert carry(carriers).fate is Fate.ACCEPTED
    assert sink.connections == 2


@both_ways
@pytest.mark.parametrize("address", ["a@example.org>\r\nRCPT TO:<b@example.org", "ä@example.org"])
def test_an_address_says_no_command(sink: SmtpSink, carriers: Carriers, address: str) -> None:
    """A line break in it, or what is not ASCII: nothing is said."""
    assert carry(carriers, address).fate is Fate.BROKEN_OFF
    assert (sink.letters, sink.refused) == ([], [])


@both_ways
def test_what_was_answered_in_time_is_heard_late(sink: SmtpSink, carriers: Carriers) -> None:
    """Whoever hands letters out may have to wait for something else: that is not the relay's fault."""
    carriers.hand_out(Parcel("news@campaign.example", "reader@example.org", CONTENT, time.monotonic() + 60))
    [(_parcel, first)] = carriers.collect()
    carriers.hand_out(Parcel("news@campaign.example", "next@example.org", CONTENT, time.monotonic() + 60))
    time.sleep(1.2 * SECONDS)  # the relay's patience with us is no event that we could await
    [(_parcel, second)] = carriers.collect()
    assert first == second == Reply(Fate.ACCEPTED, 250)
    assert sink.connections == 1


# A relay that goes away in the middle of its replies


@pytest.fixture
def talker(request: pytest.FixtureRequest) -> Iterator[int]:
    """A relay that offers pipelining, answers the first letter's envelope with these bytes, and hangs up; its port."""
    listener = socket.create_server((LOOPBACK, 0))

    def talk() -> None:
        with suppress(OSError):
            while True:
                connection, _peer = listener.accept()
                with connection:
                    connection.sendall(b"220 here\r\n")
                    connection.recv(1000)
                    connection.sendall(b"250-here\r\n250 PIPELINING\r\n")
                    connection.recv(1000)
                    connection.sendall(request.param)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1000)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


CUT_OFF = {
    b"": (Fate.BROKEN_OFF, None),
    b"250 ok\r\n": (Fate.BROKEN_OFF, None),
    b"250 ok\r\n250 ok\r\n": (Fate.BROKEN_OFF, None),
    b"250 ok\r\n550 nobody\r\n": (Fate.RECIPIENT_REFUSED, 550),
    b"250 ok\r\n550 nobody\r\n354 go on\r\n": (Fate.RECIPIENT_REFUSED, 550),
    b"550 not you\r\n": (Fate.SENDER_REFUSED, 550),
    b"550 not you\r\n503 who\r\n421 closing\r\n": (Fate.SENDER_REFUSED, 550),
    b"250 ok\r\n251 forwarded\r\n354 go on\r\n": (Fate.UNKNOWN, None),
    b"250-many\r\n250 lines\r\n452 4.2.2 full\r\n503 none\r\n": (Fate.RECIPIENT_REFUSED, 452),
}


@pytest.mark.parametrize("talker", CUT_OFF, indirect=True, ids=lambda said: said.decode().replace("\r\n", " ")[:24])
def test_replies_that_break_off(talker: int, request: pytest.FixtureRequest) -> None:
    """What was refused stays refused; what was not is tried again; only data that went out leaves it unknown."""
    said = carry(carriers_to(talker))
    assert (said.fate, said.code) == CUT_OFF[request.node.callspec.params["talker"]]
