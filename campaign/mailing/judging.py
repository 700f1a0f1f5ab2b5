"""What a relay's reply means: for the delivery, for the address, for the mailing, for the pace (RFC 5321, RFC 3463)."""

import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.mailing.claiming import Outcome
from campaign.mailing.models import DeliveryState
from campaign.mailing.queries import Claimed
from campaign.mailing.talking import Fate, Reply
from campaign.values import Resend

ATTEMPTS = 12
BACK_OFF = timedelta(seconds=30)
"""Before the second attempt; twice as long before each further one: the twelfth comes after seventeen hours."""

REST = timedelta(seconds=5)
"""How long all letters rest when the relay cannot be reached, or asks to be left alone."""

CLOSING, PERMANENT, POLICY = 421, 500, "5.7."

ONE_INBOX = ("4.2.1", "4.2.2")
"""One inbox gets too much, or is full (RFC 3463, section 3.3): that says nothing of its neighbours."""

LAST, PUT_OFF = 20, 5
"""A receiving domain gets less when of its last 20 letters so many were put off."""

DOMAINS = 1000
"""Of so many domains it is known how they took their last letters; of those to which letters went last."""

OF_LATE = 10.0
"""Seconds over which it is seen how fast letters go."""

WINDOW, ENOUGH, TOO_MANY = 400, 100, 0.05
"""A mailing waits for a person when of its last 400 letters (100 at least) more than this part was refused for good."""

TOO_MANY_REFUSED = "more than 5 of 100 letters were refused"


@dataclass(frozen=True)
class Verdict:
    """What follows from a reply.

    `pauses`: why the mailing waits for a person; `rests`, `slows`: the relay wants to be left alone, wants less;
    `puts_off`: the receiving domain takes this letter later, or None where it was not asked.
    """

    outcome: Outcome
    suppresses: str | None = None
    pauses: str | None = None
    rests: bool = False
    slows: bool = False
    puts_off: bool | None = None


SENT = Verdict(Outcome(DeliveryState.SENT, code=250), puts_off=False)
SKIPPED = Verdict(Outcome(DeliveryState.SKIPPED, is_attempt=False))
CANNOT_OPEN = Verdict(Outcome(DeliveryState.FAILED))
UNTRIED = Verdict(Outcome(DeliveryState.DUE, is_attempt=False))


def judge(row: Claimed, reply: Reply, resend: Resend, now: datetime) -> Verdict:
    """What a reply to one letter means; `resend`: which letters go again if nobody can tell whether they were taken."""
    match reply.fate:
        case Fate.ACCEPTED:
            return SENT
        case Fate.TOO_LATE:
            return UNTRIED
        case Fate.UNREACHED:
            return _unreached(reply, now)
        case Fate.BROKEN_OFF:
            return Verdict(_later(row, None, now), rests=True)
        case Fate.UNKNOWN:
            goes_again = resend is Resend.ALL or (resend is Resend.ASKED and row.mailing_id is None)
            return Verdict(_later(row, None, now) if goes_again else Outcome(DeliveryState.UNCERTAIN))
    return _refused(row, reply, now)


def try_later(row: Claimed, now: datetime) -> Verdict:
    """An attempt that failed on our side."""
    return Verdict(_later(row, None, now))


def _refused(row: Claimed, reply: Reply, now: datetime) -> Verdict:
    """The relay closes or is full; refuses us; does not take this letter for now; or not ever."""
    code, is_sender = reply.code or 0, reply.fate is Fate.SENDER_REFUSED
    if code == CLOSING:
        return _unreached(reply, now)
    if code < PERMANENT:
        is_domain = not is_sender and not reply.text.startswith(ONE_INBOX)
        return Verdict(_later(row, code, now), rests=is_sender, puts_off=is_domain or None)
    if is_sender or reply.text.startswith(POLICY):
        return _refused_us(row, code, "as a sender" if is_sender else "by policy", now)
    is_address = reply.fate is Fate.RECIPIENT_REFUSED
    suppresses = f"refused with {code}" if is_address else None
    return Verdict(Outcome(DeliveryState.FAILED, code=code), suppresses=suppresses, puts_off=False)


def _refused_us(row: Claimed, code: int, how: str, now: datetime) -> Verdict:
    """Not the reader is refused, but we: a mailing waits for who looks into it."""
    if row.mailing_id is None:
        return Verdict(_later(row, code, now))
    return Verdict(Outcome(DeliveryState.DUE, code=code), pauses=f"the relay refuses {how} ({code})")


def _unreached(reply: Reply, now: datetime) -> Verdict:
    """Nothing was tried: the relay is not there, or says 421 and wants less."""
    waits = Outcome(DeliveryState.DUE, code=reply.code, not_before=now + REST, is_attempt=False)
    return Verdict(waits, rests=True, slows=reply.code == CLOSING)


def _later(row: Claimed, code: int | None, now: datetime) -> Outcome:
    """Another attempt after a while, or none any more."""
    if row.attempts + 1 >= ATTEMPTS:
        return Outcome(DeliveryState.FAILED, code=code)
    return Outcome(DeliveryState.DUE, code=code, not_before=now + BACK_OFF * 2**row.attempts)


class ErrorRate:
    """How many of a mailing's last letters were refused for good, as one worker saw it."""

    def __init__(self) -> None:
        self._last: deque[bool] = deque(maxlen=WINDOW)

    def add(self, state: DeliveryState) -> bool:
        """Add how a letter ended; says whether too many have failed, and then begins anew."""
        if state not in (DeliveryState.SENT, DeliveryState.FAILED):
            return False
        self._last.append(state is DeliveryState.FAILED)
        is_too_high = len(self._last) >= ENOUGH and sum(self._last) > TOO_MANY * len(self._last)
        if is_too_high:
            self._last.clear()
        return is_too_high


class Domains:
    """How receiving domains took their last letters, as one worker saw it."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def add(self, domain: str, verdict: Verdict, at: float) -> float | None:
        """Add what came of a letter at a time (monotonic seconds); letters a second, if the domain now wants less."""
        if verdict.puts_off is None:
            return None
        seen = self._seen.setdefault(domain, _Seen())
        self._seen.move_to_end(domain)
        if len(self._seen) > DOMAINS:
            self._seen.popitem(last=False)
        return seen.rate if seen.add(verdict.puts_off, at) else None


class _Seen:
    """How one domain took its last letters, and how fast they went: `rate`, where those long past weigh little."""

    def __init__(self) -> None:
        self.rate = 0.0
        self._at = 0.0
        self._last: deque[bool] = deque(maxlen=LAST)

    def add(self, is_put_off: bool, at: float) -> bool:
        """Add a letter; says whether too many were put off, and then begins anew."""
        self.rate = self.rate * math.exp((self._at - at) / OF_LATE) + 1 / OF_LATE
        self._at = at
        self._last.append(is_put_off)
        is_too_much = sum(self._last) >= PUT_OFF
        if is_too_much:
            self._last.clear()
        return is_too_much
