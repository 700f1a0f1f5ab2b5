"""What comes back of a letter: why, on its delivery."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

CHECK = "CONSTRAINT ck_deliveries_bounce CHECK (bounce IN ('policy', 'soft', 'hard', 'complaint'))"
INDEX, WHERE = "ix_deliveries_returned", sa.text("bounce IS NOT NULL")


def upgrade() -> None:
    """Go one step up: a column with its own constraint, so that SQLite need not make the table anew."""
    op.execute(f"ALTER TABLE deliveries ADD COLUMN bounce VARCHAR {CHECK}")
    op.create_index(INDEX, "deliveries", ["mailing_id", "bounce"], sqlite_where=WHERE, postgresql_where=WHERE)


def downgrade() -> None:
    """Go one step down."""
    op.drop_index(INDEX, "deliveries")
    op.drop_column("deliveries", "bounce")
