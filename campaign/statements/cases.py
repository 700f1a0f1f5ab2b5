"""What moderators see: the queue, and what was decided by whom."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import ColumnElement, ScalarSelect, Select, false, func, literal, or_, select, tuple_, union_all
from sqlalchemy.orm import contains_eager, joinedload

from campaign.db import db
from campaign.signing.models import Signature
from campaign.signing.queries import is_confirmed
from campaign.statements.models import Act, Decision, Endorsement, Item, Statement, StatementState
from campaign.statements.queries import is_in

QUEUE_PAGE = 25
MOST_ID = 2**31
"""No row has a greater number: PostgreSQL would complain about a greater one."""


class Tab(StrEnum):
    """The lists of moderation."""

    WAITING = "waiting"
    HELD = "held"
    DECIDED = "decided"
    CHOSEN = "chosen"


_STATES = {
    Tab.WAITING: (StatementState.WAITING.value,),
    Tab.HELD: (StatementState.HELD.value,),
    Tab.DECIDED: (StatementState.PUBLISHED.value, StatementState.REJECTED.value),
    Tab.CHOSEN: (StatementState.PUBLISHED.value,),
}

_AT = {Tab.DECIDED: attrgetter("decided_at"), Tab.CHOSEN: attrgetter("published_at")}
"""When what stands in a list came into it; into the others, when it was made."""

_NEWEST_FIRST = (Tab.DECIDED, Tab.CHOSEN)


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands in a list of both kinds."""

    at: datetime
    kind: str
    number: int


@dataclass(frozen=True)
class Case:
    """A statement or an endorsement before the moderators, and what was decided on it, newest first."""

    item: Item
    decisions: Sequence[Decision]

    @property
    def key(self) -> str:
        """Its name on the page."""
        return f"{self.item.kind}-{self.item.id}"

    @property
    def seen(self) -> int:
        """The newest decision that whoever looks at it knows of."""
        return self.decisions[0].id if self.decisions else 0


def cases(campaign_id: int, tab: Tab, after: Place | None, limit: int = QUEUE_PAGE) -> tuple[list[Case], Place | None]:
    """A page of a list: what waits or is held oldest first, else newest first; and where it goes on."""
    places = _places(campaign_id, tab, after, limit + 1)
    shown, rest = places[:limit], places[limit:]
    return _cases_at(shown), shown[-1] if rest else None


def _places(campaign_id: int, tab: Tab, after: Place | None, limit: int) -> list[Place]:
    """Two short ranges of two indexes, merged."""
    branches = [_branch(model, campaign_id, tab, after).limit(limit).subquery() for model in (Statement, Endorsement)]
    both = union_all(*(select(branch) for branch in branches)).subquery()
    columns = (both.c.at, both.c.kind, both.c.number)
    order = [column.desc() for column in columns] if tab in _NEWEST_FIRST else list(columns)
    return [Place(*row) for row in db.session.execute(select(*columns).order_by(*order).limit(limit))]


def _branch(model: type[Item], campaign_id: int, tab: Tab, after: Place | None) -> Select[datetime, str, int]:
    is_down = tab in _NEWEST_FIRST
    at: ColumnElement[datetime] = cast("Any", _AT.get(tab, attrgetter("made_at"))(model))
    found = select(at.label("at"), literal(model.kind).label("kind"), model.id.label("number"))
    found = found.where(model.campaign_id == campaign_id, is_in(model, *_STATES[tab]), _is_shown(model))
    if tab == Tab.CHOSEN:
        found = found.where(Statement.is_chosen if model is Statement else false())
    if after is not None:
        found = found.where(_is_after(model, at, after, is_down=is_down))
    return found.order_by(*((at.desc(), model.id.desc()) if is_down else (at, model.id)))


def _is_after(model: type[Item], at: ColumnElement[datetime], after: Place, *, is_down: bool) -> ColumnElement[bool]:
    if model.kind == after.kind:
        place, mark = tuple_(at, model.id), tuple_(literal(after.at, at.type), literal(after.number))
        return place < mark if is_down else place > mark
    if is_down:
        return at <= after.at if model.kind < after.kind else at < after.at
    return at >= after.at if model.kind > after.kind else at > after.at


def _is_shown(model: type[Item]) -> ColumnElement[bool]:
    """Whether moderators see it: a statement whose signature counts, an endorsement that the worker has opened."""
    if model is Endorsement:
        return Endorsement.sealed.is_(None)
    signed = select(Signature.id).where(Signature.id == Statement.signature_id, is_confirmed())
    return signed.exists()


