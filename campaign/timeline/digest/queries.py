"""Weeks, which end on Mondays at 08:00 UTC, and what was told in one."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Select, select

from campaign.db import db
from campaign.mailing.models import DigestEntry, Mailing, MailingState
from campaign.timeline.models import Update
from campaign.timeline.queries import WHOLE

HOUR = time(8, tzinfo=UTC)
WEEK = timedelta(days=7)
WEEKS_LATE = 2
"""A worker that was away catches up with so many weeks, and not with those long past."""


def week_before(monday: date) -> tuple[datetime, datetime]:
    """When the week begins that is told on a Monday, and when it ends: the next one begins there."""
    end = datetime.combine(monday, HOUR)
    return end - WEEK, end


def due_mondays(now: datetime) -> list[date]:
    """The last Mondays whose hour has come, oldest first."""
    day = (now.astimezone(UTC) - timedelta(hours=HOUR.hour)).date()
    last = day - timedelta(days=day.weekday())
    return [last - WEEK * ago for ago in reversed(range(WEEKS_LATE))]


def told_in_week(monday: date) -> dict[int, dict[int, bool]]:
    """{campaign: {update: whether it is only taken back}}: what letters told that week, or had told before.

    What was told to nobody (what is imported, for one) or was stopped on its way is left out.
    """
    begin, end = week_before(monday)
    is_new = Mailing.created_at.between(begin, end - timedelta.resolution) & (Mailing.state != MailingState.STOPPED)
    is_back = Update.retracted_at.between(begin, end - timedelta.resolution) & (Mailing.created_at < begin)
    found: dict[int, dict[int, bool]] = defaultdict(dict)
    for condition, is_retraction in ((is_new, False), (is_back, True)):
        for row in db.session.execute(_told().where(condition)):
            found[row.campaign_id][row.id] = is_retraction
    return found


def _told() -> Select[int, int]:
    return select(Update.campaign_id, Update.id).join(Mailing, Mailing.update_id == Update.id).order_by(Update.id)


def updates_of(mailing_id: int) -> Sequence[Update]:
    """The updates that the letters of a week tell, in the order in which things happened."""
    entries = select(DigestEntry.update_id).where(DigestEntry.mailing_id == mailing_id)
    found = select(Update).where(Update.id.in_(entries)).order_by(Update.occurred_on, Update.number)
    return db.session.scalars(found.options(*WHOLE)).all()
