"""Webhooks made, given another secret, paused and tried; events owed, claimed and settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import aliased, joinedload

from campaign.campaigns.models import Campaign, CampaignState, step_reached
from campaign.db import db
from campaign.errors import Refusal
from campaign.ledger.queries import public_count
from campaign.mailing.operations import insert
from campaign.sealing import Sealer, binding
from campaign.timeline.models import Update
from campaign.webhooks.addresses import Destination
from campaign.webhooks.carrying import Answer
from campaign.webhooks.judging import GIVEN_UP_AFTER, Verdict
from campaign.webhooks.models import (
    PING,
    Endpoint,
    EndpointState,
    EventState,
    EventType,
    Reason,
    WebhookEvent,
    is_in,
    new_message_id,
)
from campaign.webhooks.queries import count_endpoints, ping_of
from campaign.webhooks.telling import new_secret, victory

MOST_ENDPOINTS = 10
BOTH_SIGN_FOR = timedelta(hours=24)
"""For so long the secret before still signs."""

LOOKED_AT = 100
URL, SECRET = "webhook url", "webhook secret"
"""To what the sealed values of an endpoint are bound."""


class TooMany(Refusal):
    """A campaign has so many webhooks and no more."""


class AlreadyDone(Refusal):
    """The same form was sent before, or somebody else was quicker."""

    status = 409


# Endpoints


@dataclass(frozen=True)
class NewEndpoint:
    """A webhook as somebody typed it. `handle` is the form's: the same form sent twice makes one webhook."""

    handle: bytes
    name: str
    destination: Destination
    types: list[str]


def add_endpoint(campaign: Campaign, new: NewEndpoint, sealer: Sealer, now: datetime) -> tuple[Endpoint, str]:
    """Make a webhook; returns it with its secret, which nobody can read from here any more. Raises Refusal."""
    db.session.refresh(campaign, with_for_update=True)
    if db.session.scalar(select(Endpoint.id).where(Endpoint.handle == new.handle)):
        raise AlreadyDone(_("This webhook is there already. If you have not kept its secret, give it a new one."))
    if count_endpoints(campaign.id) >= MOST_ENDPOINTS:
        raise TooMany(_("A campaign can have %(most)s webhooks. Delete one first.", most=MOST_ENDPOINTS))
    secret = new_secret()
    endpoint = Endpoint(
        campaign_id=campaign.id,
        handle=new.handle,
        name=new.name,
        netloc=new.destination.netloc,
        sealed_url=sealer.seal(new.destination.url.encode(), binding(URL, campaign.id, new.handle)),
        sealed_secret=sealer.seal(secret.encode(), binding(SECRET, campaign.id, new.handle)),
        types=new.types,
        milestone=step_reached(public_count(campaign.id)),
        won=victory(campaign),
        made_at=now,
    )
    db.session.add(endpoint)
    db.session.flush()
    return endpoint, secret


def change_secret(endpoint: Endpoint, seen_number: int, sealer: Sealer, now: datetime) -> str:
    """Give a webhook a new secret, which is returned; for a day the one before signs, too. Raises AlreadyDone."""
    db.session.refresh(endpoint, with_for_update=True)
    if endpoint.number_of_secret != seen_number:
        raise AlreadyDone(_("The secret was changed already. If you have not kept it, give the webhook a new one."))
    secret = new_secret()
    endpoint.sealed_earlier, endpoint.earlier_until = endpoint.sealed_secret, now + BOTH_SIGN_FOR
    endpoint.sealed_secret = sealer.seal(secret.encode(), binding(SECRET, endpoint.campaign_id, endpoint.handle))
    endpoint.number_of_secret += 1
    db.session.flush()
    return secret


def pause_endpoint(endpoint: Endpoint) -> None:
    """Send nothing for now. What happens meanwhile is told when it goes on."""
    db.session.refresh(endpoint, with_for_update=True)
    if endpoint.state == EndpointState.ACTIVE:
        endpoint.state = EndpointState.PAUSED


def resume_endpoint(endpoint: Endpoint, now: datetime) -> None:
    """Go on, also with one that was switched off; what waits is tried at once."""
    db.session.refresh(endpoint, with_for_update=True)
    endpoint.state, endpoint.reason, endpoint.failing_since = EndpointState.ACTIVE, None, None
    waiting = update(WebhookEvent).where(WebhookEvent.endpoint_id == endpoint.id, is_in(EventState.DUE))
    db.session.execute(waiting.values(not_before=now).execution_options(synchronize_session=False))


def remove_endpoint(endpoint: Endpoint) -> None:
    """Delete a webhook, with all that it was told."""
    db.session.delete(endpoint)
    db.session.flush()


def forget_earlier_secrets(now: datetime) -> None:
    """Delete the secrets that sign no more."""
    over = update(Endpoint).where(Endpoint.earlier_until < now)
    over = over.values(sealed_earlier=None, earlier_until=None).execution_options(synchronize_session=False)
    db.session.execute(over)


