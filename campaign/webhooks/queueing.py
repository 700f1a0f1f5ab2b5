"""What is to be told, claimed and settled: each event is a row, held under a lease while it is under way."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import or_, select, update
from sqlalchemy.orm import aliased, joinedload

from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.errors import Refusal
from campaign.webhooks.carrying import Answer
from campaign.webhooks.judging import GIVEN_UP_AFTER, Verdict
from campaign.webhooks.models import PING, Endpoint, EndpointState, EventState, Reason, WebhookEvent, is_in

LOOKED_AT = 100


@dataclass(frozen=True)
class Lease:
    """Who holds events, and until when."""

    owner: str
    until: datetime


def claim(lease: Lease, size: int, now: datetime) -> list[WebhookEvent]:
    """Lease at most `size` due events, one of each endpoint that has none under way, those due first."""
    sibling = aliased(WebhookEvent)
    is_busy = (
        select(sibling.id).where(sibling.endpoint_id == WebhookEvent.endpoint_id, sibling.owner.is_not(None)).exists()
    )
    may_go = or_(Endpoint.state == EndpointState.ACTIVE, WebhookEvent.key == PING)
    due = select(WebhookEvent.id, WebhookEvent.endpoint_id).join(Endpoint)
    due = due.where(is_in(EventState.DUE), WebhookEvent.not_before <= now, may_go, ~is_busy)
    rows = db.session.execute(due.order_by(WebhookEvent.not_before, WebhookEvent.id).limit(LOOKED_AT))
    chosen: dict[int, int] = {}
    for event_id, endpoint_id in rows:
        chosen.setdefault(endpoint_id, event_id)
    return _leased(list(chosen.values())[:size], lease)


def _leased(ids: list[int], lease: Lease) -> list[WebhookEvent]:
    """Those of these that nobody else has taken in the meantime."""
    if not ids:
        return []
    taken = update(WebhookEvent).where(WebhookEvent.id.in_(ids), is_in(EventState.DUE))
    taken = taken.values(state=EventState.LEASED, owner=lease.owner, lease_until=lease.until)
    won = db.session.scalars(taken.returning(WebhookEvent.id).execution_options(synchronize_session=False)).all()
    found = select(WebhookEvent).where(WebhookEvent.id.in_(won)).execution_options(populate_existing=True)
    whole = joinedload(WebhookEvent.endpoint).joinedload(Endpoint.campaign).selectinload(Campaign.texts)
    return list(db.session.scalars(found.options(whole)))


def settle(event_id: int, owner: str, verdict: Verdict, answer: Answer | None, now: datetime) -> bool:
    """Record how a try ended, and what follows for the endpoint; False if the lease is another's, or it is deleted.

    Without an answer nothing was tried.
    """
    ended: dict[str, Any] = {"state": verdict.state, "owner": None, "lease_until": None}
    if verdict.state is EventState.DUE:
        ended["not_before"] = verdict.not_before
    else:
        ended["settled_at"] = now
    if answer is not None:
        ended |= {"code": answer.code, "trouble": answer.trouble, "took_ms": round(answer.seconds * 1000)}
        ended |= {"tried_at": now, "attempts": WebhookEvent.attempts + 1}
    held = update(WebhookEvent).where(WebhookEvent.id == event_id, WebhookEvent.owner == owner).values(**ended)
    settled = db.session.execute(held.execution_options(synchronize_session=False))
    if not settled.rowcount:  # type: ignore[attr-defined]
        return False
    if answer is not None:
        _follow(db.session.get_one(WebhookEvent, event_id, populate_existing=True), verdict, now)
    return True


def _follow(event: WebhookEvent, verdict: Verdict, now: datetime) -> None:
    """An endpoint that takes no more, or has taken nothing for days, is switched off."""
    endpoint = db.session.get_one(Endpoint, event.endpoint_id, with_for_update={"of": Endpoint}, populate_existing=True)
    if verdict.state is EventState.SENT:
        endpoint.failing_since = None
    elif verdict.is_gone:
        endpoint.switch_off(Reason.GONE)
    elif event.key != PING:
        endpoint.failing_since = endpoint.failing_since or now
        if now - endpoint.failing_since >= GIVEN_UP_AFTER and endpoint.state == EndpointState.ACTIVE:
            endpoint.switch_off(Reason.FAILING)
    db.session.flush()


def return_expired_leases(now: datetime) -> None:
    """What a stopped worker held becomes due again."""
    expired = update(WebhookEvent).where(is_in(EventState.LEASED), WebhookEvent.lease_until < now)
    returned = {"state": EventState.DUE, "owner": None, "lease_until": None}
    db.session.execute(expired.values(**returned).execution_options(synchronize_session=False))


def retry_events(endpoint: Endpoint, now: datetime) -> int:
    """Try at once what failed and what waits for another try; says how many events. Raises Refusal."""
    if endpoint.state != EndpointState.ACTIVE:
        raise Refusal(_("This webhook does not send now. Let it go on first."))
    again = update(WebhookEvent).where(
        WebhookEvent.endpoint_id == endpoint.id,
        WebhookEvent.key != PING,
        or_(is_in(EventState.FAILED), is_in(EventState.DUE)),
    )
    again = again.values(state=EventState.DUE, attempts=0, not_before=now, settled_at=None)
    count: int = db.session.execute(again.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
    if not count:
        raise Refusal(_("Nothing of this webhook can be tried again."))
    return count
