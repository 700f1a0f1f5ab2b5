"""What was counted last, and a count of everything: for the worker, never for a page."""

from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select

from campaign.db import db, is_sqlite
from campaign.ledger.queries import history, last_entry
from campaign.signing.counting.models import Breakdown, SignatureStatistics
from campaign.signing.models import Signature, SignatureState
from campaign.signing.queries import is_confirmed

STALE_AFTER = timedelta(minutes=1)
MOST = 60
"""A breakdown names so many; what is beyond goes into one."""

OTHERS = "…"
NONE = ""


def statistics(campaign_id: int) -> SignatureStatistics | None:
    """What was counted last."""
    return db.session.get(SignatureStatistics, campaign_id)


def is_stale(counted: SignatureStatistics | None, now: datetime) -> bool:
    """Whether it is time to count again."""
    return counted is None or counted.counted_at <= now - STALE_AFTER


def stamp(campaign_id: int) -> str:
    """Says whether anything was signed, confirmed, withdrawn, invalidated or restored since it said the same."""
    last = last_entry(campaign_id)
    newest = select(func.max(Signature.id)).where(Signature.campaign_id == campaign_id)
    return f"{last.number if last else 0} {db.session.scalar(newest) or 0}"


def breakdowns(campaign_id: int) -> dict[str, Breakdown]:
    """All signatures of a campaign counted: those that count by day, country, language and source; all by state."""
    counts = {
        "day": _counted(campaign_id, _day()),
        "country": _most(_counted(campaign_id, Signature.country)),
        "language": _counted(campaign_id, Signature.locale),
        "source": _most(_counted(campaign_id, func.coalesce(Signature.source, NONE))),
    }
    return {**counts, "state": _states(campaign_id)}


def _counted(campaign_id: int, by: SQLColumnExpression[str]) -> Breakdown:
    counted = select(by, func.count()).where(Signature.campaign_id == campaign_id, is_confirmed()).group_by(by)
    return {str(value): count for value, count in db.session.execute(counted.order_by(by))}


def _day() -> ColumnElement[str]:
    """The day of confirming, in UTC."""
    if is_sqlite():
        return func.date(Signature.confirmed_at)
    return func.date(func.timezone("UTC", Signature.confirmed_at))


def _most(counts: Breakdown) -> Breakdown:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rest = sum(count for _value, count in ranked[MOST:])
    return dict(ranked[:MOST]) | ({OTHERS: rest} if rest else {})


def _states(campaign_id: int) -> Breakdown:
    """Withdrawn signatures are gone: the ledger remembers how many there were."""
    counted = select(Signature.state, func.count()).where(Signature.campaign_id == campaign_id)
    found = {row[0]: row[1] for row in db.session.execute(counted.group_by(Signature.state))}
    return {state.value: found.get(state, 0) for state in SignatureState} | {
        "withdrawn": history(campaign_id).withdrawn
    }


def newest_days(counts: Breakdown, days: int, today: date) -> Breakdown:
    """The last so many days, those without a signature too."""
    start = today.toordinal() - days + 1
    listed = (date.fromordinal(start + place).isoformat() for place in range(days))
    return {day: counts.get(day, 0) for day in listed}