def _cases_at(places: Iterable[Place]) -> list[Case]:
    numbers: dict[str, list[int]] = {kind: [] for kind in _MODELS}
    for place in places:
        numbers[place.kind].append(place.number)
    items: dict[tuple[str, int], Item] = {}
    for kind, model in _MODELS.items():
        found = select(model).where(model.id.in_(numbers[kind]))
        eagerly = [joinedload(Statement.signature)] if model is Statement else []
        of_kind = cast("Iterable[Item]", db.session.scalars(found.options(*eagerly)))
        items |= {(kind, item.id): item for item in of_kind}
    decided = _decisions(numbers)
    keys = [(place.kind, place.number) for place in places]
    return [Case(items[key], decided[key]) for key in keys if key in items]


def _decisions(numbers: dict[str, list[int]]) -> dict[tuple[str, int], list[Decision]]:
    """What was decided on each of these, newest first."""
    about = [Decision.about(kind).in_(of_kind) for kind, of_kind in numbers.items()]
    found = select(Decision).where(or_(*about)).order_by(Decision.id.desc()).options(joinedload(Decision.organizer))
    by_item: dict[tuple[str, int], list[Decision]] = defaultdict(list)
    for decision in db.session.scalars(found):
        by_item[decision.subject].append(decision)
    return by_item


def case_of(campaign_id: int | None, kind: str, number: int) -> Case | None:
    """One statement or endorsement that moderators of the campaign may see; None for any campaign."""
    found = _cases_at([Place(datetime.min, kind, number)]) if kind in _MODELS and number < MOST_ID else []
    ours = (one for one in found if campaign_id in (None, one.item.campaign_id) and _is_before_moderators(one.item))
    return next(ours, None)


_MODELS: dict[str, type[Item]] = {Statement.kind: Statement, Endorsement.kind: Endorsement}


def _is_before_moderators(item: Item) -> bool:
    return item.signature.is_confirmed if isinstance(item, Statement) else item.sealed is None


def newest_decision(item: Item) -> Decision | None:
    """The last decision on a statement or an endorsement."""
    found = select(Decision).where(Decision.about(item.kind) == item.id).options(joinedload(Decision.organizer))
    return db.session.scalar(found.order_by(Decision.id.desc()).limit(1))


def last_decision_by(campaign_id: int, organizer_id: int) -> Decision | None:
    """The last decision of an organizer in a campaign, if nobody has decided otherwise since and it can be undone."""
    mine = select(Decision).where(Decision.campaign_id == campaign_id, Decision.organizer_id == organizer_id)
    with_item = (joinedload(Decision.statement), joinedload(Decision.endorsement))
    last = db.session.scalar(mine.order_by(Decision.id.desc()).limit(1).options(*with_item))
    item = last.statement or last.endorsement if last else None
    newest = newest_decision(item) if item else None
    return last if last is newest and last and last.act != Act.RETURNED else None


def counts(campaign_id: int) -> dict[Tab, int]:
    """How many wait, and how many are on hold."""
    tabs = (Tab.WAITING, Tab.HELD)
    sums = [_count(Statement, campaign_id, tab) + _count(Endorsement, campaign_id, tab) for tab in tabs]
    return dict(zip(tabs, db.session.execute(select(*sums)).one(), strict=True))


def _count(model: type[Item], campaign_id: int, tab: Tab) -> ScalarSelect[int]:
    there = select(func.count()).select_from(model)
    wanted = there.where(model.campaign_id == campaign_id, is_in(model, *_STATES[tab]), _is_shown(model))
    return wanted.scalar_subquery()


def waiting_statements() -> Sequence[Statement]:
    """The statements that wait for a decision in any campaign, oldest first; of confirmed signers only."""
    waiting = select(Statement).join(Statement.signature).where(is_in(Statement, "waiting"), is_confirmed())
    return db.session.scalars(waiting.order_by(Statement.id).options(contains_eager(Statement.signature))).all()


def waiting_endorsements() -> Sequence[Endorsement]:
    """The endorsements that wait for a decision in any campaign, oldest first."""
    waiting = select(Endorsement).where(is_in(Endorsement, "waiting"), Endorsement.sealed.is_(None))
    return db.session.scalars(waiting.order_by(Endorsement.id)).all()
