"""The webhooks of a campaign, and how they fare."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import aliased, joinedload

from campaign.db import db
from campaign.webhooks.models import PING, Endpoint, EventState, WebhookEvent, is_in

SHOWN = 30


@dataclass(frozen=True)
class Standing:
    """How an endpoint fares: the last answer, how much waits or failed, and when the next try is."""

    endpoint: Endpoint
    last: WebhookEvent | None
    failed: int
    waiting: int
    next_at: datetime | None


def endpoint_of(campaign_id: int, endpoint_id: int) -> Endpoint | None:
    """An endpoint of this campaign."""
    return db.session.scalar(select(Endpoint).where(Endpoint.id == endpoint_id, Endpoint.campaign_id == campaign_id))


def count_endpoints(campaign_id: int) -> int:
    """How many a campaign has."""
    counted = select(func.count()).select_from(Endpoint).where(Endpoint.campaign_id == campaign_id)
    return db.session.scalar(counted) or 0


def standings(campaign_id: int | None = None) -> list[Standing]:
    """The endpoints of a campaign, or all, in the order in which they were made."""
    found = select(Endpoint).order_by(Endpoint.id).options(joinedload(Endpoint.campaign))
    if campaign_id is not None:
        found = found.where(Endpoint.campaign_id == campaign_id)
    endpoints = db.session.scalars(found).all()
    ids = [endpoint.id for endpoint in endpoints]
    last, failed, due = _last_tried(ids), _failed(ids), _due(ids)
    return [Standing(one, last.get(one.id), failed.get(one.id, 0), *due.get(one.id, (0, None))) for one in endpoints]


def events_of(endpoint_id: int) -> Sequence[WebhookEvent]:
    """What an endpoint is told, the newest first."""
    found = select(WebhookEvent).where(WebhookEvent.endpoint_id == endpoint_id)
    return db.session.scalars(found.order_by(WebhookEvent.id.desc()).limit(SHOWN)).all()


def ping_of(endpoint_id: int) -> WebhookEvent | None:
    """The last test of an endpoint."""
    found = select(WebhookEvent).where(WebhookEvent.endpoint_id == endpoint_id, WebhookEvent.key == PING)
    return db.session.scalar(found)


def _last_tried(ids: Sequence[int]) -> dict[int, WebhookEvent]:
    place = func.row_number().over(partition_by=WebhookEvent.endpoint_id, order_by=WebhookEvent.tried_at.desc())
    tried = select(WebhookEvent, place.label("place")).where(
        WebhookEvent.endpoint_id.in_(ids), WebhookEvent.tried_at.is_not(None)
    )
    ranked = tried.subquery()
    event = aliased(WebhookEvent, ranked)
    return {one.endpoint_id: one for one in db.session.scalars(select(event).where(ranked.c.place == 1))}


def _failed(ids: Sequence[int]) -> dict[int, int]:
    counted = select(WebhookEvent.endpoint_id, func.count()).where(
        WebhookEvent.endpoint_id.in_(ids), is_in(EventState.FAILED), WebhookEvent.key != PING
    )
    return {row[0]: row[1] for row in db.session.execute(counted.group_by(WebhookEvent.endpoint_id))}


def _due(ids: Sequence[int]) -> dict[int, tuple[int, datetime]]:
    counted = select(WebhookEvent.endpoint_id, func.count(), func.min(WebhookEvent.not_before)).where(
        WebhookEvent.endpoint_id.in_(ids), is_in(EventState.DUE)
    )
    return {row[0]: (row[1], row[2]) for row in db.session.execute(counted.group_by(WebhookEvent.endpoint_id))}
