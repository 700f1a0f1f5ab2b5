"""Endpoints, to which webhooks go, and what each is told."""

import os
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, literal
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign.campaigns.models import Campaign
from campaign.db import Base, one_of, partial_index


class EventType(StrEnum):
    """What webhooks tell."""

    UPDATE_PUBLISHED = "update.published"
    CAMPAIGN_WON = "campaign.won"
    COUNT_MILESTONE = "count.milestone"


PING = "ping"
"""The type of the event with which an endpoint is tried, and its key: there is one at a time."""


class EndpointState(StrEnum):
    """Whether anything goes there."""

    ACTIVE = "active"
    PAUSED = "paused"
    OFF = "off"
    """Switched off by us: see `Reason`."""


class Reason(StrEnum):
    """Why we switched one off."""

    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """It failed for days."""


class Endpoint(Base):
    """A program that is told what happens in a campaign. Its address and its secrets are sealed to the worker.

    `netloc` is what the console shows of the address: its path may be a secret. `milestone` is the highest step of the
    count that was passed, and `won` the key of the victory that stood, when it was made: neither is told. `milestone`
    grows with what is told. `number_of_secret` grows with each new secret; the one before signs, too, for a day.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        one_of("state", EndpointState),
        one_of("reason", Reason),
        CheckConstraint("(state = 'off') = (reason IS NOT NULL)", name="switched_off"),
        CheckConstraint("(sealed_earlier IS NULL) = (earlier_until IS NULL)", name="earlier_secret"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), index=True)
    handle: Mapped[bytes] = mapped_column(unique=True, default=lambda: os.urandom(16))
    name: Mapped[str]
    netloc: Mapped[str]
    sealed_url: Mapped[bytes]
    sealed_secret: Mapped[bytes]
    number_of_secret: Mapped[int] = mapped_column(default=1)
    sealed_earlier: Mapped[bytes | None]
    earlier_until: Mapped[datetime | None]
    types: Mapped[list[str]]
    state: Mapped[str] = mapped_column(default=EndpointState.ACTIVE)
    reason: Mapped[str | None]
    failing_since: Mapped[datetime | None]
    milestone: Mapped[int] = mapped_column(default=0)
    won: Mapped[str | None]
    made_at: Mapped[datetime]

    campaign: Mapped[Campaign] = relationship()

    def switch_off(self, reason: Reason) -> None:
        """Send nothing more until an organizer lets it go on."""
        self.state, self.reason = EndpointState.OFF, reason

    def secrets(self, now: datetime) -> list[bytes]:
        """Those that sign, sealed: the present one, and the one before for its last day."""
        earlier = self.sealed_earlier if self.earlier_until and self.earlier_until > now else None
        return [self.sealed_secret, *([earlier] if earlier else [])]


class EventState(StrEnum):
    """Where one event stands with one endpoint."""

    DUE = "due"
    LEASED = "leased"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    """What it would have told did not stand any more when it was to go out."""


class WebhookEvent(Base):
    """What one endpoint is told, once: the queue and the record. `key` is its type and what it is about.

    `message_id` is the `webhook-id` of each try. `code`, `trouble`, `tried_at` and `took_ms` are of the last one.
    """

    __tablename__ = "webhook_events"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "key"),
        partial_index("ix_webhook_events_due", "not_before", "id", where="state = 'due'"),
        partial_index("ix_webhook_events_leased", "endpoint_id", "lease_until", where="state = 'leased'"),
        partial_index("ix_webhook_events_failed", "endpoint_id", where="state = 'failed'"),
        one_of("state", EventState),
        CheckConstraint("(state = 'leased') = (owner IS NOT NULL)", name="lease"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    key: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)
    happened_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default=EventState.DUE)
    attempts: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime]
    code: Mapped[int | None]
    trouble: Mapped[str | None]
    tried_at: Mapped[datetime | None]
    took_ms: Mapped[int | None]
    settled_at: Mapped[datetime | None]

    endpoint: Mapped[Endpoint] = relationship()

    @property
    def type(self) -> str:
        """What it tells."""
        return self.key.partition(":")[0]

    @property
    def subject(self) -> str:
        """What it is about: an update's number, a step of the count, a day."""
        return self.key.partition(":")[2]


def is_in(state: EventState):  # type: ignore[no-untyped-def]
    """The predicate of the partial indexes, word for word: a bound value would not match them."""
    return WebhookEvent.state == literal(state.value, literal_execute=True)


def new_message_id() -> str:
    """A `webhook-id`: random, without a full stop, which would be one of the signed text's."""
    return f"msg_{os.urandom(16).hex()}"
