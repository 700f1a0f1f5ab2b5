"""What comes back: reports and complaints read, believed by their address alone, and what follows for the reader."""

import re
import smtplib
import time
from collections.abc import Callable, Iterator
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner
from flask import has_app_context
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from campaign.campaigns.models import Campaign
from campaign.cli import main
from campaign.config import Config
from campaign.db import db
from campaign.mailing.models import Bounce, Delivery, Mailing, Reader, Suppression
from campaign.mailing.operations import forget_reader
from campaign.mailing.queries import mailing_progress
from campaign.mailing.returning import tasks
from campaign.mailing.returning.addresses import ReturnAddresses, Subject
from campaign.mailing.returning.imap import Unreachable, take_imap
from campaign.mailing.returning.lmtp import Door, open_door
from campaign.mailing.returning.maildir import take_maildir
from campaign.mailing.returning.operations import SOFT_LETTERS
from campaign.mailing.returning.reading import LARGEST
from campaign.mailing.returning.reading import read as reading_of
from campaign.mailing.returning.tasks import Later, Returns, Taken
from campaign.opening import Keyring, make_keys
from campaign.organizers.models import AuditEntry
from tests.imap_in import Imap
from tests.letters_in import read
from tests.reports_in import (
    away,
    complaint,
    delivered,
    exchange,
    exim,
    gmail,
    mail,
    old_exim,
    postfix,
    qmail,
    report,
)  # fmt: skip
from tests.servers import LOOPBACK, Received, SmtpSink, free_port, until
from tests.stack import Stack
from tests.test_composing import Desk as Seat
from tests.test_composing import campaign, seat
from tests.test_sending import Post, working

__all__ = ["campaign", "seat"]

BOUNCES = "bounces@letters.example.org"
LOCAL = 64
"""Octets of a local part (RFC 5321, section 4.5.3.1.1)."""

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@dataclass
class Desk(Post):
    """A post office to which letters come back."""

    returns: Returns

    def work(self) -> None:
        """Until no letter is left to go out: on a machine that is busy some are given back, and claimed again."""
        until(self._has_worked, 60)

    def _has_worked(self) -> bool:
        super().work()
        waiting = db.session.query(Delivery).filter(Delivery.state.in_(["due", "leased"])).count()
        db.session.commit()
        return waiting == 0

    def take(self, content: bytes, *recipients: str) -> Taken:
        """Take a mail in, as the command does."""
        db.session.commit()
        with self.worker.app.app_context():
            return self.returns.take(content, recipients)

    def told(self, *addresses: str) -> Campaign:
        """A campaign with these readers, who were told something."""
        campaign = self.campaign()
        self.readers(campaign, *addresses)
        self.tell(campaign)
        self.work()
        return campaign

    def letter(self, to: str) -> Received:
        """The newest letter to an address."""
        return self.sink.sent_to(to)[-1]

    def is_written_to(self, campaign: Campaign, address: str) -> bool:
        """Whether the next news reaches an address."""
        self.sink.clear()
        self.tell(db.session.get_one(Campaign, campaign.id))
        self.work()
        return address in self.sent

    def reasons_of_suppression(self) -> list[str]:
        """Why addresses are suppressed, sorted."""
        found = sorted(row.reason for row in db.session.query(Suppression))
        db.session.commit()
        return found


@pytest.fixture
def post(client: FlaskClient, installation: Stack, sink: SmtpSink) -> Iterator[Desk]:
    """A post office with an address for what comes back."""
    installation.settings["CAMPAIGN_BOUNCE_ADDRESS"] = BOUNCES
    with working(installation) as worker:
        yield Desk(client, worker, sink, Returns(Config.read(installation.environ), worker.keys))


@pytest.fixture
def hands() -> Iterator[time_machine.Traveller]:
    """The clock's hands; they stand still."""
    with time_machine.travel(datetime.now(UTC), tick=False) as hands:
        yield hands


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> ReturnAddresses:
    """Addresses of an installation without a database."""
    folder = tmp_path_factory.mktemp("addresses")
    make_keys(folder / "keys")
    config = Config.read({
        "CAMPAIGN_INSTANCE": str(folder),
        "CAMPAIGN_PUBLIC_URL": "https://campaign.example",
        "CAMPAIGN_SMTP_URL": "smtp://relay.example",
        "CAMPAIGN_MAIL_FROM": "Campaign <news@campaign.example>",
        "CAMPAIGN_BOUNCE_ADDRESS": BOUNCES,
    })  # fmt: skip
    return ReturnAddresses(config, Keyring.read(config))


