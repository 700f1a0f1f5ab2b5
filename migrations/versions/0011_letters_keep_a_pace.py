"""Letters keep a pace, to the relay and to one receiving domain; those that are due are found by their time."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

NAME, WHERE = "ix_deliveries_due", sa.text("state = 'due'")


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        "paces",
        sa.Column("key", sa.LargeBinary(), primary_key=True),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.Column("slowed_to", sa.Double()),
        sa.Column("slowed_at", sa.DateTime(timezone=True)),
        sa.Column("day", sa.Date()),
        sa.Column("letters", sa.Integer(), nullable=False),
    )
    op.add_column("deliveries", sa.Column("slot_at", sa.DateTime(timezone=True)))
    _find_by("mailing_id", "not_before", "id")


def downgrade() -> None:
    """Go one step down."""
    _find_by("mailing_id", "id")
    with op.batch_alter_table("deliveries", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("slot_at")
    op.drop_table("paces")


def _find_by(*columns: str) -> None:
    op.drop_index(NAME, "deliveries")
    op.create_index(NAME, "deliveries", list(columns), sqlite_where=WHERE, postgresql_where=WHERE)
