"""Webhooks: endpoints, and what each is told."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

TIME = sa.DateTime(timezone=True)
ENDPOINTS, EVENTS = "webhook_endpoints", "webhook_events"
INDEXES = {
    "due": ["not_before", "id"],
    "leased": ["endpoint_id", "lease_until"],
    "failed": ["endpoint_id"],
}


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        ENDPOINTS,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("handle", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("netloc", sa.String(), nullable=False),
        sa.Column("sealed_url", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("number_of_secret", sa.Integer(), nullable=False),
        sa.Column("sealed_earlier", sa.LargeBinary(), nullable=True),
        sa.Column("earlier_until", TIME, nullable=True),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("milestone", sa.Integer(), nullable=False),
        sa.Column("won", sa.String(), nullable=True),
        sa.Column("made_at", TIME, nullable=False),
        sa.CheckConstraint("state IN ('active', 'paused', 'off')", name="state"),
        sa.CheckConstraint("reason IN ('gone', 'failing')", name="reason"),
        sa.CheckConstraint("(state = 'off') = (reason IS NOT NULL)", name="switched_off"),
        sa.CheckConstraint("(sealed_earlier IS NULL) = (earlier_until IS NULL)", name="earlier_secret"),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name="fk_webhook_endpoints_campaign_id_campaigns", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
        sa.UniqueConstraint("handle", name="uq_webhook_endpoints_handle"),
    )
    op.create_index("ix_webhook_endpoints_campaign_id", ENDPOINTS, ["campaign_id"])
    op.create_table(
        EVENTS,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("not_before", TIME, nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("tried_at", TIME, nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=True),
        sa.Column("settled_at", TIME, nullable=True),
        sa.CheckConstraint("state IN ('due', 'leased', 'sent', 'failed', 'skipped')", name="state"),
        sa.CheckConstraint("(state = 'leased') = (owner IS NOT NULL)", name="lease"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name="fk_webhook_events_endpoint_id_webhook_endpoints",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_events"),
        sa.UniqueConstraint("message_id", name="uq_webhook_events_message_id"),
        sa.UniqueConstraint("endpoint_id", "key", name="uq_webhook_events_endpoint_id_key"),
    )
    for state, columns in INDEXES.items():
        where = sa.text(f"state = '{state}'")
        op.create_index(f"ix_webhook_events_{state}", EVENTS, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Go one step down."""
    op.drop_table(EVENTS)
    op.drop_table(ENDPOINTS)
