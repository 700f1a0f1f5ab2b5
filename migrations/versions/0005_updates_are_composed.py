"""Updates are composed in drafts; mailings are counted and stopped"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ENDED = ("failed", "skipped", "uncertain")
BEFORE, AFTER = (f"state IN ({states})" for states in (
    "'sending', 'paused', 'done'", "'sending', 'paused', 'stopped', 'done'"
))  # fmt: skip


def upgrade() -> None:
    """Go one step up."""
    with op.batch_alter_table("mailings") as mailings:
        mailings.add_column(sa.Column("spread_count", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE mailings SET spread_count = (SELECT count(*) FROM deliveries WHERE deliveries.mailing_id = mailings.id)"
    )
    with op.batch_alter_table("mailings") as mailings:
        mailings.alter_column("spread_count", existing_type=sa.Integer(), nullable=False)
        mailings.drop_constraint(op.f("ck_mailings_state"), type_="check")
        mailings.create_check_constraint(op.f("ck_mailings_state"), AFTER)
    for state in ENDED:
        _partial_index(f"ix_deliveries_{state}", "deliveries", ["mailing_id", "code"], f"state = '{state}'")
    is_reading = "confirmed_at IS NOT NULL AND unsubscribed_at IS NULL"
    _partial_index("ix_readers_wishes", "readers", ["campaign_id", "locale", "news"], is_reading)
    with op.batch_alter_table("updates", recreate="never") as updates:  # its triggers stay
        updates.add_column(sa.Column("retraction_texts", sa.JSON(), nullable=True))
    _create_drafts()


def _create_drafts() -> None:
    op.create_table(
        "update_drafts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("occurred_on", sa.Date(), nullable=True),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("statuses", sa.JSON(), nullable=False),
        sa.Column("corrects_id", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("saved_by_id", sa.Integer(), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("publish_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("publisher_id", sa.Integer(), nullable=True),
        sa.Column("agreed_digest", sa.LargeBinary(), nullable=True),
        sa.Column("refusal", sa.String(), nullable=True),
        sa.Column("update_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('news', 'status', 'hearing', 'action', 'report', 'outcome', 'correction')",
            name=op.f("ck_update_drafts_kind"),
        ),
        sa.CheckConstraint("publish_at IS NULL OR update_id IS NULL", name=op.f("ck_update_drafts_scheduled")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_update_drafts_campaign_id_campaigns"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["corrects_id"], ["updates.id"], name=op.f("fk_update_drafts_corrects_id_updates"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["saved_by_id"],
            ["organizers.id"],
            name=op.f("fk_update_drafts_saved_by_id_organizers"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["publisher_id"],
            ["organizers.id"],
            name=op.f("fk_update_drafts_publisher_id_organizers"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["update_id"], ["updates.id"], name=op.f("fk_update_drafts_update_id_updates"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_update_drafts")),
        sa.UniqueConstraint("update_id", name=op.f("uq_update_drafts_update_id")),
    )
    _partial_index("ix_update_drafts_open", "update_drafts", ["campaign_id", "saved_at"], "update_id IS NULL")
    _partial_index("ix_update_drafts_due", "update_drafts", ["publish_at"], "publish_at IS NOT NULL")
    op.create_table(
        "draft_looks",
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("organizer_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["update_drafts.id"], name=op.f("fk_draft_looks_draft_id_update_drafts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organizer_id"], ["organizers.id"], name=op.f("fk_draft_looks_organizer_id_organizers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("draft_id", "organizer_id", name=op.f("pk_draft_looks")),
    )


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    """Go one step down."""
    op.drop_table("draft_looks")
    op.drop_table("update_drafts")
    with op.batch_alter_table("updates", recreate="never") as updates:
        updates.drop_column("retraction_texts")
    op.drop_index("ix_readers_wishes", "readers")
    for state in ENDED:
        op.drop_index(f"ix_deliveries_{state}", "deliveries")
    op.execute("UPDATE mailings SET state = 'done' WHERE state = 'stopped'")
    with op.batch_alter_table("mailings") as mailings:
        mailings.drop_constraint(op.f("ck_mailings_state"), type_="check")
        mailings.create_check_constraint(op.f("ck_mailings_state"), BEFORE)
        mailings.drop_column("spread_count")
