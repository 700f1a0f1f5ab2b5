"""The relay of docs/operator.md: our letters go through its Postfix and its OpenDKIM, and arrive signed."""

import os
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default

import dkim
import pytest
from flask.testing import FlaskClient

from campaign import clock
from campaign.importing import import_campaign
from campaign.timeline.operations import UpdateDraft, add_update, publish
from tests.letters_in import read
from tests.postfix_in import DOMAIN, PROGRAMS, SELECTOR, SigningPostfix, documented
from tests.servers import Missing, Received, SmtpSink, living_processes
from tests.stack import Stack
from tests.test_sending import Post, working
from tests.test_state_machine import FACTS

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

SENDER = f"Campaign <news@{DOMAIN}>"
URDU = "وہ رہا ہو گئے 🎉✊"


@pytest.fixture
def postfix(sink: SmtpSink) -> Iterator[SigningPostfix]:
    """The manual's relay, in front of the sink."""
    with SigningPostfix(sink.port) as server:
        yield server


@pytest.fixture
def post(client: FlaskClient, installation: Stack, sink: SmtpSink, postfix: SigningPostfix) -> Iterator[Post]:
    """A worker that sends through it."""
    with working(installation, SMTP_URL=postfix.url, MAIL_FROM=SENDER) as worker:
        yield Post(client, worker, sink)


def is_signed(received: Received, public_key: bytes) -> bool:
    """Whether the one signature verifies against the key that is published for our selector."""

    def look_up(name: bytes, **_named: object) -> bytes:
        assert name == f"{SELECTOR}._domainkey.{DOMAIN}.".encode()
        return public_key

    return bool(dkim.verify(received.content, dnsfunc=look_up))


def signed_headers(received: Received) -> list[str]:
    """The names of the headers that the signature covers, in small letters."""
    signature = message_from_bytes(received.content, policy=default)["DKIM-Signature"]
    tag = re.search(r"\bh=([^;]+)", str(signature))
    assert tag is not None
    return ["".join(name.split()).lower() for name in tag[1].split(":")]


@one_database
def test_letters_arrive_signed(post: Post, postfix: SigningPostfix) -> None:
    """A confirmation and an update in Urdu with emoji: unchanged but for headers on top, signed, one-click covered."""
    campaign = import_campaign(FACTS | {"slug": "signed"}, clock.now())
    _english, urdu = post.readers(campaign, "reader@example.org", "qari@example.org")
    urdu.locale = "ur"
    draft = UpdateDraft("news", clock.today(), {"en": ("He is free", "News."), "ur": (URDU, "وہ صبح گھر آئے۔ 🎉")})
    publish(add_update(campaign, draft), clock.now())
    post.sign(campaign.slug, "ada@example.org")
    post.work()
    letters = {received.recipients[0]: received for received in post.sink.wait_for(3, 60)}
    assert letters.keys() == {"ada@example.org", "reader@example.org", "qari@example.org"}
    for address, received in letters.items():
        assert is_signed(received, postfix.public_key), address
        covered = signed_headers(received)
        assert {"from", "to", "subject", "date", "list-id", "list-unsubscribe", "list-unsubscribe-post"} <= set(covered)
        assert covered.count("from") == 2, "one more From cannot be added"
        assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in received.content
    assert URDU in read(letters["qari@example.org"].content).subject
    assert "وہ صبح گھر آئے۔ 🎉" in read(letters["qari@example.org"].content).text


@one_database
def test_the_check_itself_can_fail(post: Post, postfix: SigningPostfix) -> None:
    """A changed subject, one-click header or body, and a second From, are seen."""
    campaign = import_campaign(FACTS | {"slug": "signed"}, clock.now())
    post.sign(campaign.slug, "ada@example.org")
    post.work()
    [received] = post.sink.wait_for(1, 60)
    assert is_signed(received, postfix.public_key)
    for piece, other in ((b"Subject: ", b"Subject: x"), (b"=One-Click", b"=Two-Click"), (b"</body>", b"x</body>")):
        changed = received.content.replace(piece, other, 1)
        assert changed != received.content
        assert not is_signed(Received(received.sender, received.recipients, changed), postfix.public_key), piece
    second = b"From: evil@example.net\r\n" + received.content
    assert not is_signed(Received(received.sender, received.recipients, second), postfix.public_key)


@one_database
def test_unsigned_letters_do_not_leave(post: Post, postfix: SigningPostfix) -> None:
    """While OpenDKIM is away, Postfix says "later", and the letter is still due."""
    postfix.stop_signer()
    campaign = import_campaign(FACTS | {"slug": "signed"}, clock.now())
    post.sign(campaign.slug, "ada@example.org")
    post.work()
    [(state, _attempts, code)] = post.letters()
    assert (state, code // 100) == ("due", 4)
    assert post.sink.letters == []


@one_database
def test_without_the_manuals_line_one_click_is_not_covered(
    client: FlaskClient, installation: Stack, sink: SmtpSink
) -> None:
    """OpenDKIM's own choice of headers leaves List-Unsubscribe-Post out: that is what the line is for."""
    [line] = re.findall(r"^SignHeaders .*\n", documented()["/etc/opendkim.conf"], re.MULTILINE)
    with (
        SigningPostfix(sink.port, {line: ""}) as postfix,
        working(installation, SMTP_URL=postfix.url, MAIL_FROM=SENDER) as worker,
    ):
        post = Post(client, worker, sink)
        post.sign(import_campaign(FACTS | {"slug": "signed"}, clock.now()).slug, "ada@example.org")
        post.work()
        [received] = sink.wait_for(1, 60)
    assert "list-unsubscribe-post" not in signed_headers(received)


@pytest.mark.parametrize("user", ["somebody", "somebody without Postfix"])
def test_whoever_cannot_start_it_is_told(monkeypatch: pytest.MonkeyPatch, sink: SmtpSink, user: str) -> None:
    """Nothing is left out in silence: without root, or without the programs, these tests fail and name the command."""
    if user == "somebody":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        words = "sudo .venv/bin/python -m pytest tests/test_postfix.py"
    else:
        monkeypatch.setitem(PROGRAMS, "PATH", "/nowhere")
        words = "sudo apt-get install --yes --no-install-recommends postfix opendkim opendkim-tools"
    with pytest.raises(Missing, match=re.escape(words)):
        SigningPostfix(sink.port)


def test_postfix_is_gone_afterwards(sink: SmtpSink) -> None:
    """No process of it is left, and no folder."""
    with SigningPostfix(sink.port) as server:
        master = int((server.folder / "queue/pid/master.pid").read_text())
        assert master in {process.pid for process in living_processes()}
    assert master not in {process.pid for process in living_processes()}
    assert not server.folder.exists()
