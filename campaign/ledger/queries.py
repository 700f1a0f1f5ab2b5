"""The public count, and a recount of the whole ledger."""

from dataclasses import dataclass

from sqlalchemy import ScalarSelect, case, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute

from campaign.db import db
from campaign.ledger.models import GROWTH, Change, DueEntry, LedgerEntry


def last_entry(campaign_id: int) -> LedgerEntry | None:
    """The newest entry of a campaign."""
    newest = select(LedgerEntry).where(LedgerEntry.campaign_id == campaign_id).order_by(LedgerEntry.number.desc())
    return db.session.scalar(newest.limit(1))


def public_count(campaign_id: int) -> int:
    """How many signatures count, as the ledger says: at most some seconds late."""
    return db.session.scalar(select(newest_count(campaign_id))) or 0


def newest_count(campaign_id: int) -> ScalarSelect[int]:
    """The same as a part of a statement; NULL where nothing was entered yet."""
    newest = select(LedgerEntry.count).where(LedgerEntry.campaign_id == campaign_id)
    return newest.order_by(LedgerEntry.number.desc()).limit(1).scalar_subquery()


@dataclass(frozen=True)
class History:
    """How often the count grew and shrank, and why."""

    count: int
    added: int
    withdrawn: int
    invalidated: int
    restored: int


def history(campaign_id: int) -> History:
    """The ledger by kind of change. Reads the few entries that took away or gave back: all others added."""
    last = last_entry(campaign_id)
    is_other = LedgerEntry.change != literal(Change.ADDED, literal_execute=True)  # the index's predicate, word for word
    counted = (
        select(LedgerEntry.change, func.count())
        .where(LedgerEntry.campaign_id == campaign_id, is_other)
        .group_by(LedgerEntry.change)
    )
    others = {row[0]: row[1] for row in db.session.execute(counted)}
    added = (last.number if last else 0) - sum(others.values())
    rest = {change.value: others.get(change, 0) for change in Change if change is not Change.ADDED}
    return History(last.count if last else 0, added, **rest)


def signer_number(campaign_id: int, commitment: bytes) -> int | None:
    """The count that a signature made when it was added; foretold while its entry is still owed.

    One statement, which sees one state of the database: between two of them what is owed may be entered.
    """
    entered = _added(LedgerEntry, LedgerEntry.count, commitment)
    earlier = select(_sum_of_steps(DueEntry)).where(
        DueEntry.campaign_id == campaign_id, DueEntry.id <= _added(DueEntry, DueEntry.id, commitment)
    )
    foretold = func.coalesce(newest_count(campaign_id), 0) + earlier.scalar_subquery()
    return db.session.scalar(select(func.coalesce(entered, foretold)))


def _added(
    model: type[LedgerEntry] | type[DueEntry], column: InstrumentedAttribute[int], commitment: bytes
) -> ScalarSelect[int]:
    return select(column).where(model.commitment == commitment, model.change == Change.ADDED).scalar_subquery()


def recount(campaign_id: int) -> int:
    """The count added up from the first entry and from what is owed; reads every row."""
    entered = select(_sum_of_steps(LedgerEntry)).where(LedgerEntry.campaign_id == campaign_id)
    owed = select(_sum_of_steps(DueEntry)).where(DueEntry.campaign_id == campaign_id)
    return (db.session.scalar(entered) or 0) + (db.session.scalar(owed) or 0)


def first_gap(campaign_id: int) -> int | None:
    """The number of the first entry that does not follow from the one before it; None when all do."""
    step = case((LedgerEntry.change.in_(GROWTH), 1), else_=-1)
    lined_up = (
        select(
            LedgerEntry.number,
            LedgerEntry.count.label("count"),
            func.row_number().over(order_by=LedgerEntry.number).label("place"),
            func.sum(step).over(order_by=LedgerEntry.number).label("total"),
        )
        .where(LedgerEntry.campaign_id == campaign_id)
        .subquery()
    )
    wrong = (lined_up.c.number != lined_up.c.place) | (lined_up.c.count != lined_up.c.total)
    return db.session.scalar(select(lined_up.c.number).where(wrong).order_by(lined_up.c.number).limit(1))


def _sum_of_steps(model: type[LedgerEntry] | type[DueEntry]):  # type: ignore[no-untyped-def]
    return func.sum(case((model.change.in_(GROWTH), 1), else_=-1))