# Addresses


def test_addresses_fit_and_survive_relays(addresses: ReturnAddresses) -> None:
    """In lower case, 64 octets at most, however long the number; folded to upper case they are the same."""
    for number in (1, 2**32, 2**48 - 1):
        path = addresses.return_path(number)
        assert path == path.lower()
        assert len(path.partition("@")[0]) <= LOCAL
        assert addresses.read(path) == addresses.read(path.upper()) == Subject(delivery_id=number)
    handle = bytes(range(16))
    found = re.fullmatch(r", <mailto:(unsubscribe\+[a-z2-7]+@letters\.example\.org)>", addresses.leave_by_mail(handle))
    assert found is not None
    assert len(found[1].partition("@")[0]) <= LOCAL
    assert addresses.read(found[1].title()) == Subject(handle=handle)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(place=st.integers(0, 31), char=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"), number=st.integers(1, 2**40))
def test_a_changed_token_is_forged(addresses: ReturnAddresses, place: int, char: str, number: int) -> None:
    """Whatever character is another, be it of the number or of its sign."""
    local, _, domain = addresses.return_path(number).partition("@")
    start, token = local.split("+")
    changed = f"{start}+{token[:place]}{char}{token[place + 1 :]}@{domain}"
    is_same = token[place] == char
    assert (addresses.read(changed) is None) is not is_same
    assert addresses.is_forged(changed) is not is_same


@settings(max_examples=300, deadline=None, derandomize=True)
@given(token=st.text(max_size=80), start=st.sampled_from(["bounces", "unsubscribe"]))
@example("", "bounces").via("nothing")
@example("ß" * 32, "bounces").via("longer in upper case")
@example("a" * 1000, "unsubscribe").via("very long")
def test_what_we_never_made_is_nobody(addresses: ReturnAddresses, token: str, start: str) -> None:
    """Any text in the token's place; one purpose's token does not fit the other's."""
    assert addresses.read(f"{start}+{token}@letters.example.org") is None
    assert addresses.read(addresses.return_path(7).replace("bounces+", "unsubscribe+")) is None


@one_database
def test_a_letter_goes_out_by_its_own_return_path(post: Desk) -> None:
    """Those of mailings and those asked for, each its own; From, and what the relay is told, stay apart."""
    campaign = post.told("a@example.org", "b@example.org")
    post.sign(campaign.slug)
    post.work()
    senders = {letter.sender for letter in post.sink.letters}
    assert len(senders) == 3
    numbers = {post.returns.addresses.read(sender) for sender in senders}
    assert numbers == {Subject(delivery_id=row.id) for row in db.session.query(Delivery)}
    assert all("news@campaign.example" in read(letter.content).headers["From"] for letter in post.sink.letters)


@one_database
def test_without_an_address_the_sender_is_the_return_path(
    client: FlaskClient, installation: Stack, sink: SmtpSink
) -> None:
    """As before; and no mailto in the letters."""
    with working(installation) as worker:
        plain = Post(client, worker, sink)
        campaign = plain.campaign()
        plain.readers(campaign, "a@example.org")
        plain.tell(campaign)
        plain.work()
    assert [letter.sender for letter in sink.letters] == ["news@campaign.example"]
    assert "mailto:" not in read(sink.letters[0].content).headers["List-Unsubscribe"]


@one_database
def test_list_unsubscribe_is_one_line_and_first_says_the_link(post: Desk) -> None:
    """RFC 2369 and RFC 8058: the link, then the address; neither folded nor encoded."""
    post.told("a@example.org")
    letter = read(post.letter("a@example.org").content)
    [line] = [line for line in letter.raw_headers if line.startswith(b"List-Unsubscribe:")]
    at = re.escape(post.client.application.config["PUBLIC_URL"])
    pattern = rf"List-Unsubscribe: <{at}/en/unsubscribe/[\w.-]+>, <mailto:unsubscribe\+[a-z2-7]+@letters\.example\.org>"
    assert re.fullmatch(pattern, line.decode("ascii"))
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in letter.raw_headers


# Reading

TO = BOUNCES
READ = {
    "postfix, no such user": (postfix(TO), Bounce.HARD),
    "postfix, domain takes no mail": (postfix(TO, "5.1.10", "556 5.1.10 Recipient null MX"), Bounce.HARD),
    "postfix, disabled": (postfix(TO, "5.2.1", "550 5.2.1 The email account is disabled"), Bounce.HARD),
    "postfix, full": (postfix(TO, "5.2.2", "552 5.2.2 Mailbox full"), Bounce.SOFT),
    "postfix, gave up": (postfix(TO, "4.4.1", "connect to mx.example.org[192.0.2.7]:25: timed out"), Bounce.SOFT),
    "postfix, tries on": (postfix(TO, "4.4.1", "Connection timed out", action="delayed"), None),
    "postfix, arrived": (postfix(TO, "2.0.0", "250 2.0.0 Ok", action="delivered"), None),
    "postfix, policy": (postfix(TO, "5.7.1", "550 5.7.1 Blocked by our policy"), Bounce.POLICY),
    "postfix, too large": (postfix(TO, "5.3.4", "552 5.3.4 Message size exceeds fixed limit"), Bounce.POLICY),
    "postfix, our address": (postfix(TO, "5.1.8", "550 5.1.8 Bad sender's system address"), Bounce.POLICY),
    "postfix, no route": (postfix(TO, "5.4.4", "Host or domain name not found"), Bounce.SOFT),
    "exim": (exim(TO), Bounce.HARD),
    "exim, enhanced": (exim(TO, "550 5.1.1 <gone@example.org> gone away"), Bounce.HARD),
    "exim, blocked": (exim(TO, "550 Blocked, see https://rbl.example.org"), Bounce.POLICY),
    "exim, who can tell": (exim(TO, "550 Administrative prohibition"), Bounce.SOFT),
    "exim, full": (exim(TO, "552 user's mailbox is full"), Bounce.SOFT),
    "exim, of old": (old_exim(TO), Bounce.HARD),
    "exim, of old, full": (old_exim(TO, "552 over quota"), Bounce.SOFT),
    "exchange": (exchange(TO), Bounce.HARD),
    "exchange, unknown": (exchange(TO, "5.5.0", "Requested action not taken: mailbox unavailable"), Bounce.HARD),
    "exchange, policy": (exchange(TO, "5.7.133", "RESOLVER.RST.SenderNotAuthenticatedForGroup"), Bounce.POLICY),
    "gmail": (gmail(TO), Bounce.HARD),
    "gmail, over quota": (gmail(TO, "4.2.2", "The email account that you tried to reach is over quota."), Bounce.SOFT),
    "gmail, spam": (gmail(TO, "5.7.26", "This mail is unauthenticated"), Bounce.POLICY),
    "qmail": (qmail(TO), Bounce.HARD),
    "qmail, later": (qmail(TO, "Connected but greeting failed. (#4.4.1)"), Bounce.SOFT),
    "one of two arrived": (
        report(TO, "Reporting-MTA: dns; a\n\nAction: delivered\nStatus: 2.0.0\n\nAction: failed\nStatus: 4.2.0"),
        Bounce.SOFT,
    ),
    "a version, no code": (old_exim(TO, "Exim 4.94.2 at 5.1.2.3 is unhappy"), Bounce.SOFT),
    "away": (away(TO), None),
    "a complaint": (complaint(TO, b"Subject: News\n\nNews."), Bounce.COMPLAINT),
    "no complaint": (complaint(TO, b"Subject: News\n\nNews.", kind="not-spam"), None),
    "of authentication": (complaint(TO, b"Subject: News\n\nNews.", kind="auth-failure"), None),
    "a letter": (mail(TO), None),
    "a letter of nobody": (mail(TO).replace(b"From: reader@example.org\n", b""), None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"], ids=["unix", "wire"])
def test_reports_are_read(name: str, ends: bytes) -> None:
    """In each server's words: whose fault it was."""
    content, says = READ[name]
    found = reading_of(content.replace(b"\n", ends))
    assert found.says == says
    assert found.is_by_machine is (name not in ("a letter", "a letter of nobody", "nothing"))
    assert set(found.addressed) == ({TO} if content else set())


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.binary(max_size=2000))
@example(b"Content-Type: multipart/report; boundary=\xff\n\n--\xff\n")
@example(b"Content-Type: text/plain; charset*=x'y'%ff\nContent-Transfer-Encoding: base64\n\n\xff")
@example(b"Content-Type: multipart/mixed; boundary=a\n\n" * 500)
def test_any_bytes_can_be_read(content: bytes) -> None:
    """Whatever comes in, nothing is raised."""
    assert reading_of(content).says in {None, *Bounce}


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(READ)), st.data())
def test_damaged_reports_can_be_read(name: str, data: st.DataObject) -> None:
    """Real ones, cut, spliced and with bytes of anything put in."""
    content, _says = READ[name]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    damaged = content[:start] + data.draw(st.binary(max_size=40)) + content[end:]
    assert reading_of(damaged).says in {None, *Bounce}


