"""How many letters of a mailing are being sent is counted by the index of those alone."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

NAME, WHERE = "ix_deliveries_leased", sa.text("state = 'leased'")


def upgrade() -> None:
    """Go one step up."""
    _put_in_its_place("mailing_id", "lease_until")


def downgrade() -> None:
    """Go one step down."""
    _put_in_its_place("lease_until")


def _put_in_its_place(*columns: str) -> None:
    op.drop_index(NAME, "deliveries")
    op.create_index(NAME, "deliveries", list(columns), sqlite_where=WHERE, postgresql_where=WHERE)
