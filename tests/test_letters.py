"""Letters, byte by byte: what was approved, what the standards ask, and that nothing is lost on the way.

The approved letters stand in tests/letters/. After a change that is meant, write them anew and look at the difference:
`APPROVE=1 pytest tests/test_letters.py`.
"""

import os
import re
from collections.abc import Iterator
from datetime import date
from email import message_from_bytes
from email.header import decode_header
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign
from campaign.config import Config
from campaign.db import db
from campaign.i18n import direction, speaking
from campaign.importing import import_campaign
from campaign.mailing.letters import (
    CONFIRM,
    DATE,
    LEAVE,
    MESSAGE_ID,
    TO,
    UNSUBSCRIBE,
    YOURS,
    Letter,
    Origin,
    Skeleton,
    from_name,
)
from campaign.mailing.models import Reader
from campaign.mailing.posting import post_digest
from campaign.mailing.queries import digest_of
from campaign.organizers.models import Approval, Organizer
from campaign.organizers.operations import Wish, ask_second
from campaign.signing.models import Signature, new_secret
from campaign.statements.models import Statement
from campaign.statements.operations import EndorsementDraft, add_endorsement
from campaign.timeline.models import Draft
from campaign.timeline.operations import UpdateDraft, add_update, publish, retract
from campaign.worker import LETTERS
from tests.letters_in import read
from tests.stack import Stack

APPROVED = Path(__file__).parent / "letters"
IS_APPROVING = "APPROVE" in os.environ
SENDER = "Kampagne für alle <news@campaign.example>"
LINK = "IjRiYjBjNzI2ZDMwNDU1MjdiODI2MTFmOTJmOTViYjhhIg.RuGoAyxioccSHYxS2YxqIWomg2UW_sMoib_Pzc2E1mQ"
SLOTS = {
    TO: "ada@example.org",
    DATE: "Fri, 01 Mar 2024 12:00:00 +0000",
    MESSAGE_ID: "0123456789abcdef0123456789abcdef",
    CONFIRM: "c0nf1rm-_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789A",
    YOURS: LINK,
    UNSUBSCRIBE: LINK[::-1],
    LEAVE: "",
}
"""What differs from reader to reader, held still; as long as the real ones."""

FACTS = {
    "slug": "release-them",
    "language": "en",
    "state": "open",
    "goal": 10,
    "told_as_of": date(2024, 2, 1),
    "texts": {
        "en": {
            "title": "Release Tariq & Mira “now” — ✊🏽 whatever it takes, however long it lasts, wherever it is",
            "summary": "Taken.", "body": "Taken.", "demands": ["Free them."],
        },
        "ur": {
            "title": "طارق اور میرا کو رہا کرو ✊🏽 جہاں کہیں بھی انہیں رکھا گیا ہے، جتنا بھی وقت لگے",
            "summary": "لے گئے۔", "body": "لے گئے۔", "demands": ["رہا کرو۔"],
        },
    },
    "people": [{"name": {"en": "Tariq <Example>", "ur": "طارق"}, "since": date(2024, 1, 2)}],
}  # fmt: skip
TITLES = {locale: text["title"] for locale, text in FACTS["texts"].items()}  # type: ignore[attr-defined]
NEWS = {
    "en": (
        "Tariq is free ✊🏽",
        "He came home *in the morning*.\n\n.A line with a dot\n\n"
        "From here: [more](https://news.example/1?a=1&b=2)\n\n- one",
    ),
    "ur": ("طارق رہا ہو گئے ✊🏽", "وہ *صبح* گھر آئے۔\n\n[مزید](https://news.example/1?a=1&b=2)"),
}  # fmt: skip

