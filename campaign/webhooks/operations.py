"""Webhooks made, given another secret, paused, let go on, deleted."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select, update

from campaign.campaigns.models import Campaign, step_reached
from campaign.db import db
from campaign.errors import Refusal
from campaign.ledger.queries import public_count
from campaign.sealing import Sealer, binding
from campaign.webhooks.addresses import Destination
from campaign.webhooks.models import (
    Endpoint,
    EndpointState,
    EventState,
    WebhookEvent,
    is_in,
)
from campaign.webhooks.queries import count_endpoints
from campaign.webhooks.telling import new_secret, victory

MOST_ENDPOINTS = 10
BOTH_SIGN_FOR = timedelta(hours=24)
"""For so long the secret before still signs."""

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
    db.session.refresh(endpoint, with_for_update={"of": Endpoint})
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
    db.session.refresh(endpoint, with_for_update={"of": Endpoint})
    if endpoint.state == EndpointState.ACTIVE:
        endpoint.state = EndpointState.PAUSED


def resume_endpoint(endpoint: Endpoint, now: datetime) -> None:
    """Go on, also with one that was switched off; what waits is tried at once."""
    db.session.refresh(endpoint, with_for_update={"of": Endpoint})
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
