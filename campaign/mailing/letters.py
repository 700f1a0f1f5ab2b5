"""Letters: what one says, and the bytes that carry it.

A letter is written once for many readers: its bytes are built with slots, and each reader's copy only fills
the slots. No letter holds a signer's name: the mail provider has no business knowing it.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from secrets import token_hex
from urllib.parse import urlsplit

import css_inline
from flask import current_app, render_template

from campaign.forms import one_line
from campaign.i18n import current_locale, direction
from campaign.links import public_url

LINE = 76
"""Quoted-printable lines are no longer than this (RFC 2045, section 6.7)."""

CRLF_SPACE = "\r\n "

_PLAIN = re.compile(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*")
"""A name that needs neither quotes nor an encoding."""

_OPEN = " ,;:–—-،؛"
"""What ends no name."""

_JOINED = "\u200c\u200d\ufe0f"
"""Characters that only join others, and mean nothing at an end."""

_MARK = token_hex(8)
"""Makes the slots unguessable: nobody can write one into a title."""

SLOTS = tuple(f"{_MARK}{name}" for name in ("to", "date", "messageid", "confirm", "yours", "unsubscribe", "leave"))
TO, DATE, MESSAGE_ID, CONFIRM, YOURS, UNSUBSCRIBE, LEAVE = SLOTS


@dataclass(frozen=True)
class Letter:
    """What a letter says in one language; links hold slots in the place of tokens.

    `list_name`: that of a campaign; `from_name`: the name under which its letters come.
    """

    subject: str
    text: str
    html: str
    list_name: str | None
    from_name: str | None = None


@dataclass(frozen=True)
class Origin:
    """Where a letter comes from, for those who count complaints: its kind, and the mailing if it is one of many."""

    kind: str
    mailing_id: int | None = None

    def feedback_id(self, list_name: str | None, domain: str) -> str:
        """The Feedback-ID, as Google asks for it: four names, the last stands for the sender. None is a reader's."""
        what = f"mailing-{self.mailing_id}" if self.mailing_id else self.kind
        group = self.kind if self.mailing_id else "asked"
        return f"{what}:{list_name or 'organizers'}:{group}:{hashlib.sha256(domain.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class LetterKind:
    """How a kind of letter is written: `write(campaign_id, subject_id)`, in the locale in force.

    An organizer's letter has no campaign.

    `is_shared`: it says the same to all readers of a campaign, whatever its subject.
    """

    write: Callable[..., Letter]
    is_shared: bool = False


def render_letter(name: str, subject: str, list_name: str | None, **context: object) -> Letter:
    """Render letters/<name>.txt and .html; the style goes into the elements, where mail programs look for it."""
    context |= {
        "locale": current_locale(),
        "direction": direction(current_locale()),
        "subject": subject,
        "confirm_url": public_url("signing.confirm", token=CONFIRM),
        "yours_url": public_url("signing.yours", token=YOURS) if list_name else None,
        "unsubscribe_url": public_url("mailing.unsubscribe", token=UNSUBSCRIBE) if list_name else None,
    }
    html = css_inline.inline(render_template(f"letters/{name}.html", **context))
    told = re.sub(r"\n{3,}", "\n\n", render_template(f"letters/{name}.txt", **context)).strip("\n") + "\n"
    return Letter(subject, told, html, list_name, _title(context) if list_name else None)


def _title(context: Mapping[str, object]) -> str | None:
    """The campaign's title, in the language of the letter."""
    return getattr(context.get("text"), "title", None)


def without_slots(letter: Letter) -> Letter:
    """A letter to look at: its personal links lead nowhere."""
    text, html = (re.sub("|".join(SLOTS), "…", content) for content in (letter.text, letter.html))
    return replace(letter, text=text, html=html)


class Skeleton:
    """A letter's bytes with slots: built once, filled for each reader."""

    def __init__(self, letter: Letter, sender: str, origin: Origin = Origin("letter")) -> None:
        self._pieces = _split(_headers(letter, sender, origin), SLOTS)
        self._body = [(_with_room(piece), slot) for piece, slot in _split(_body(letter), SLOTS, may_be_broken=True)]

    def fill(self, values: Mapping[str, str]) -> bytes:
        """The letter to one reader; `values` are ASCII, by slot."""
        filled = {slot: value.encode("ascii") for slot, value in values.items()}
        broken = {slot: b"=\r\n" + _broken(value) + b"=\r\n" for slot, value in filled.items()}
        return _join(self._pieces, filled) + _join(self._body, broken)