MAILING = 7

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def house(installation: Stack) -> Iterator[Flask]:
    """An app with a public address of its own, in its context, on a day of the past."""
    environ = installation.environ | {"CAMPAIGN_PUBLIC_URL": "https://campaign.example", "CAMPAIGN_MAIL_FROM": SENDER}
    app = create_app(Config.read(environ))
    with app.app_context(), time_machine.travel("2024-03-01T12:00:00Z", tick=False):
        yield app
        db.session.rollback()
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def subjects(house: Flask) -> dict[str, int]:
    """What the letters tell: a campaign with a statement, a release, and news of nobody's status."""
    campaign = import_campaign(FACTS, clock.now())
    release = UpdateDraft("status", date(2024, 2, 3), NEWS, ["A newspaper", "https://news.example/1?a=1&b=2"],
                          {"طارق": "released"})  # fmt: skip
    hearing = UpdateDraft("hearing", date(2024, 2, 5), {"en": ("A hearing <again>", "On Monday.")})
    told = [add_update(campaign, draft) for draft in (release, hearing)]
    for update in told:
        publish(update, clock.now(), is_told=False)
    week = digest(campaign, [update.id for update in told])
    asked = approval(campaign)
    backing = add_endorsement(campaign.id, EndorsementDraft("Postal <Union> اتحاد"), clock.now())
    return {
        "campaign": campaign.id,
        "update": told[0].id,
        "news": told[1].id,
        "digest": week,
        "statement": statement(campaign).id,
        "organizer": asked.asked_by_id,
        "approval": asked.id,
        "endorsement": backing.id,
        "draft": draft(campaign).id,
    }


def digest(campaign: Campaign, ids: list[int]) -> int:
    """The letter of a week with these updates, one that was wrong, what sets it right, and one that is taken back."""
    again = {"en": ("A hearing on <Tuesday>", "Not *on Monday*.\n\n" + "It takes place on Tuesday. " * 20)}
    corrected = add_update(campaign, UpdateDraft("correction", date(2024, 2, 6), again, corrects=2))
    wrong = add_update(
        campaign, UpdateDraft("report", date(2024, 2, 4), {"en": ("A rumour", "Rumoured."), "ur": ("ایک افواہ", "ا۔")})
    )
    for update in (corrected, wrong):
        publish(update, clock.now(), is_told=False)
    retract(
        wrong, "Nobody <else> saw it.", clock.now(), {"en": "Nobody <else> saw it.", "ur": "کسی اور نے نہیں دیکھا۔"}
    )
    told = {**dict.fromkeys([*ids, corrected.id], False), wrong.id: True}
    assert post_digest(campaign.id, date(2024, 2, 26), told, clock.now())
    mailing = digest_of(campaign.id, date(2024, 2, 26))
    assert mailing is not None
    return mailing.id


def draft(campaign: Campaign) -> Draft:
    """An update that is being written."""
    texts = {locale: {"title": title, "body": body} for locale, (title, body) in NEWS.items()}
    written = Draft(
        campaign_id=campaign.id, kind="news", occurred_on=date(2024, 2, 7), texts=texts, saved_at=clock.now()
    )
    db.session.add(written)
    db.session.flush()
    return written


def approval(campaign: Campaign) -> Approval:
    """Something that an organizer asked for."""
    now = clock.now()
    reader = Reader(sealed_address=b"x", fingerprint=b"x", locale="en", news="none", created_at=now, confirmed_at=now)
    organizer = Organizer(reader=reader, username="Rosa <Example>", locale="en", invited_at=now)
    db.session.add(organizer)
    return ask_second(Wish("publish", campaign.id), organizer, now)


def statement(campaign: Campaign) -> Statement:
    """Words of somebody."""
    now = clock.now()
    secret, commitment = new_secret()
    reader = Reader(
        campaign_id=campaign.id, sealed_address=b"x", fingerprint=b"x", locale="en", news="all", created_at=now
    )
    signature = Signature(
        campaign_id=campaign.id, reader=reader, state="confirmed", appear="count", news="all", locale="en",
        country="GB", sealed=b"x", is_veiled=False, secret=secret, commitment=commitment, signed_at=now,
        confirmed_at=now,
    )  # fmt: skip
    said = Statement(campaign_id=campaign.id, signature=signature, body="You are not <b>alone</b>.\n\nہم ساتھ ہیں ✊🏽",
                     locale="en", made_at=now)  # fmt: skip
    db.session.add(said)
    db.session.flush()
    return said


