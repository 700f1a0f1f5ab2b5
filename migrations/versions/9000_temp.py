"""Stand-in until the columns come."""

import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "0008"


def upgrade() -> None:
    """Add."""
    op.add_column("signatures", sa.Column("may_contact", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("campaigns", sa.Column("second_for_export", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Take away."""
    op.drop_column("signatures", "may_contact")
    op.drop_column("campaigns", "second_for_export")
