"""The worker's part: remind, once, whoever has not confirmed; then never again."""

from datetime import datetime
from typing import TypeVar

import structlog

from campaign import clock
from campaign.db import db
from campaign.mailing.models import REMIND_FOLLOWING, REMIND_SIGNATURE, Reader
from campaign.mailing.operations import Owed, may_write, owe_letter
from campaign.mailing.tasks import open_address
from campaign.opening import Keyring
from campaign.signing.models import Signature
from campaign.signing.queries import newest_pending_signature, standing_signature
from campaign.signing.reminding.queries import (
    LINK_AT_LEAST,
    Patience,
    asked_to_follow_at,
    followers_to_remind,
    signatures_to_remind_of,
)

BATCH = 50
"""So many reminders at a time: letters that somebody waits for are not to queue behind many more."""

Waiting = TypeVar("Waiting", Signature, Reader)

log = structlog.get_logger()


def remind(keys: Keyring, patience: Patience) -> int:
    """Decide about a batch of reminders; says about how many. That it was decided, and the letter, are one commit.

    What was decided once is not looked at again, whether there was a letter or not; the database refuses a second one.
    """
    if not patience.remind_after:
        return 0
    now = clock.now()
    signatures = signatures_to_remind_of(patience, BATCH, now)
    for signature in signatures:
        _decide(signature, lambda it: _of_signature(it, patience, now), keys, now)
    followers = followers_to_remind(patience, BATCH, now)
    for reader in followers:
        _decide(reader, lambda it: _of_following(it, patience, now), keys, now)
    db.session.commit()
    return len(signatures) + len(followers)


def _decide(waiting: Waiting, letter_for, keys: Keyring, now: datetime) -> None:  # type: ignore[no-untyped-def]
    try:
        with db.session.begin_nested():
            waiting.reminded_at = now
            owed = letter_for(waiting)
            if owed is not None and _may_write(owed.reader, keys, now):
                owe_letter(owed, now, keys.link_token)
    except Exception as error:  # one bad row must not hold up the others: it gets no reminder
        log.error("no reminder", kind=waiting.__tablename__, id=waiting.id, error=type(error).__name__)
        waiting.reminded_at = now


def _of_signature(signature: Signature, patience: Patience, now: datetime) -> Owed | None:
    """The reminder of a signature: of the reader's newest, unless one counts or the campaign takes none any more."""
    reader = signature.reader
    is_overtaken = standing_signature(reader.id) or newest_pending_signature(reader.id) is not signature
    if is_overtaken or reader.unsubscribed_at or not signature.campaign.is_signable:
        return None
    return Owed(reader, REMIND_SIGNATURE, signature.id, signature.signed_at + patience.forget_after)


def _of_following(reader: Reader, patience: Patience, now: datetime) -> Owed | None:
    """The reminder of a following: unless there is a signature to be reminded of, or it will be forgotten soon."""
    asked_at = asked_to_follow_at(reader)
    if asked_at is None or reader.unsubscribed_at or newest_pending_signature(reader.id) is not None:
        return None
    until = asked_at + patience.forget_after
    return Owed(reader, REMIND_FOLLOWING, reader.id, until) if until > now + LINK_AT_LEAST else None


def _may_write(reader: Reader, keys: Keyring, now: datetime) -> bool:
    address = open_address(reader, keys)
    return may_write(keys.suppression_key(address), keys.allowance_key(address, now.date()), now)