CASES = {
    "confirm_signature": ("confirm_signature", None),
    "confirm_follow": ("confirm_follow", None),
    "remind_signature": ("remind_signature", None),
    "remind_follow": ("remind_follow", None),
    "already_signed": ("already_signed", None),
    "already_follows": ("already_follows", None),
    "statement_published": ("statement_published", "statement"),
    "confirm_endorsement": ("confirm_endorsement", None),
    "endorsement_published": ("endorsement_published", "endorsement"),
    "update": ("update", "update"),
    "update-news": ("update", "news"),
    "digest": ("digest", "digest"),
    "update_test": ("update_test_*", "draft"),
    "invitation": ("invitation", None),
    "added": ("added", "organizer"),
    "reset_password": ("reset_password", "organizer"),
    "approval_asked": ("approval_asked", "approval"),
}
TO_ORGANIZERS = ("update_test", "invitation", "added", "reset_password", "approval_asked")
"""They belong to no campaign's list."""
SAYS = (
    dict.fromkeys(CASES, TITLES)
    | {name: dict.fromkeys(TITLES, "") for name in TO_ORGANIZERS}
    | {
        "update": {locale: title for locale, (title, _body) in NEWS.items()},
        "update_test": {locale: title for locale, (title, _body) in NEWS.items()},
        "update-news": dict.fromkeys(NEWS, "A hearing <again>"),
        "digest": {locale: title for locale, (title, _body) in NEWS.items()},
    }
)
"""What the subject holds, whole."""
each_letter = pytest.mark.parametrize(
    ("name", "locale"),
    [(name, locale) for name in CASES for locale in ("en", "ur")],
    ids=[f"{name}-{locale}" for name in CASES for locale in ("en", "ur")],
)


def content(name: str, locale: str, subjects: dict[str, int]) -> bytes:
    """The bytes of a letter to somebody."""
    kind, subject = CASES[name]
    with speaking(locale):
        kind = kind.replace("*", locale)
        letter = LETTERS[kind].write(subjects["campaign"], subjects[subject] if subject else None)
        return Skeleton(letter, SENDER, Origin(kind, MAILING if kind in ("update", "digest") else None)).fill(SLOTS)


def test_every_letter_has_a_case(backend: str) -> None:
    """Whoever adds a letter approves its bytes."""
    one_for_all_languages = {re.sub("^update_test_.*", "update_test_*", kind) for kind in LETTERS}
    assert {kind for kind, _subject in CASES.values()} == one_for_all_languages


@each_letter
def test_the_bytes_are_those_that_were_approved(subjects: dict[str, int], name: str, locale: str) -> None:
    """Headers and both bodies; only the boundary between them, which is drawn at random, is held still."""
    boundary = re.search(rb'boundary="([^"]+)"', sent := content(name, locale, subjects))
    assert boundary is not None
    sent = sent.replace(boundary[1], b"=" * 15 + b"boundary" + b"=" * 2)
    file = APPROVED / f"{name}.{locale}.eml"
    if IS_APPROVING:
        APPROVED.mkdir(exist_ok=True)
        file.write_bytes(sent)
    assert sent.decode("ascii") == file.read_bytes().decode("ascii")


@each_letter
def test_headers_are_as_the_standards_ask(subjects: dict[str, int], name: str, locale: str) -> None:
    """One-click unsubscribing (RFC 8058), List-Id (RFC 2919), RFC 3834: each on one line, spelled out."""
    letter = read(content(name, locale, subjects))
    lines = {line.partition(b": ")[0].decode(): line.partition(b": ")[2].decode() for line in letter.raw_headers}
    listed = {header: value for header, value in lines.items() if header.startswith("List-")}
    of_a_campaign = {
        "List-Unsubscribe": f"<https://campaign.example/{locale}/unsubscribe/{SLOTS[UNSUBSCRIBE]}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "<release-them.campaign.example>",
    }
    assert listed == ({} if name in TO_ORGANIZERS else of_a_campaign)
    assert lines["Auto-Submitted"] == "auto-generated"
    assert lines["Message-ID"] == f"<{SLOTS[MESSAGE_ID]}@campaign.example>"
    assert (lines["To"], lines["Date"]) == (SLOTS[TO], SLOTS[DATE])
    title = from_name(TITLES[locale])
    assert letter.headers["From"].addresses[0].display_name == ("Kampagne für alle" if name in TO_ORGANIZERS else title)
    kind = CASES[name][0].replace("*", locale)
    what, whose, group, sender = lines["Feedback-ID"].split(":")
    assert (what, group) == (("mailing-7", kind) if kind in ("update", "digest") else (kind, "asked"))
    assert whose == ("organizers" if name in TO_ORGANIZERS else "release-them")
    assert re.fullmatch(r"[0-9a-f]{5,15}", sender)
    assert not any(slot in lines["Feedback-ID"] for slot in (SLOTS[TO], "example.org"))
    names = [line.partition(b":")[0].lower() for line in letter.raw_headers if line[:1] not in b" \t"]
    assert len(names) == len(set(names)), "a header stands twice (RFC 5322, section 3.6)"


