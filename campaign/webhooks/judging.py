"""What an answer means: for the event, and for the endpoint (Standard Webhooks 1.0.0, delivery success and failure)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from random import SystemRandom

from campaign.webhooks.carrying import Answer
from campaign.webhooks.models import EventState

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Before the second try, the third, and so on: ten in all, over some three days."""

JITTER = 0.1
"""By so much of it at most each delay is longer."""

GIVEN_UP_AFTER = timedelta(days=5)
"""An endpoint at which nothing has arrived for so long is switched off."""

LONGEST_REST = timedelta(days=1)
"""Nobody puts us off for longer than the longest of the delays."""

BUSY = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""With these, an endpoint may say when it wants to be asked again (RFC 9110, section 10.2.3)."""

_random = SystemRandom()


@dataclass(frozen=True)
class Verdict:
    """What follows from an answer. `not_before`: when it is tried again, if it is. `is_gone`: it wants no more."""

    state: EventState
    not_before: datetime | None = None
    is_gone: bool = False


def judge(answer: Answer, tries: int, now: datetime, *, is_ping: bool = False) -> Verdict:
    """What an answer to the try of this number means; a ping is tried once."""
    if answer.is_success:
        return Verdict(EventState.SENT)
    if answer.code == HTTPStatus.GONE:
        return Verdict(EventState.FAILED, is_gone=True)
    if is_ping or tries > len(DELAYS):
        return Verdict(EventState.FAILED)
    delay = DELAYS[tries - 1] * (1 + _random.uniform(0, JITTER))
    return Verdict(EventState.DUE, now + max(delay, _wish(answer, now)))


def _wish(answer: Answer, now: datetime) -> timedelta:
    """For how long a busy endpoint wants to be left alone."""
    text = (answer.retry_after or "").strip() if answer.code in BUSY else ""
    return min(max(_rest(text, now), timedelta()), LONGEST_REST)


def _rest(text: str, now: datetime) -> timedelta:
    """The time of a Retry-After: a number of seconds, or a date."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return timedelta()
    return at.replace(tzinfo=at.tzinfo or UTC) - now