# Events owed


def owe_ping(endpoint: Endpoint, now: datetime) -> None:
    """Try a webhook, in whatever state it is; raises Refusal while the last test is under way."""
    db.session.refresh(endpoint, with_for_update=True)
    last = ping_of(endpoint.id)
    if last is not None and last.settled_at is None:
        raise AlreadyDone(_("A test is on its way already."))
    db.session.execute(delete(WebhookEvent).where(WebhookEvent.endpoint_id == endpoint.id, WebhookEvent.key == PING))
    _owe([_event(endpoint.id, PING, now, now)])


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


def owe_events(now: datetime) -> None:
    """Owe each active endpoint what happened since it was made. Whoever else does it, too, each is owed once.

    It is derived from what stands: whoever publishes an update or counts a signature knows nothing of it.
    """
    active = select(Endpoint).join(Endpoint.campaign)
    active = active.where(Endpoint.state == EndpointState.ACTIVE, Campaign.state != CampaignState.DRAFT)
    endpoints = db.session.scalars(active.order_by(Endpoint.id).options(joinedload(Endpoint.campaign))).all()
    _owe([*_updates(endpoints, now), *_victories(endpoints, now), *_milestones(endpoints, now)])


def _wanting(endpoints: Sequence[Endpoint], wanted: EventType) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints if wanted in endpoint.types]


def _updates(endpoints: Sequence[Endpoint], now: datetime) -> list[dict[str, Any]]:
    """Those that were published since, stand, and are not owed yet."""
    ids = [endpoint.id for endpoint in _wanting(endpoints, EventType.UPDATE_PUBLISHED)]
    if not ids:
        return []
    key = EventType.UPDATE_PUBLISHED + ":" + Update.number.cast(db.String)
    is_owed = select(WebhookEvent.id).where(WebhookEvent.endpoint_id == Endpoint.id, WebhookEvent.key == key).exists()
    since = Update.published_at > Endpoint.made_at
    found = select(Endpoint.id, Update.number, Update.published_at).join(
        Update, Update.campaign_id == Endpoint.campaign_id
    )
    rows = db.session.execute(
        found.where(Endpoint.id.in_(ids), since, Update.retracted_at.is_(None), ~is_owed).order_by(Update.number)
    )
    return [_event(row.id, f"{EventType.UPDATE_PUBLISHED}:{row.number}", row.published_at, now) for row in rows]


def _victories(endpoints: Sequence[Endpoint], now: datetime) -> list[dict[str, Any]]:
    """The present victory, unless it stood already when the endpoint was made."""
    keys = {endpoint.id: victory(endpoint.campaign) for endpoint in _wanting(endpoints, EventType.CAMPAIGN_WON)}
    new = {endpoint.id: key for endpoint in endpoints if (key := keys.get(endpoint.id)) and key != endpoint.won}
    found = select(WebhookEvent.endpoint_id, WebhookEvent.key).where(WebhookEvent.key.in_(set(new.values())))
    owed = {(row.endpoint_id, row.key) for row in db.session.execute(found)} if new else set()
    return [_event(at, key, now, now) for at, key in new.items() if (at, key) not in owed]


def _milestones(endpoints: Sequence[Endpoint], now: datetime) -> list[dict[str, Any]]:
    """The highest step that was passed since, where it is higher than those before it."""
    wanting = _wanting(endpoints, EventType.COUNT_MILESTONE)
    reached = {campaign_id: step_reached(public_count(campaign_id)) for campaign_id in {e.campaign_id for e in wanting}}
    return [
        _event(endpoint.id, f"{EventType.COUNT_MILESTONE}:{step}", now, now)
        for endpoint in wanting
        if (step := reached[endpoint.campaign_id]) > endpoint.milestone and _passes(endpoint.id, step)
    ]


def _passes(endpoint_id: int, step: int) -> bool:
    """Note the step as told; says whether it was this call that did."""
    lower = update(Endpoint).where(Endpoint.id == endpoint_id, Endpoint.milestone < step)
    changed = db.session.execute(lower.values(milestone=step).execution_options(synchronize_session=False))
    is_changed: bool = changed.rowcount == 1  # type: ignore[attr-defined]
    return is_changed


def _event(endpoint_id: int, key: str, happened_at: datetime, now: datetime) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint_id,
        "key": key,
        "message_id": new_message_id(),
        "happened_at": happened_at,
        "state": EventState.DUE,
        "attempts": 0,
        "not_before": now,
    }


def _owe(rows: list[dict[str, Any]]) -> None:
    if rows:
        ordered = sorted(rows, key=lambda row: row["endpoint_id"])
        db.session.execute(insert(WebhookEvent).values(ordered).on_conflict_do_nothing())


# Events claimed and settled


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
    endpoint = db.session.get_one(Endpoint, event.endpoint_id, with_for_update=True, populate_existing=True)
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
