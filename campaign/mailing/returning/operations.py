"""What follows from what came back: noted on the delivery once, counted, suppressed, unsubscribed."""

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update

from campaign.db import db
from campaign.mailing.models import Bounce, Delivery, DeliveryState, Reader, Suppression

NOTICED_WITHIN = timedelta(days=30)
"""For so long after a letter went out its return path is believed: old letters lie about in many places."""
SOFT_LETTERS, SOFT_DAYS = 5, 3
"""So many letters in a row, sent on so many days, come back softly: then the address is not written to again."""

GRAVITY = list(Bounce)


def note_bounce(delivery_id: int, bounce: Bounce, now: datetime) -> bool:
    """Note what came back of a letter; says False, and changes nothing, if as grave a thing is known, or it is old."""
    lighter = [known for known in GRAVITY if GRAVITY.index(known) < GRAVITY.index(bounce)]
    noted = update(Delivery).where(
        Delivery.id == delivery_id,
        or_(Delivery.bounce.is_(None), Delivery.bounce.in_(lighter)),
        or_(Delivery.settled_at.is_(None), Delivery.settled_at > now - NOTICED_WITHIN),
    )
    done = db.session.execute(noted.values(bounce=bounce).execution_options(synchronize_session=False))
    return done.rowcount == 1  # type: ignore[attr-defined, no-any-return]


def is_soft_too_often(delivery: Delivery) -> bool:
    """Whether the reader's letters up to this one came back softly for long enough; refusals by policy do not count."""
    went_out = [DeliveryState.SENT, DeliveryState.UNCERTAIN]
    latest = (
        select(Delivery.bounce, Delivery.settled_at)
        .where(
            Delivery.reader_id == delivery.reader_id,
            Delivery.id <= delivery.id,
            Delivery.state.in_(went_out),
            Delivery.bounce.is_distinct_from(Bounce.POLICY),
        )
        .order_by(Delivery.id.desc())
        .limit(SOFT_LETTERS)
    )
    letters = db.session.execute(latest).all()
    days = {letter.settled_at.date() for letter in letters if letter.bounce == Bounce.SOFT}
    return sum(letter.bounce == Bounce.SOFT for letter in letters) == SOFT_LETTERS and len(days) >= SOFT_DAYS


def unsubscribe(handle: bytes, now: datetime) -> None:
    """No more news for a reader; one who is gone has none already."""
    reader = db.session.scalar(select(Reader).where(Reader.handle == handle))
    if reader is not None:
        reader.unsubscribe(now)
        db.session.flush()


def lift(key: bytes) -> bool:
    """Let an address be written to again; says False if it was not suppressed."""
    lifted = db.session.execute(delete(Suppression).where(Suppression.key == key))
    return lifted.rowcount == 1  # type: ignore[attr-defined, no-any-return]
