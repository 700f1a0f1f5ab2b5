"""What was counted last, what of it everybody may see, and a count of everything: for the worker, never for a page."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select

from campaign.campaigns.models import Campaign
from campaign.db import db, is_sqlite
from campaign.i18n import countries
from campaign.ledger.models import LedgerEntry
from campaign.ledger.queries import history, last_entry
from campaign.signing.counting.models import Breakdown, SignatureStatistics
from campaign.signing.models import Signature, SignatureState
from campaign.signing.queries import is_confirmed

STALE_AFTER = timedelta(minutes=1)
COUNTED_A_SECOND = 2000
"""Unasked, a campaign is counted again when so much time went by that it comes to so many signatures a second."""

MOST = 60
"""So many sources are named; what is beyond goes into one."""

FEWEST = 5
"""A country with fewer signatures is not named to everybody: its signers might be recognised by it."""

OTHERS = "…"
NONE = ""


def statistics(campaign_id: int) -> SignatureStatistics | None:
    """What was counted last."""
    return db.session.get(SignatureStatistics, campaign_id)


def is_stale(counted: SignatureStatistics | None, now: datetime) -> bool:
    """Whether it is time to count again."""
    return counted is None or counted.counted_at <= now - STALE_AFTER


@dataclass(frozen=True)
class Countries:
    """What everybody may see of the signatures by country, the most first; `others` are those of unnamed countries."""

    named: Breakdown
    others: int
    counted_at: datetime | None

    @property
    def total(self) -> int:
        """How many signatures there are."""
        return sum(self.named.values()) + self.others


def public_countries(campaign_id: int) -> Countries:
    """The signatures by country as they were counted last, as everybody may see them."""
    counted = statistics(campaign_id)
    return (
        Countries(*publicly(counted.breakdowns["country"]), counted.counted_at) if counted else Countries({}, 0, None)
    )


def countries_to_choose(campaign_id: int, locale: str, chosen: str | None) -> list[tuple[str, str]]:
    """The countries that a list may be read by, as (code, name) in the order of the names; the chosen one among them.

    From what was counted, so that no list is read for them; and only those that everybody may see named.
    """
    offered = {*public_countries(campaign_id).named, chosen}
    return [(code, name) for code, name in countries(locale) if code in offered]


def publicly(by_country: Breakdown) -> tuple[Breakdown, int]:
    """The countries that may be named, the most first, and how many signatures come from all others together."""
    ranked = sorted(by_country.items(), key=lambda pair: (-pair[1], pair[0]))
    named = {country: count for country, count in ranked if count >= FEWEST}
    return named, sum(by_country.values()) - sum(named.values())


def changed_campaigns(now: datetime) -> list[int]:
    """The campaigns whose count has changed since it was broken down, and that were not looked at too lately.

    Reads two rows of each campaign; the more signatures a campaign has, the longer it waits.
    """
    newest = select(LedgerEntry.id).where(LedgerEntry.campaign_id == Campaign.id)
    newest = newest.order_by(LedgerEntry.number.desc()).limit(1).correlate(Campaign)
    entered = (
        select(Campaign.id, LedgerEntry.number, LedgerEntry.count.label("signed"), SignatureStatistics.stamp,
               SignatureStatistics.counted_at)
        .join(LedgerEntry, LedgerEntry.id == newest.scalar_subquery())
        .outerjoin(SignatureStatistics, SignatureStatistics.campaign_id == Campaign.id)
    )  # fmt: skip
    rows = db.session.execute(entered).all()
    return [
        row.id for row in rows if _has_changed(row.number, row.stamp) and _has_waited(row.signed, row.counted_at, now)
    ]


def _has_changed(number: int, known: str | None) -> bool:
    return known is None or known.split()[0] != str(number)


def _has_waited(count: int, counted_at: datetime | None, now: datetime) -> bool:
    return counted_at is None or counted_at <= now - STALE_AFTER - timedelta(seconds=count / COUNTED_A_SECOND)


def stamp(campaign_id: int) -> str:
    """Says whether anything was signed, confirmed, withdrawn, invalidated or restored since it said the same."""
    last = last_entry(campaign_id)
    newest = select(func.max(Signature.id)).where(Signature.campaign_id == campaign_id)
    return f"{last.number if last else 0} {db.session.scalar(newest) or 0}"


def breakdowns(campaign_id: int) -> dict[str, Breakdown]:
    """All signatures of a campaign counted: those that count by day, country, language and source; all by state."""
    counts = {
        "day": _counted(campaign_id, _day()),
        "country": _counted(campaign_id, Signature.country),
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
