"""What each webhook is to tell: derived from what stands, owed once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, select, update
from sqlalchemy.orm import joinedload

from campaign.campaigns.models import Campaign, CampaignState, step_reached
from campaign.db import db, insert
from campaign.ledger.queries import public_count
from campaign.timeline.models import Update
from campaign.webhooks.models import PING, Endpoint, EndpointState, EventState, EventType, WebhookEvent, new_message_id
from campaign.webhooks.operations import AlreadyDone
from campaign.webhooks.queries import ping_of
from campaign.webhooks.telling import victory


def owe_ping(endpoint: Endpoint, now: datetime) -> None:
    """Try a webhook, in whatever state it is; raises Refusal while the last test is under way."""
    db.session.refresh(endpoint, with_for_update={"of": Endpoint})
    last = ping_of(endpoint.id)
    if last is not None and last.settled_at is None:
        raise AlreadyDone(_("A test is on its way already."))
    db.session.execute(delete(WebhookEvent).where(WebhookEvent.endpoint_id == endpoint.id, WebhookEvent.key == PING))
    _owe([_event(endpoint.id, PING, now, now)])


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