def list_id(list_name: str) -> str:
    """The List-Id of a campaign (RFC 2919)."""
    return f"<{list_name}.{urlsplit(current_app.config['PUBLIC_URL']).hostname}>"


def _headers(letter: Letter, sender: str, origin: Origin) -> bytes:
    """The headers, each on one line, but for words that people wrote: folded List-* headers break one-click."""
    host = urlsplit(current_app.config["PUBLIC_URL"]).hostname
    headers = {
        "From": _mailbox(letter, sender),
        "To": TO,
        "Subject": _words(" ".join(letter.subject.split()), "Subject"),
        "Date": DATE,
        "Message-ID": f"<{MESSAGE_ID}@{host}>",
        **_list_headers(letter.list_name),
        "Feedback-ID": origin.feedback_id(letter.list_name, parseaddr(sender)[1].rpartition("@")[2]),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")


def _mailbox(letter: Letter, sender: str) -> str:
    """Who writes (RFC 5322, section 3.4): a campaign by its title, at an address of its own where that is set."""
    name, address = parseaddr(sender)
    pattern = current_app.config.get("MAIL_FROM_CAMPAIGN")
    if letter.list_name and pattern:
        address = pattern.replace("{slug}", letter.list_name)
    name = from_name(letter.from_name or "") or name
    if not name:
        return address
    phrase = name if _PLAIN.fullmatch(name) else _words(name, "From")
    return f"{phrase}{' ' if len(f'From: {phrase} <{address}>') <= LINE else CRLF_SPACE}<{address}>"


def from_name(title: str) -> str:
    """A title as the name of a sender: whole, or its first words, as many as one encoded word holds.

    With several, what programs show differs: some put a space between them, which RFC 2047, section 6.2, forbids.
    """
    words = one_line(title).split()
    starts = [" ".join(words), *(f"{' '.join(words[:count]).rstrip(_OPEN)}…" for count in range(len(words) - 1, 0, -1))]
    starts += [f"{start.rstrip(_JOINED)}…" for start in _shorter(words[0] if words else "")]
    return next(name for name in starts if "\r\n" not in _words(name, "From"))


def _shorter(word: str) -> Iterator[str]:
    return (word[:count] for count in range(min(len(word), LINE), -1, -1))


def _words(text: str, header: str) -> str:
    """What people wrote, in encoded words (RFC 2047), folded."""
    return Header(text, "utf-8", maxlinelen=75, header_name=header).encode(linesep="\r\n")


def _list_headers(list_name: str | None) -> dict[str, str]:
    """What letters of a campaign carry; those to organizers belong to no list."""
    if list_name is None:
        return {}
    unsubscribe = public_url("mailing.unsubscribe", token=UNSUBSCRIBE)
    return {
        "List-Id": list_id(list_name),
        "List-Unsubscribe": f"<{unsubscribe}>{LEAVE}",  # the slot holds the address beside it, if there is one
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _body(letter: Letter) -> bytes:
    message = EmailMessage(policy=SMTP.clone(max_line_length=LINE))
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


_Pieces = list[tuple[bytes, str | None]]
"""Bytes, each piece followed by a slot; the last by none."""


def _split(content: bytes, slots: tuple[str, ...], *, may_be_broken: bool = False) -> _Pieces:
    """Cut the content at its slots; `may_be_broken`: a soft line break may stand in the middle of one."""
    gap = "(?:=\r\n)?" if may_be_broken else ""
    pattern = "|".join(f"({gap.join(slot)})" for slot in slots).encode()
    pieces: _Pieces = []
    position = 0
    for match in re.finditer(pattern, content):
        pieces.append((content[position : match.start()], slots[(match.lastindex or 1) - 1]))
        position = match.end()
    return [*pieces, (content[position:], None)]


def _join(pieces: _Pieces, values: Mapping[str, bytes]) -> bytes:
    return b"".join(part for piece, slot in pieces for part in (piece, values[slot] if slot else b""))


def _with_room(piece: bytes) -> bytes:
    """A piece whose last line has room for the soft line break before a slot."""
    start = piece.rfind(b"\n") + 1
    if len(piece) - start < LINE:
        return piece
    cut = (
        start + piece[start : start + LINE - 3].rfind(b"=")
        if b"=" in piece[start + 40 : start + LINE - 3]
        else start + 60
    )
    return piece[:cut] + b"=\r\n" + piece[cut:]


def _broken(value: bytes) -> bytes:
    """A value in quoted-printable, broken into lines that fit."""
    escaped = value.replace(b"=", b"=3D")
    size = LINE - 4
    return b"=\r\n".join(escaped[start : start + size] for start in range(0, len(escaped), size))