@each_letter
def test_lines_are_short_and_ascii(subjects: dict[str, int], name: str, locale: str) -> None:
    """At most 998 (RFC 5322), in quoted-printable 76 (RFC 2045), an encoded word 75 (RFC 2047); CRLF only."""
    raw = content(name, locale, subjects)
    assert raw.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    headers, _, body = raw.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76
    words = re.findall(rb"=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=", headers)
    assert words
    assert max(map(len, words)) <= 75
    subject = re.search(rb"^Subject: (.*(?:\r\n[ \t].*)*)", headers, re.MULTILINE)
    assert subject is not None
    assert all(len(line) <= 76 for line in subject[0].split(b"\r\n"))
    for word in words:  # each by itself, never half a character (RFC 2047, section 5)
        [(part, charset)] = decode_header(word.decode())
        assert isinstance(part, bytes)
        part.decode(charset or "ascii")


@each_letter
def test_text_and_html_say_the_same(subjects: dict[str, int], name: str, locale: str) -> None:
    """Every link of the HTML stands in the text, too; both speak the language; no letter loads anything."""
    letter = read(content(name, locale, subjects))
    linked = {link.replace("&amp;", "&") for link in re.findall(r'href="([^"]+)"', letter.html)}
    assert linked
    written = {"https://news.example/1?a=1&b=2"} if CASES[name][0].startswith("update") else set()
    assert {link for link in linked if not link.startswith("https://campaign.example/")} <= written, (
        "a link was rewritten"
    )
    assert set(re.findall(r"https?://[^\s<>)]+", letter.text)) <= linked | written | {SLOTS[YOURS]}
    assert not {link for link in linked if link not in letter.text}
    assert f'lang="{locale}" dir="{direction(locale)}"' in letter.html
    assert not re.search(r"<(img|script|link|iframe|object|form)\b|url\(|@import", letter.html)
    assert locale == "en" or re.search(r"[\u0600-\u06ff]", letter.text)
    assert SAYS[name][locale] in letter.subject


def test_what_people_wrote_stays_text(subjects: dict[str, int]) -> None:
    """A statement's markup is shown, not obeyed; Markdown of organizers is."""
    said = read(content("statement_published", "en", subjects))
    assert "&lt;b&gt;alone&lt;/b&gt;" in said.html
    assert "<b>alone</b>" in said.text
    told = read(content("update", "en", subjects))
    assert "<em>in the morning</em>" in told.html
    assert "Tariq &lt;Example&gt;" in told.html
    assert unix(told.text).startswith("Tariq <Example> is free\n")


def test_joy_comes_only_with_the_news_of_freedom(subjects: dict[str, int]) -> None:
    """After how many days; a later hearing is told soberly, in the language that there is."""
    release, hearing = (read(content(name, "ur", subjects)) for name in ("update", "update-news"))
    assert "32" in unix(release.text).partition("\n\n")[0]
    assert unix(hearing.text).split("\n\n")[1].startswith("A hearing <again>\n")
    assert 'lang="en" dir="ltr"' in hearing.html


