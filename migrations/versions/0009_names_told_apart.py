"""Names of organizers that could be taken for one another are one name."""

import sqlalchemy as sa
from alembic import op

from campaign.organizers.names import name_key

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Go one step up."""
    op.add_column("organizers", sa.Column("name_key", sa.String(), nullable=True))
    organizers = sa.table(
        "organizers",
        sa.column("id", sa.Integer()),
        sa.column("username", sa.String()),
        sa.column("name_key", sa.String()),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(organizers.c.id, organizers.c.username)).all():
        if row.username is not None:
            values = {"name_key": name_key(row.username)}
            connection.execute(sa.update(organizers).where(organizers.c.id == row.id).values(values))
    op.create_index("uq_organizers_name_key", "organizers", ["name_key"], unique=True)


def downgrade() -> None:
    """Go one step down."""
    op.drop_index("uq_organizers_name_key", "organizers")
    op.drop_column("organizers", "name_key")
