"""What is written stays: the ledger is append-only, a published update is corrected, never edited."""

from alembic import op

revision = "0002"
down_revision = "0001"

LEDGER = "the ledger is append-only"
UPDATE = "a published update is corrected, not edited"

OF_PUBLISHED = "EXISTS (SELECT 1 FROM updates WHERE updates.id = OLD.update_id AND updates.published_at IS NOT NULL)"
IS_PUBLISHED = "OLD.published_at IS NOT NULL"

FROZEN = (
    ("ledger_entries_not_changed", "UPDATE", "ledger_entries", "1 = 1", LEDGER),
    ("ledger_entries_not_deleted", "DELETE", "ledger_entries", "1 = 1", LEDGER),
    ("update_texts_not_changed", "UPDATE", "update_texts", OF_PUBLISHED, UPDATE),
    ("update_texts_not_deleted", "DELETE", "update_texts", OF_PUBLISHED, UPDATE),
    ("status_changes_not_changed", "UPDATE", "status_changes", OF_PUBLISHED, UPDATE),
    ("status_changes_not_deleted", "DELETE", "status_changes", OF_PUBLISHED, UPDATE),
    (
        "updates_not_changed",
        "UPDATE OF kind, occurred_on, published_at, sources, corrects_id",
        "updates",
        IS_PUBLISHED,
        UPDATE,
    ),
    ("updates_not_deleted", "DELETE", "updates", IS_PUBLISHED, UPDATE),
)


def upgrade() -> None:
    """Put the triggers there."""
    create = _create_on_sqlite if op.get_bind().dialect.name == "sqlite" else _create_on_postgresql
    for trigger in FROZEN:
        create(*trigger)


def downgrade() -> None:
    """Take them away."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, _event, table, _condition, _sentence in FROZEN:
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON {table}")
        if not is_sqlite:
            op.execute(f"DROP FUNCTION {name}()")


def _create_on_sqlite(name: str, event: str, table: str, condition: str, sentence: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


def _create_on_postgresql(name: str, event: str, table: str, condition: str, sentence: str) -> None:
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {condition} THEN RAISE EXCEPTION '{sentence}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
        f"IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