@pytest.mark.parametrize(
    "content",
    [
        b"a" * 3 * LARGEST,
        b"From: a@example.org\n\nFailed addresses follow:\n" + b" " * LARGEST,
        b"From: a@example.org\n\nA message that you sent could not be delivered\n" + b"a" * LARGEST,
        b"To: " + b"a" * LARGEST + b"\n\n",
        (b"To: " + b"a@" * 400 + b"\n") * 1000 + b"\nx",
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: message/rfc822\n\n" * 20_000,
        b"Content-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 60_000,
        b"Content-Type: message/delivery-status\n\nAction: failed\nDiagnostic-Code: smtp; " + b"user " * 200_000,
        b"From: a@example.org\n\nA message that you sent could not be delivered\n" + b"4." * (LARGEST // 2),
    ],
)
def test_no_mail_takes_long(content: bytes) -> None:
    """Neither the largest nor the most crooked: patterns that go back and back would take hours."""
    began = time.process_time()
    reading_of(content)
    assert time.process_time() - began < 5


# What follows


def test_an_inbox_that_is_not_there_is_not_written_to_again(post: Desk) -> None:
    """Once for all campaigns; the same report again, and a lighter one, change nothing; others are untouched."""
    here, there = post.told("gone@example.org", "b@example.org"), post.told("gone@example.org")
    bounced = post.sink.sent_to("gone@example.org")[0]
    assert post.take(postfix(bounced.sender, original=bounced.content)) is Taken.HARD
    assert post.take(postfix(bounced.sender)) is Taken.REPEATED
    assert post.take(postfix(bounced.sender.upper(), "5.2.2", "552 5.2.2 full")) is Taken.REPEATED
    assert post.reasons_of_suppression() == ["hard bounce"]
    assert not post.is_written_to(here, "gone@example.org")
    assert post.sent == ["b@example.org"]
    assert not post.is_written_to(there, "gone@example.org")


@one_database
def test_what_is_forged_changes_nothing(post: Desk) -> None:
    """A report to no token, to a wrong one, to one of another installation: counted, and the reader goes on reading."""
    campaign = post.told("reader@example.org")
    sender = post.letter("reader@example.org").sender
    last = "a" if sender[-len("@letters.example.org") - 1] != "a" else "b"
    longer = sender.replace("@", f"{last}@")
    wrong = sender.partition("@")[0][:-1] + last + "@letters.example.org"
    assert post.take(postfix(wrong)) is Taken.FORGED
    assert post.take(postfix(longer)) is Taken.FORGED
    assert post.take(postfix(BOUNCES)) is Taken.NOTHING
    assert post.take(postfix(sender.replace("letters", "other"))) is Taken.NOTHING
    assert post.take(complaint(BOUNCES, f"Return-Path: <{wrong}>\n\n".encode())) is Taken.FORGED
    assert post.take(postfix(sender), wrong) is Taken.FORGED, "the envelope's word counts, not the header's"
    assert post.take(complaint(wrong, b"Subject: x\n\n")) is Taken.FORGED
    assert post.reasons_of_suppression() == []
    assert post.is_written_to(campaign, "reader@example.org")


@one_database
def test_a_letter_of_long_ago_is_not_believed(post: Desk, hands: time_machine.Traveller) -> None:
    """Old letters lie about in many places: their return path suppresses nobody."""
    post.told("reader@example.org")
    hands.shift(31 * 86_400)
    assert post.take(postfix(post.letter("reader@example.org").sender)) is Taken.REPEATED
    assert post.reasons_of_suppression() == []


@one_database
def test_policy_is_not_the_readers_fault(post: Desk) -> None:
    """5.7.x: noted, and the reader goes on reading; graver news of the same letter still counts."""
    campaign = post.told("reader@example.org")
    sender = post.letter("reader@example.org").sender
    assert post.take(postfix(sender, "5.7.1", "550 5.7.1 no")) is Taken.POLICY
    assert post.is_written_to(campaign, "reader@example.org")
    assert post.take(postfix(sender)) is Taken.HARD
    assert post.reasons_of_suppression() == ["hard bounce"]


def test_a_full_inbox_is_tried_for_a_while(post: Desk, hands: time_machine.Traveller) -> None:
    """Five letters in a row, on three days or more; one that arrives between begins it anew."""
    campaign = post.told("full@example.org")
    full = ("5.2.2", "552 5.2.2 Mailbox full")
    for number in range(SOFT_LETTERS - 1):
        assert post.take(postfix(post.letter("full@example.org").sender, *full)) is Taken.SOFT
        hands.shift(86_400 if number < 2 else 60)
        assert post.is_written_to(campaign, "full@example.org")
    assert post.is_written_to(campaign, "full@example.org"), "one that arrived"
    for number in range(SOFT_LETTERS):
        assert post.reasons_of_suppression() == []
        assert post.take(postfix(post.letter("full@example.org").sender, *full)) is Taken.SOFT
        hands.shift(86_400 if number < 2 else 60)
        assert post.is_written_to(campaign, "full@example.org") is (number < SOFT_LETTERS - 1)
    assert post.reasons_of_suppression() == ["soft bounces"]


@one_database
def test_many_letters_of_one_bad_day_do_not_count_as_gone(post: Desk) -> None:
    """A provider that is down for a day."""
    campaign = post.told("down@example.org")
    for _number in range(SOFT_LETTERS + 1):
        assert post.take(postfix(post.letter("down@example.org").sender, "4.4.1", "timed out")) is Taken.SOFT
        assert post.is_written_to(campaign, "down@example.org")


@pytest.mark.parametrize("how", ["its own address", "return path", "original mail from", "mailto", "link"])
@one_database
def test_a_complaint_ends_it_at_once(post: Desk, how: str) -> None:
    """By whatever of our signs is left in it, be it the headers alone; again changes nothing."""
    campaign = post.told("reader@example.org", "b@example.org")
    letter = post.letter("reader@example.org")
    https, mailto = read(letter.content).headers["List-Unsubscribe"].split(", ")
    complaints = {
        "its own address": complaint(letter.sender, b"Subject: News\n\n"),
        "return path": complaint("fbl@letters.example.org", delivered(letter)),
        "original mail from": complaint("fbl@letters.example.org", b"", Original_Mail_From=f"<{letter.sender}>"),
        "mailto": complaint(BOUNCES, f"List-Unsubscribe: {mailto}\n".encode(), enclosed="text/rfc822-headers"),
        "link": complaint(BOUNCES, f"List-Unsubscribe: {https}\n".encode(), enclosed="text/rfc822-headers"),
    }
    assert post.take(complaints[how]) is Taken.COMPLAINT
    assert post.take(complaints[how]) is Taken.REPEATED
    assert post.reasons_of_suppression() == ["complaint"]
    assert not post.is_written_to(campaign, "reader@example.org")
    assert post.sent == ["b@example.org"]
    ended = [reader.unsubscribed_at is not None for reader in db.session.query(Reader).order_by(Reader.id)]
    assert ended == [True, False]


@one_database
def test_of_an_erased_reader_nothing_is_left_to_do(post: Desk) -> None:
    """Their letters may still come back; nothing is suppressed, nothing fails."""
    post.told("reader@example.org")
    letter = post.letter("reader@example.org")
    mailto = leaving(letter)
    forget_reader(db.session.query(Reader).one())
    assert post.take(postfix(letter.sender)) is Taken.HARD
    assert post.take(mail(mailto)) is Taken.UNSUBSCRIBED
    assert post.take(complaint(mailto, b"")) is Taken.REPEATED
    assert post.take(postfix(post.returns.addresses.return_path(10_000))) is Taken.REPEATED
    assert post.reasons_of_suppression() == []


@one_database
def test_an_address_that_does_not_open_is_passed_over(post: Desk) -> None:
    """It is logged by its reader's number; the next mail is taken in."""
    post.told("reader@example.org")
    db.session.query(Reader).one().sealed_address = b"damaged"
    assert post.take(postfix(post.letter("reader@example.org").sender)) is Taken.HARD
    assert post.reasons_of_suppression() == []


# Unsubscribing by mail


def leaving(letter: Received) -> str:
    """The address for unsubscribing that a letter names."""
    found = re.search(r"<mailto:([^>]+)>", read(letter.content).headers["List-Unsubscribe"])
    assert found is not None
    return found[1]


@one_database
def test_a_mail_unsubscribes(post: Desk) -> None:
    """From whatever address; only this reader, who may still ask for letters; twice is fine."""
    campaign = post.told("reader@example.org", "b@example.org")
    address = leaving(post.letter("reader@example.org"))
    assert post.take(mail(address.upper(), {"Precedence": "bulk"})) is Taken.UNSUBSCRIBED
    assert post.take(mail(address)) is Taken.UNSUBSCRIBED
    assert not post.is_written_to(campaign, "reader@example.org")
    assert post.sent == ["b@example.org"]
    assert post.reasons_of_suppression() == []


@one_database
def test_a_machine_that_answers_does_not_unsubscribe(post: Desk) -> None:
    """Nor does a report, nor a forged address, nor mail to a return path."""
    campaign = post.told("reader@example.org")
    address = leaving(post.letter("reader@example.org"))
    assert post.take(away(address)) is Taken.NOTHING
    assert post.take(postfix(address)) is Taken.NOTHING
    assert post.take(mail(address.replace("@", "a@"))) is Taken.FORGED
    assert post.take(away(post.letter("reader@example.org").sender)) is Taken.NOTHING
    assert post.take(mail(post.letter("reader@example.org").sender)) is Taken.NOTHING
    assert post.is_written_to(campaign, "reader@example.org")


# From where they come


def command(installation: Stack, *arguments: str, typed: str = "") -> str:
    """What a command says, run in this process: it starts ten times as quickly."""

    def run() -> str:
        said = CliRunner().invoke(main, arguments, input=typed, env=installation.environ)
        if has_app_context():
            db.session.remove()
            db.engine.dispose()
        return said.output

    db.session.commit()
    return Context().run(run)


def maildir(folder: Path, *mails: bytes) -> Path:
    """A Maildir with these mails, as a mail server leaves them."""
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(mails):
        (folder / "new" / f"170955{number:04}.V1I{number}.mx").write_bytes(content)
    return folder


def left_in(folder: Path) -> dict[str, int]:
    """How many mails lie where."""
    return {name: len(list((folder / name).iterdir())) for name in ("new", "cur")}


def test_the_journey_of_a_bounce(post: Desk, installation: Stack, tmp_path: Path) -> None:
    """Told, bounced, read by the command, left out next time; nothing that is printed or logged holds an address."""
    campaign = post.told("gone@example.org", "spam@example.org", "leaves@example.org", "stays@example.org")
    gone, spam, leaves = (post.letter(f"{name}@example.org") for name in ("gone", "spam", "leaves"))
    folder = maildir(
        tmp_path / "returned",
        postfix(gone.sender, original=gone.content),
        postfix(gone.sender, original=gone.content),
        complaint("fbl@letters.example.org", delivered(spam)),
        mail(leaving(leaves)),
        postfix(gone.sender.replace("@", "a@")),
        b"\xff\x00 rubbish",
    )
    db.session.commit()
    said = installation.run("bounces", "--maildir", str(folder), "--once")
    assert said == "1 complaint, 1 forged, 1 hard, 1 nothing, 1 repeated, 1 unsubscribed\n"
    assert left_in(folder) == {"new": 0, "cur": 2}
    assert post.is_written_to(campaign, "stays@example.org")
    assert post.sent == ["stays@example.org"]
    first, second = [mailing.id for mailing in db.session.query(Mailing).order_by(Mailing.id)]
    shown = command(installation, "mailings")
    assert f"{first}  {campaign.slug} number 1: done; 4 sent, 1 bounced, 1 complained" in shown
    assert f"{second}  {campaign.slug} number 2: done; 1 sent, 1 skipped" in shown
    assert command(installation, "suppressions") == "1  complaint\n1  hard bounce\n2 in all.\n"
    assert "@" not in installation.all_output.replace(str(tmp_path), "")


@one_database
def test_a_taker_that_dies_begins_again(post: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed when a mail was committed and not put away: it is read again, and nothing happens twice."""
    post.told("gone@example.org", "b@example.org")
    folder = maildir(
        tmp_path / "returned", *(postfix(post.letter(f"{name}@example.org").sender) for name in ("gone", "b"))
    )
    with monkeypatch.context() as dying, post.worker.app.app_context():
        dying.setattr(Path, "unlink", _die)
        with pytest.raises(KeyboardInterrupt):
            take_maildir(folder, post.returns)
    assert (left_in(folder)["new"], len(post.reasons_of_suppression())) == (2, 1)
    with post.worker.app.app_context():
        assert take_maildir(folder, post.returns) == {Taken.REPEATED: 1, Taken.HARD: 1}
        assert take_maildir(folder, post.returns) == {}
    assert (left_in(folder), len(post.reasons_of_suppression())) == ({"new": 0, "cur": 0}, 2)


def _die(*_about: object) -> None:
    raise KeyboardInterrupt


@one_database
def test_while_the_database_is_away_nothing_is_lost(
    post: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail stays where it is."""
    post.told("gone@example.org")
    folder = maildir(tmp_path / "returned", postfix(post.letter("gone@example.org").sender))
    with monkeypatch.context() as patch, post.worker.app.app_context():
        patch.setattr(tasks, "note_bounce", _locked)
        with pytest.raises(Later):
            take_maildir(folder, post.returns)
    assert left_in(folder) == {"new": 1, "cur": 0}


def _locked(*_about: object) -> bool:
    raise OperationalError("UPDATE", {}, Exception("database is locked"))


@pytest.fixture(params=["port", "socket"])
def door(request: pytest.FixtureRequest, post: Desk, tmp_path: Path) -> Iterator[str]:
    """An LMTP server of ours; where it listens."""
    where = f"{LOOPBACK}:{free_port()}" if request.param == "port" else str(tmp_path / "lmtp")

    def take(content: bytes, recipients: list[str]) -> Taken:
        with post.worker.app.app_context():
            return post.returns.take(content, recipients)

    server = open_door(where, Door(post.returns.addresses, take), "campaign.example")
    yield where
    server.stop()


def wired(content: bytes) -> bytes:
    """With the line ends of the wire; smtplib leaves those of bytes alone."""
    return content.replace(b"\n", b"\r\n")


def lmtp(where: str) -> smtplib.LMTP:
    """A client of it."""
    host, _, port = where.rpartition(":")
    return smtplib.LMTP(where) if "/" in where else smtplib.LMTP(host, int(port))


@one_database
def test_the_mail_server_hands_them_over(post: Desk, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the envelope's recipient, whatever the headers say; a forged one is refused before the data."""
    campaign = post.told("gone@example.org", "leaves@example.org")
    gone, leaves = post.letter("gone@example.org").sender, leaving(post.letter("leaves@example.org"))
    anybody = wired(postfix("anybody@example.org", original=b"x" * 5000))
    with lmtp(door) as client:
        with monkeypatch.context() as patch:
            patch.setattr(tasks, "note_bounce", _locked)
            with pytest.raises(smtplib.SMTPDataError, match="451"):
                client.sendmail("", [gone], anybody)
        assert client.sendmail("", [gone], anybody) == {}
        assert client.sendmail("reader@example.org", [leaves], wired(mail("anybody@example.org"))) == {}
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="550"):
            client.sendmail("", [gone.replace("@", "a@")], wired(postfix(gone)))
        later = client.sendmail("", [BOUNCES, gone], anybody)
        assert [code for code, _text in later.values()] == [452], "one at a time, as each has an answer of its own"
        with pytest.raises(smtplib.SMTPSenderRefused, match="552"):
            client.sendmail("", [gone], b"a\r\n" * LARGEST)
    assert post.reasons_of_suppression() == ["hard bounce"]
    assert not post.is_written_to(campaign, "leaves@example.org")
    assert post.sent == []


@one_database
def test_a_mailbox_is_polled(post: Desk, installation: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside verified TLS: what was understood is deleted, the rest only marked; a second look finds nothing."""
    post.told("gone@example.org")
    sender = post.letter("gone@example.org").sender
    with Imap("us er", 'se"cret', postfix(sender), postfix(sender.replace("@", "a@")), b"rubbish") as server:
        config = Config.read(installation.environ | {"CAMPAIGN_BOUNCE_IMAP_URL": server.url})
        with post.worker.app.app_context():
            with pytest.raises(Unreachable, match="SSLCertVerificationError"):
                take_imap(config, post.returns)
            assert server.commands == []
            monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
            assert take_imap(config, post.returns) == {Taken.HARD: 1, Taken.FORGED: 1, Taken.NOTHING: 1}
            assert take_imap(config, post.returns) == {}
            server.password = "another"
            with pytest.raises(Unreachable):
                take_imap(config, post.returns)
    assert [content[:7] for content in server.mails.values()] == [b"Return-", b"rubbish"]
    assert post.reasons_of_suppression() == ["hard bounce"]


@pytest.mark.usefixtures("app")
@one_database
def test_the_command_says_what_it_misses(installation: Stack, tmp_path: Path) -> None:
    """No address, no source, two sources, a folder that is none, a mailbox that is nowhere."""
    where = str(maildir(tmp_path / "returned"))
    assert "CAMPAIGN_BOUNCE_ADDRESS is not set" in command(installation, "bounces", "--maildir", where, "--once")
    installation.settings["CAMPAIGN_BOUNCE_ADDRESS"] = BOUNCES
    assert "Give one of --maildir" in command(installation, "bounces", "--once")
    assert "Give one of --maildir" in command(installation, "bounces", "--imap", "--maildir", where)
    assert "is no Maildir" in command(installation, "bounces", "--maildir", str(tmp_path), "--once")
    assert "CAMPAIGN_BOUNCE_IMAP_URL is not set" in command(installation, "bounces", "--imap", "--once")
    assert "Cannot listen at nowhere" in command(installation, "bounces", "--lmtp", "nowhere")
    assert command(installation, "bounces", "--maildir", where, "--once") == "Nothing came back.\n"


# Suppressions


@one_database
def test_suppressions_are_listed_added_and_lifted(post: Desk, installation: Stack) -> None:
    """By the address in any spelling, which neither the answers nor the log repeat."""
    campaign = post.told("reader@example.org")
    db.session.commit()
    assert command(installation, "suppressions", "add", "-", typed="READER+news@example.org\n") == (
        "Added. Nothing is written to it any more.\n"
    )
    assert not post.is_written_to(campaign, "reader@example.org")
    assert "already" in command(installation, "suppressions", "add", "reader@example.org")
    assert command(installation, "suppressions") == "1  by hand\n1 in all.\n"
    assert command(installation, "suppressions", "lift", "reader@example.org") == "Lifted. It gets letters again.\n"
    assert "not among them" in command(installation, "suppressions", "lift", "reader@example.org")
    assert "does not look like" in command(installation, "suppressions", "lift", "reader")
    assert post.is_written_to(campaign, "reader@example.org")
    acts = [
        (entry.act, entry.details) for entry in db.session.query(AuditEntry).filter(AuditEntry.campaign_id.is_(None))
    ]
    assert acts == [("suppression.added", {}), ("suppression.lifted", {})]


# Counting


def test_what_came_back_was_sent_all_the_same(post: Desk) -> None:
    """It is a part of what was sent, so that the states still add up to the total."""
    post.told(*(f"reader{number}@example.org" for number in range(4)))
    for number, answer in enumerate((postfix, lambda to: complaint(to, b""), lambda to: postfix(to, "5.7.1", "no"))):
        post.take(answer(post.letter(f"reader{number}@example.org").sender))
    progress = mailing_progress(db.session.query(Mailing).one())
    assert (progress.by_state, progress.total) == ({"sent": 4}, 4)
    assert (progress.bounced, progress.complained) == (2, 1)


@one_database
def test_the_console_shows_it(seat: Callable[..., Seat], post: Desk, campaign: Campaign) -> None:
    """As two figures of the update's page, with a sentence each; nothing where nothing came back."""
    post.readers(campaign, "a@example.org", "b@example.org")
    post.tell(campaign)
    post.work()
    desk = seat()
    assert "came back" not in desk.get("/1/")
    post.take(postfix(post.letter("a@example.org").sender))
    post.take(complaint(post.letter("b@example.org").sender, b""))
    page = desk.get("/1/")
    for words in ("came back", "complaints", "An address that takes no letters", "that the letter is spam"):
        assert words in page
    assert "@example.org" not in page
