"""Whose fault it is that a letter did not arrive: by the codes of RFC 3463, else by the words that providers use."""

import logging
import re
from collections.abc import Sequence
from email import message_from_bytes
from email.message import Message

from flufl.bounce import all_failures

from campaign.mailing.models import Bounce

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)  # what it logs of a mail holds addresses


STATUS = re.compile(r"(?<![\d.])([45])\.([0-7])\.(\d{1,3})(?!\.?\d)")
LOOKED_AT, LINE = 65_536, 998
"""Bytes of a mail, and of a line (RFC 5322, section 2.1.1), that heuristics look at: they are slow on longer ones."""

WORST_FIRST = (Bounce.HARD, Bounce.POLICY, Bounce.SOFT)
FAILED = ("failed", "error")
"""Actions that are the end of it; others say that it arrived or is tried again. One server says error."""

FULL = re.compile(r"quota|(mailbox|inbox) (is )?full|full mailbox|out of storage|storage space", re.IGNORECASE)
BLOCKED = re.compile(
    r"spam|block(ed|list)|black ?list|policy|reputation|\b(spf|dkim|dmarc|rbl)\b|denied|too many|rate.?limit|greylist",
    re.IGNORECASE,
)
GONE = re.compile(
    r"(user|recipient|mailbox) (is )?unknown|unknown (user|recipient|mailbox|local part|address)"
    r"|no such (user|mailbox|recipient|address|person|account)|no mailbox|unrouteable address"
    r"|invalid (user|mailbox|recipient|address)"
    r"|\b(user|mailbox|recipient|account|address)\b[^.\n]{0,60}"
    r"\b(not exist|doesn't exist|not found|unavailable|disabled|inactive|no longer)",
    re.IGNORECASE,
)


def by_status(blocks: Sequence[Message]) -> Bounce | None:
    """What a report says of its recipients (RFC 3464, section 2.3), the gravest first; None: nothing failed."""
    failed = [block for block in blocks if str(block["Action"]).strip().lower().startswith(FAILED)]
    said = {_of_recipient(block) for block in failed}
    return next((bounce for bounce in WORST_FIRST if bounce in said), None)


def _of_recipient(block: Message) -> Bounce:
    diagnosis = str(block.get("Diagnostic-Code", ""))[:LOOKED_AT]
    return judge(_codes(str(block.get("Status", ""))[:LINE]) + _codes(diagnosis), diagnosis)


def by_heuristics(content: bytes, text: str) -> Bounce | None:
    """What a mail says that is no report after RFC 3464, but is known as a provider's way to say that a letter failed.

    `text`: the part for people, without the letter that came back.
    """
    short = b"\n".join(line[:LINE] for line in content[:LOOKED_AT].split(b"\n"))
    try:
        _delayed, failed = all_failures(message_from_bytes(short))
    except Exception:  # it stumbles over mail without a sender, and over more
        return None
    return judge(_codes(text[:LOOKED_AT]), text[:LOOKED_AT]) if failed else None


_Code = tuple[int, int, int]


def _codes(text: str) -> list[_Code]:
    """The enhanced status codes in a text (RFC 3463, section 2)."""
    return [(int(found[1]), int(found[2]), int(found[3])) for found in STATUS.finditer(text)]


def judge(codes: Sequence[_Code], words: str) -> Bounce:
    """Whose fault a failure is: by the first code that says more than "other", else by the words.

    What speaks of the address is hard. What nobody can tell is soft: it is counted, and nothing follows from it alone.
    """
    telling = next((code for code in codes if code[1:] not in UNTOLD), None)
    if telling is not None:
        return _by_code(*telling)
    if codes and codes[0][0] != PERMANENT:
        return Bounce.SOFT
    if FULL.search(words):
        return Bounce.SOFT
    if BLOCKED.search(words):
        return Bounce.POLICY
    return Bounce.HARD if GONE.search(words) else Bounce.SOFT


PERMANENT = 5
UNTOLD = ((0, 0), (2, 0), (5, 0))
"""Subjects and details that leave open what was wrong; 5.5.0 is what some say of an unknown inbox."""
OF_SENDER = (7, 8, 9)
"""Details of 5.1 that speak of the sender's address."""
TOO_LARGE = ((2, 3), (3, 4))
"""Subjects and details of letters that are too large."""
OF_LETTER = (5, 6, 7)
"""Subjects that speak of the protocol, the content and the policy."""


def _by_code(kind: int, subject: int, detail: int) -> Bounce:
    if kind != PERMANENT:
        return Bounce.SOFT
    if subject in OF_LETTER or (subject, detail) in TOO_LARGE or (subject == 1 and detail in OF_SENDER):
        return Bounce.POLICY
    return Bounce.HARD if subject == 1 or (subject, detail) == (2, 1) else Bounce.SOFT
