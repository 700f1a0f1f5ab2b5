"""News once a week; one reminder of what waits for confirmation."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

BEFORE, AFTER = "news IN ('all', 'status', 'none')", "news IN ('all', 'status', 'weekly', 'none')"
IS_REMINDER = "letter IN ('remind_signature', 'remind_follow')"
NOT_REMINDED = {
    "readers": ("created_at", "confirmed_at IS NULL AND reminded_at IS NULL AND news <> 'none'"),
    "signatures": ("signed_at", "state = 'pending' AND reminded_at IS NULL"),
}


def upgrade() -> None:
    """Go one step up. Who was waiting for longer than a reminder takes is reminded, unless it is too late."""
    for table in NOT_REMINDED:
        _let_news_be(table, BEFORE, AFTER)
        op.add_column(table, sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    for table, (column, where) in NOT_REMINDED.items():
        _index(f"ix_{table}_not_reminded", table, [column], where)
    _index("uq_deliveries_reminder", "deliveries", ["letter", "subject_id"], IS_REMINDER, unique=True)
    with op.batch_alter_table("mailings") as mailings:
        mailings.add_column(sa.Column("digest_of", sa.Date(), nullable=True))
        mailings.alter_column("update_id", existing_type=sa.Integer(), nullable=True)
        mailings.create_unique_constraint(op.f("uq_mailings_campaign_id_digest_of"), ["campaign_id", "digest_of"])
        mailings.create_check_constraint(op.f("ck_mailings_one_kind"), "(update_id IS NULL) <> (digest_of IS NULL)")
    op.create_table(
        "digest_entries",
        sa.Column("mailing_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("update_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("is_retraction", sa.Boolean(), nullable=False),
        _refers("mailing"),
        _refers("update"),
        sa.PrimaryKeyConstraint("mailing_id", "update_id", name=op.f("pk_digest_entries")),
    )


def downgrade() -> None:
    """Go one step down: weekly letters are not sent any more; who wanted them gets all news, as nothing is lost so."""
    op.drop_table("digest_entries")
    op.execute("DELETE FROM deliveries WHERE mailing_id IN (SELECT id FROM mailings WHERE update_id IS NULL)")
    op.execute("DELETE FROM mailings WHERE update_id IS NULL")
    with op.batch_alter_table("mailings") as mailings:
        mailings.drop_constraint(op.f("ck_mailings_one_kind"), type_="check")
        mailings.drop_constraint(op.f("uq_mailings_campaign_id_digest_of"), type_="unique")
        mailings.alter_column("update_id", existing_type=sa.Integer(), nullable=False)
        mailings.drop_column("digest_of")
    op.drop_index("uq_deliveries_reminder", "deliveries")
    op.execute(f"DELETE FROM deliveries WHERE {IS_REMINDER} AND settled_at IS NULL")  # noqa: S608
    for table in NOT_REMINDED:
        op.drop_index(f"ix_{table}_not_reminded", table)
        op.execute(f"UPDATE {table} SET news = 'all' WHERE news = 'weekly'")  # noqa: S608
        _let_news_be(table, AFTER, BEFORE)
        op.drop_column(table, "reminded_at")


def _let_news_be(table: str, before: str, after: str) -> None:
    """On SQLite only the words of the constraint change: no row is touched, and nothing is made anew.

    So says its documentation on constraints that ask less, or that every row keeps (ALTER TABLE, section 7).
    """
    name = f"ck_{table}_news"
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, after)
        return
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    changed = connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ? AND instr(sql, ?)",
        (before, after, table, before),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")
    if changed.rowcount != 1:
        raise RuntimeError(f"{name} is not as it was made")


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _refers(to: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_digest_entries_{to}_id_{to}s")
    return sa.ForeignKeyConstraint([f"{to}_id"], [f"{to}s.id"], name=name, ondelete="CASCADE")
