"""Moderation: what was decided by whom, what is on hold; endorsements that organisations make themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

IN_STATEMENTS = "'waiting', 'held', 'published', 'rejected'"
IN_ENDORSEMENTS = f"'unconfirmed', {IN_STATEMENTS}"
BEFORE = "'waiting', 'published', 'rejected'"
ACTS = "'published', 'rejected', 'held', 'returned'"
REASONS = "'spam', 'insult', 'danger', 'private', 'false', 'off_topic', 'unproven', 'other'"
LISTS = {"waiting": "made_at", "held": "made_at", "decided": "decided_at"}
WHERE = {"waiting": "state = 'waiting'", "held": "state = 'held'", "decided": "state IN ('published', 'rejected')"}


def moment(name: str, nullable: bool = True) -> sa.Column:
    """A column for a time."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Go one step up."""
    _extend_statements()
    _extend_endorsements()
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("statement_id", sa.Integer(), nullable=True),
        sa.Column("endorsement_id", sa.Integer(), nullable=True),
        sa.Column("organizer_id", sa.Integer(), nullable=True),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        moment("made_at", False),
        sa.CheckConstraint(f"act IN ({ACTS})", name=op.f("ck_decisions_act")),
        sa.CheckConstraint(f"reason IN ({REASONS})", name=op.f("ck_decisions_reason")),
        sa.CheckConstraint("(statement_id IS NULL) <> (endorsement_id IS NULL)", name=op.f("ck_decisions_one_subject")),
        _refers("decisions", "campaign", "CASCADE"),
        _refers("decisions", "statement", "CASCADE"),
        _refers("decisions", "endorsement", "CASCADE"),
        _refers("decisions", "organizer", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decisions_of", "decisions", ["campaign_id", "organizer_id", "id"])
    op.create_index("ix_decisions_statement_id", "decisions", ["statement_id"])
    op.create_index("ix_decisions_endorsement_id", "decisions", ["endorsement_id"])
    op.execute(
        "INSERT INTO decisions (campaign_id, statement_id, act, note, made_at) "
        "SELECT campaign_id, id, state, reason, decided_at FROM statements WHERE state IN ('published', 'rejected')"
    )
    op.drop_column("statements", "reason")  # not in batch mode, which would make the table anew and so lose decisions


def _refers(table: str, to: str, ondelete: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{to}_id_{to}s")
    return sa.ForeignKeyConstraint([f"{to}_id"], [f"{to}s.id"], name=name, ondelete=ondelete)


def _extend_statements() -> None:
    op.drop_index("ix_statements_waiting", "statements")
    with op.batch_alter_table("statements", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.add_column(moment("decided_at"))
        table.add_column(moment("told_at"))
        table.drop_constraint(op.f("ck_statements_state"), type_="check")
        table.create_check_constraint(op.f("ck_statements_state"), f"state IN ({IN_STATEMENTS})")
    op.execute("UPDATE statements SET told_at = published_at WHERE state = 'published'")
    op.execute("UPDATE statements SET decided_at = coalesce(published_at, made_at) WHERE state <> 'waiting'")
    _index_lists("statements")


def _extend_endorsements() -> None:
    op.execute("UPDATE endorsements SET represents = NULL WHERE represents < 1")
    with op.batch_alter_table("endorsements", table_kwargs={"sqlite_autoincrement": True}) as table:
        for column in ("made_at", "decided_at", "published_at", "told_at"):
            table.add_column(moment(column))
        table.add_column(sa.Column("reader_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("sealed", sa.LargeBinary(), nullable=True))
        table.add_column(sa.Column("office", sa.String(), nullable=True))
        table.add_column(sa.Column("is_personal", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("proved_domain", sa.String(), nullable=True))
    op.execute("UPDATE endorsements SET made_at = (SELECT created_at FROM campaigns WHERE campaigns.id = campaign_id)")
    op.execute("UPDATE endorsements SET decided_at = made_at WHERE state <> 'waiting'")
    op.execute("UPDATE endorsements SET published_at = made_at WHERE state = 'published'")
    with op.batch_alter_table("endorsements", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.alter_column("made_at", nullable=False)
        table.alter_column("organisation", nullable=True)
        table.alter_column("is_personal", server_default=None)
        table.create_foreign_key(
            op.f("fk_endorsements_reader_id_readers"), "readers", ["reader_id"], ["id"], ondelete="CASCADE"
        )
        table.drop_constraint(op.f("ck_endorsements_state"), type_="check")
        table.create_check_constraint(op.f("ck_endorsements_state"), f"state IN ({IN_ENDORSEMENTS})")
        table.create_check_constraint(op.f("ck_endorsements_opened"), "(organisation IS NULL) = (sealed IS NOT NULL)")
        table.create_check_constraint(
            op.f("ck_endorsements_decided_when_opened"), "sealed IS NULL OR state IN ('unconfirmed', 'waiting')"
        )
        table.create_check_constraint(op.f("ck_endorsements_represents"), "represents > 0")
    op.create_index("ix_endorsements_reader_id", "endorsements", ["reader_id"])
    _partial("ix_endorsements_unconfirmed", "endorsements", ["made_at"], "state = 'unconfirmed'")
    _partial("ix_endorsements_sealed", "endorsements", ["id"], "state = 'waiting' AND sealed IS NOT NULL")
    _index_lists("endorsements")


def _index_lists(table: str) -> None:
    for name, time in LISTS.items():
        _partial(f"ix_{table}_{name}", table, ["campaign_id", time, "id"], WHERE[name])


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    """Go one step down: what was on hold waits again; endorsements that were not decided on are lost."""
    op.add_column("statements", sa.Column("reason", sa.String(), nullable=True))
    op.execute(
        "UPDATE statements SET reason = (SELECT coalesce(note, reason) FROM decisions "
        "WHERE statement_id = statements.id ORDER BY decisions.id DESC LIMIT 1) WHERE state = 'rejected'"
    )
    op.drop_table("decisions")
    op.execute("UPDATE statements SET state = 'waiting' WHERE state = 'held'")
    op.execute("DELETE FROM endorsements WHERE sealed IS NOT NULL")
    op.execute("UPDATE endorsements SET state = 'waiting' WHERE state = 'held'")
    for table in ("statements", "endorsements"):
        for name in LISTS:
            op.drop_index(f"ix_{table}_{name}", table)
    with op.batch_alter_table("statements", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("decided_at")
        table.drop_column("told_at")
        table.drop_constraint(op.f("ck_statements_state"), type_="check")
        table.create_check_constraint(op.f("ck_statements_state"), f"state IN ({BEFORE})")
    _partial("ix_statements_waiting", "statements", ["id"], "state = 'waiting'")
    _shorten_endorsements()


def _shorten_endorsements() -> None:
    for name in ("ix_endorsements_reader_id", "ix_endorsements_unconfirmed", "ix_endorsements_sealed"):
        op.drop_index(name, "endorsements")
    with op.batch_alter_table("endorsements") as table:
        for check in ("opened", "decided_when_opened", "represents", "state"):
            table.drop_constraint(op.f(f"ck_endorsements_{check}"), type_="check")
        table.drop_constraint(op.f("fk_endorsements_reader_id_readers"), type_="foreignkey")
        table.create_check_constraint(op.f("ck_endorsements_state"), f"state IN ({BEFORE})")
        table.alter_column("organisation", nullable=False)
        for column in (
            "made_at",
            "decided_at",
            "published_at",
            "told_at",
            "reader_id",
            "sealed",
            "office",
            "is_personal",
            "proved_domain",
        ):
            table.drop_column(column)
