"""Signatures in the console: sources, consent to be written to, statistics, invalidations undone, signatures on paper."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

CHANGES = "change IN ('added', 'withdrawn', 'invalidated', 'restored')"
CHANGES_BEFORE = "change IN ('added', 'withdrawn', 'invalidated')"
LEDGER = "the ledger is append-only"

TIME = sa.DateTime(timezone=True)
ENTRY = ("id", "campaign_id", "number", "change", "commitment", "count", "entered_at")
DUE = ("id", "campaign_id", "change", "commitment")


def upgrade() -> None:
    """Go one step up."""
    op.add_column("readers", sa.Column("held_at", TIME, nullable=True))
    op.add_column("signatures", sa.Column("source", sa.String(), nullable=True))
    op.add_column("signatures", sa.Column("may_contact", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.drop_index("uq_signatures_confirmed", "signatures")
    _index("uq_signatures_standing", "signatures", ["reader_id"], "state <> 'pending'", unique=True)
    _count_rounds()
    _index("ix_ledger_entries_not_added", "ledger_entries", ["campaign_id", "change"], "change <> 'added'")
    _add_statistics()
    _add_invalidations()
    _add_paper()


def downgrade() -> None:
    """Go one step down."""
    for table in ("paper_batches", "taken_signatures", "invalidations", "signature_statistics"):
        op.drop_table(table)
    op.drop_index("ix_ledger_entries_not_added", "ledger_entries")
    _count_no_rounds()
    op.drop_index("uq_signatures_standing", "signatures")
    _index("uq_signatures_confirmed", "signatures", ["reader_id"], "state = 'confirmed'", unique=True)
    op.drop_column("signatures", "may_contact")
    op.drop_column("signatures", "source")
    op.drop_column("readers", "held_at")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )  # fmt: skip


# The ledger: SQLite cannot change a constraint, so its two tables are written anew, and the triggers with them.


def _count_rounds() -> None:
    if _is_sqlite():
        _rewrite("ledger_entries", ENTRY, lambda: _create_entries(has_rounds=True))
        _rewrite("ledger_due_entries", DUE, lambda: _create_due(has_rounds=True))
        _freeze()
        return
    for table in ("ledger_entries", "ledger_due_entries"):
        op.add_column(table, sa.Column("round", sa.Integer(), server_default="0", nullable=False))
        op.drop_constraint(f"uq_{table}_commitment_change", table)
        op.create_unique_constraint(f"uq_{table}_commitment_change_round", table, ["commitment", "change", "round"])
        op.drop_constraint(op.f(f"ck_{table}_change"), table)
        op.create_check_constraint(op.f(f"ck_{table}_change"), table, CHANGES)


def _count_no_rounds() -> None:
    """Fails where a signature was invalidated twice or restored: the ledger is not forged to go back."""
    if _is_sqlite():
        _rewrite("ledger_entries", ENTRY, lambda: _create_entries(has_rounds=False))
        _rewrite("ledger_due_entries", DUE, lambda: _create_due(has_rounds=False))
        _freeze()
        return
    for table in ("ledger_entries", "ledger_due_entries"):
        op.drop_constraint(op.f(f"ck_{table}_change"), table)
        op.create_check_constraint(op.f(f"ck_{table}_change"), table, CHANGES_BEFORE)
        op.drop_constraint(f"uq_{table}_commitment_change_round", table)
        op.create_unique_constraint(f"uq_{table}_commitment_change", table, ["commitment", "change"])
        op.drop_column(table, "round")


def _rewrite(table, columns, create) -> None:
    indexes = [name for name in ("ix_ledger_due_entries_campaign_id",) if table == "ledger_due_entries"]
    for name in indexes:
        op.drop_index(name, table)
    op.rename_table(table, f"{table}_before")
    create()
    listed = ", ".join(f'"{column}"' for column in columns)
    op.execute(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {table}_before ORDER BY id")  # noqa: S608
    op.execute(f"DROP TABLE {table}_before")  # its triggers go with it
    for name in indexes:
        op.create_index(name, table, ["campaign_id"])


def _freeze() -> None:
    """The triggers of 0002 on the ledger."""
    for name, event in (("ledger_entries_not_changed", "UPDATE"), ("ledger_entries_not_deleted", "DELETE")):
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON ledger_entries WHEN 1 = 1 "
            f"BEGIN SELECT RAISE(ABORT, '{LEDGER}'); END"
        )


def _round_column() -> sa.Column:
    return sa.Column("round", sa.Integer(), server_default="0", nullable=False)


def _create_entries(*, has_rounds: bool) -> None:
    rounds = ["round"] if has_rounds else []
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        *([_round_column()] if has_rounds else []),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("entered_at", TIME, nullable=False),
        sa.CheckConstraint(CHANGES if has_rounds else CHANGES_BEFORE, name=op.f("ck_ledger_entries_change")),
        sa.CheckConstraint("count >= 0", name=op.f("ck_ledger_entries_count")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_ledger_entries_campaign_id_campaigns")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("campaign_id", "number", name=op.f("uq_ledger_entries_campaign_id_number")),
        sa.UniqueConstraint(
            "commitment", "change", *rounds, name=op.f("_".join(("uq_ledger_entries_commitment_change", *rounds)))
        ),
    )


def _create_due(*, has_rounds: bool) -> None:
    rounds = ["round"] if has_rounds else []
    op.create_table(
        "ledger_due_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        *([_round_column()] if has_rounds else []),
        sa.CheckConstraint(CHANGES if has_rounds else CHANGES_BEFORE, name=op.f("ck_ledger_due_entries_change")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_ledger_due_entries_campaign_id_campaigns")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_due_entries")),
        sa.UniqueConstraint(
            "commitment", "change", *rounds, name=op.f("_".join(("uq_ledger_due_entries_commitment_change", *rounds)))
        ),
        sqlite_autoincrement=True,
    )


# What is new.


def _campaign_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["campaign_id"], ["campaigns.id"], name=op.f(f"fk_{table}_campaign_id_campaigns"), ondelete="CASCADE"
    )


def _add_statistics() -> None:
    op.create_table(
        "signature_statistics",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.String(), nullable=False),
        sa.Column("breakdowns", sa.JSON(), nullable=False),
        sa.Column("counted_at", TIME, nullable=False),
        _campaign_key("signature_statistics"),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_signature_statistics")),
    )


def _add_invalidations() -> None:
    op.create_table(
        "invalidations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("criteria", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("errand_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("undone_by", sa.String(), nullable=True),
        sa.Column("undone_at", TIME, nullable=True),
        sa.Column("restored", sa.Integer(), nullable=False),
        sa.Column("restored_at", TIME, nullable=True),
        sa.CheckConstraint("kind IN ('forged', 'repeated', 'trial', 'other')", name=op.f("ck_invalidations_kind")),
        sa.CheckConstraint(
            "restored_at IS NULL OR undone_at IS NOT NULL", name=op.f("ck_invalidations_undone_before_restored")
        ),
        sa.CheckConstraint("restored <= taken", name=op.f("ck_invalidations_restored")),
        _campaign_key("invalidations"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invalidations")),
    )
    op.create_index("ix_invalidations_campaign_id", "invalidations", ["campaign_id"])
    op.create_table(
        "taken_signatures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invalidation_id", sa.Integer(), nullable=False),
        sa.Column("signature_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("restored_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["invalidation_id"],
            ["invalidations.id"],
            name=op.f("fk_taken_signatures_invalidation_id_invalidations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["signature_id"],
            ["signatures.id"],
            name=op.f("fk_taken_signatures_signature_id_signatures"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taken_signatures")),
        sa.UniqueConstraint("signature_id", "round", name=op.f("uq_taken_signatures_signature_id_round")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_taken_signatures_invalidation_id", "taken_signatures", ["invalidation_id"])
    is_standing = "restored_at IS NULL"
    _index("uq_taken_signatures_standing", "taken_signatures", ["signature_id"], is_standing, unique=True)
    _index("ix_taken_signatures_standing", "taken_signatures", ["invalidation_id", "id"], is_standing)


def _add_paper() -> None:
    op.create_table(
        "paper_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("errand_id", sa.Uuid(), nullable=True),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("on_paper", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("by_country", sa.JSON(), nullable=False),
        sa.Column("imported_at", TIME, nullable=True),
        sa.Column("undone_by", sa.String(), nullable=True),
        sa.Column("undone_at", TIME, nullable=True),
        sa.CheckConstraint("on_paper >= 0 AND letters >= 0 AND wrong >= 0", name=op.f("ck_paper_batches_numbers")),
        sa.CheckConstraint(
            "undone_at IS NULL OR imported_at IS NOT NULL", name=op.f("ck_paper_batches_imported_before_undone")
        ),
        _campaign_key("paper_batches"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_batches")),
    )
    op.create_index("ix_paper_batches_campaign_id", "paper_batches", ["campaign_id"])
    _index(
        "ix_paper_batches_counted", "paper_batches", ["campaign_id"], "imported_at IS NOT NULL AND undone_at IS NULL"
    )
