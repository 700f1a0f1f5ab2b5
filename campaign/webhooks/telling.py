"""What a webhook says: only what the public pages say, as it stands when it goes out. Nothing of any signer."""

import base64
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import Webhook

from campaign.campaigns.models import Campaign, CampaignState
from campaign.ledger.queries import public_count
from campaign.links import public_url
from campaign.timeline.models import Update
from campaign.timeline.queries import published_update
from campaign.webhooks.models import PING, EventType, WebhookEvent

SECRET_PREFIX, SECRET_BYTES = "whsec_", 32
"""Standard Webhooks asks for 24 to 64 bytes."""

Data = dict[str, Any]


def new_secret() -> str:
    """A secret as its owner gets it: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def signed_headers(message_id: str, body: bytes, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0.0, with a signature by each secret."""
    text = body.decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, now, text) for secret in secrets),
    }


def told(event: WebhookEvent, campaign: Campaign) -> bytes | None:
    """The body; None if what it would tell does not stand any more."""
    data = _data(event, campaign)
    if data is None:
        return None
    payload = {"type": event.type, "timestamp": _time(event.happened_at), "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def victory(campaign: Campaign) -> str | None:
    """The key of the event that tells of the present victory: one for each day on which a campaign is won."""
    day = campaign.closed_on.isoformat() if campaign.closed_on else ""
    return f"{EventType.CAMPAIGN_WON}:{day}" if campaign.state == CampaignState.WON else None


def _data(event: WebhookEvent, campaign: Campaign) -> Data | None:
    if campaign.state == CampaignState.DRAFT:
        return {} if event.type == PING else None
    about: Data = {"campaign": _campaign(campaign)}
    match event.type:
        case EventType.UPDATE_PUBLISHED:
            update = published_update(campaign.id, int(event.subject))
            return None if update is None or update.retracted_at else about | {"update": _update(update)}
        case EventType.CAMPAIGN_WON:
            day = campaign.closed_on.isoformat() if campaign.closed_on else None
            return about | {"closed_on": day} if event.key == victory(campaign) else None
        case EventType.COUNT_MILESTONE:
            return about | {"milestone": int(event.subject)}
    return about


def _campaign(campaign: Campaign) -> Data:
    count = public_count(campaign.id)
    return {
        "slug": campaign.slug,
        "state": campaign.state,
        "language": campaign.locale,
        "title": {text.locale: text.title for text in campaign.texts},
        "url": {
            text.locale: public_url("pages.campaign", locale=text.locale, slug=campaign.slug) for text in campaign.texts
        },
        "document": public_url("api.campaign", slug=campaign.slug),
        "count": count,
        "goal": campaign.goal_at(count),
    }


def _update(update: Update) -> Data:
    at = {"slug": update.campaign.slug, "number": update.number}
    return {
        "number": update.number,
        "kind": update.kind,
        "occurred_on": update.occurred_on.isoformat(),
        "published_at": _time(update.published_at) if update.published_at else None,
        "title": {text.locale: text.title for text in update.texts},
        "url": {text.locale: public_url("timeline.entry", locale=text.locale, **at) for text in update.texts},
        "statuses": [{"name": change.person.name, "status": change.status} for change in update.changes],
        "corrects": update.corrects.number if update.corrects else None,
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
