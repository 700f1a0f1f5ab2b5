"""What a mail that came back says, read from its bytes alone: nothing of it is believed before its address is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.parser import HeaderParser
from re import Pattern
from re import compile as pattern

from campaign.mailing.models import Bounce
from campaign.mailing.returning.judging import by_heuristics, by_status

LARGEST, LOOKED_AT = 1_000_000, 250_000
"""Bytes of a mail that are taken in, and how many of them are looked at: a report stands before what it encloses."""
MOST, LONGEST = 50, 2_000
"""So much is looked at: parts of a mail or headers of one name, and characters of a header."""

ADDRESSED = ("X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "To")
"""Where a mail says to whom it was sent, the envelope's own words first."""
ENCLOSED = ("Return-Path", "Original-Mail-From", "List-Unsubscribe")
"""Where a complaint, or the letter it encloses, says which letter it is about (RFC 5965, section 3.2)."""
FEEDBACK = ("message/feedback-report",)
STATUS = ("message/delivery-status", "message/global-delivery-status")
LETTER = ("message/rfc822", "message/global")
HEADERS = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
COMPLAINTS = ("abuse", "fraud", "virus", "other", "miscategorized", "opt-out", "opt-out-list")
"""Types of feedback that want no more letters; others report on authentication, or praise."""

ADDRESS = pattern(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,255}")
LINK = pattern(r"<(https?://[^<>\s]{1,1000})>")


@dataclass(frozen=True, repr=False)
class Reading:
    """What a mail says: what became of a letter, whom the mail was sent to, and which letter it encloses.

    `is_by_machine`: a report, or an answer to whatever comes. `links`: to unsubscribe, as the enclosed letter has them.
    """

    says: Bounce | None = None
    is_by_machine: bool = False
    addressed: tuple[str, ...] = ()
    enclosed: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


def read(content: bytes) -> Reading:
    """Read a mail, whatever it is made of; never raises. What cannot be read says nothing."""
    try:
        return _read(message_from_bytes(content[:LOOKED_AT]), content)
    except Exception:  # Python's parser of mail fails in many ways on what nobody should send
        return Reading()


def _read(message: Message, content: bytes) -> Reading:
    parts = list(_parts(message))
    addressed = tuple(address for name in ADDRESSED for address in _found(ADDRESS, message, name))
    feedback, status = (
        next((part for part in parts if part.get_content_type() in kinds), None) for kinds in (FEEDBACK, STATUS)
    )
    if feedback is not None:
        return _complaint(feedback, parts, addressed)
    if status is not None:
        return Reading(by_status(_blocks(status)), True, addressed)
    says = by_heuristics(content, _text(parts))
    return Reading(says, says is not None or _is_reply(message), addressed)


def _parts(message: Message, depth: int = 0) -> Iterator[Message]:
    """The parts of a mail, not those of a mail within it."""
    content = message.get_payload()
    if message.get_content_maintype() != "multipart" or not isinstance(content, list) or depth > MOST:
        yield message
        return
    for part in content[:MOST]:
        if isinstance(part, Message):
            yield from _parts(part, depth + 1)


def _is_reply(message: Message) -> bool:
    """Whether a machine answered (RFC 3834, section 5), or sent it to very many."""
    submitted = str(message.get("Auto-Submitted", "no")).strip().lower()
    precedence = str(message.get("Precedence", "")).strip().lower()
    return submitted.startswith("auto-replied") or precedence == "auto_reply"


def _complaint(feedback: Message, parts: list[Message], addressed: tuple[str, ...]) -> Reading:
    fields = _blocks(feedback)
    kind = str(next((block["Feedback-Type"] for block in fields if block["Feedback-Type"]), "")).strip().lower()
    if kind not in COMPLAINTS:
        return Reading(None, True, addressed)
    about = [*fields, *(letter for part in parts for letter in _letters(part))]
    enclosed = tuple(address for block in about for name in ENCLOSED for address in _found(ADDRESS, block, name))
    links = tuple(link for block in about for link in _found(LINK, block, "List-Unsubscribe"))
    return Reading(Bounce.COMPLAINT, True, addressed, enclosed, links)


def _blocks(part: Message) -> list[Message]:
    """The groups of fields in a report (RFC 3464, section 2.1), of which Python reads some as messages."""
    content = part.get_payload()
    read = [block for block in content if isinstance(block, Message)] if isinstance(content, list) else []
    unread = [str(one.get_payload()) for one in (read or [part]) if not one.is_multipart()]
    groups = [group for text in unread for group in text.split("\n\n") if group.strip()]
    return [*read, *(HeaderParser().parsestr(group) for group in groups[:MOST])][:MOST]


def _letters(part: Message) -> list[Message]:
    """The letter that a part encloses, whole or its headers."""
    if part.get_content_type() in HEADERS:
        return [HeaderParser().parsestr(_decoded(part))]
    whole = part.get_payload() if part.get_content_type() in LETTER else []
    return [letter for letter in whole if isinstance(letter, Message)]


def _found(what: Pattern[str], message: Message, name: str) -> list[str]:
    """What a pattern finds in the headers of this name."""
    values = message.get_all(name, [])[:MOST]
    return [one for value in values for one in what.findall(str(value)[:LONGEST])]


def _text(parts: list[Message]) -> str:
    """What a report says to people."""
    plain = next((part for part in parts if part.get_content_type() == "text/plain"), None)
    return _decoded(plain) if plain is not None else ""


def _decoded(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(part.get_payload())