def test_the_letter_of_the_week_tells_changes_first_and_what_was_wrong(subjects: dict[str, int]) -> None:
    """Joy, changes of status, other news with what corrects them, and in the end what is taken back, and why."""
    told = read(content("digest", "en", subjects))
    order = ["is free\n", "What happened this week", "Tariq is free", "A hearing <again>", "corrected in entry 3",
             "This corrects entry 2", "Taken back", "A rumour", "Nobody <else> saw it."]  # fmt: skip
    places = [unix(told.text).index(words) for words in order]
    assert places == sorted(places)
    assert "Rumoured" not in told.text, "what is taken back is not told again"
    assert "<s><bdi>A rumour" in told.html.replace("\n", "")
    assert "Not on Monday. It takes place" in told.text
    assert "It takes place on …" in told.text
    urdu = read(content("digest", "ur", subjects))
    assert unix(urdu.text).count("English") == 2, "a hearing and its correction are not there in Urdu"


def test_an_update_in_another_language_says_so(subjects: dict[str, int]) -> None:
    """In the reader's language; what is there in it says nothing of the kind."""
    foreign, own = (read(content(name, "ur", subjects)) for name in ("update-news", "update"))
    for words in (foreign.text, foreign.html):
        assert words.count("English") == 1
    assert "English" not in own.text + own.html


# Who writes


def test_every_campaign_writes_from_its_own_address_where_that_is_set(house: Flask, subjects: dict[str, int]) -> None:
    """By the pattern; those to organizers keep the installation's."""
    house.config["MAIL_FROM_CAMPAIGN"] = "{slug}@letters.campaign.example"
    for name, address in (("update", "release-them@letters.campaign.example"), ("added", "news@campaign.example")):
        letter = read(content(name, "ur", subjects))
        assert letter.headers["From"].addresses[0].addr_spec == address


# Anything at all

anything = st.text(max_size=300)
lines = st.lists(
    st.one_of(anything, st.sampled_from(["", ".", "..", "From me", "-- ", "=\t", " " * 90, "=3D" * 40])), max_size=6
)
token = st.text("abcXYZ019-_.", min_size=1, max_size=200)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(title=anything, text=lines, html=anything, tokens=st.tuples(token, token, token))
@example("slotAyours slotAto", ["slotAmessageid: slotAdate", "my slotAyours"], "slotAunsubscribe", ("a", "b", "c"))
@example("=?utf-8?q?Bcc=3A?=\r\nBcc: x@example.org", ["\r\n.\r\nMAIL FROM:<>"], "\r\n--x--", ("a", "b", "c"))
@example("✊🏽" * 60 + "ں" * 60, ["ی" * 400], "<p>" + "👨‍👩‍👧‍👦" * 50, ("a", "b", "c"))
def test_what_is_put_in_comes_out(
    app: Flask, title: str, text: list[str], html: str, tokens: tuple[str, str, str]
) -> None:
    """Whatever people write and however the tokens fall, a mail program reads exactly that."""
    written = "".join(f"{line}\n" for line in text)
    letter = Letter(title, f"{written}Open {CONFIRM}\nhttps://x.example/{YOURS}?and={UNSUBSCRIBE}{YOURS}",
                    f"{html}<a href={YOURS}>", "slug", title)  # fmt: skip
    confirm, yours, unsubscribe = tokens
    filled = Skeleton(letter, SENDER).fill(SLOTS | {CONFIRM: confirm, YOURS: yours, UNSUBSCRIBE: unsubscribe})
    message: Any = message_from_bytes(filled, policy=default)
    assert not [defect for part in message.walk() for defect in part.defects]
    assert message["Subject"] == " ".join(title.split())
    [sender] = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (from_name(title) or "Kampagne für alle", "news@campaign.example")
    plain, rich = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert unix(plain) == unix(f"{written}Open {confirm}\nhttps://x.example/{yours}?and={unsubscribe}{yours}\n")
    assert unix(rich) == unix(f"{html}<a href={yours}>\n")
    assert "Bcc" not in message
    headers, _, body = filled.partition(b"\r\n\r\n")
    assert max(map(len, headers.split(b"\r\n"))) <= 998
    assert max(map(len, body.split(b"\r\n"))) <= 76


def unix(text: str) -> str:
    """Line breaks as one mail program's: the only thing that may differ."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
