"""The migrations make what the models say, each step goes up and down, and what is written stays."""

from pathlib import Path

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from campaign.db import db
from tests.check_migrations import differences, main, migrating_app


def test_head_is_what_the_models_say(empty_database_url: str, tmp_path: Path) -> None:
    """On both databases; and every step down takes away all that it made."""
    with migrating_app(tmp_path / "instance", empty_database_url):
        upgrade()
        assert differences() == []
        downgrade(revision="base")
        db.engine.dispose()
        assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
        upgrade()
        assert differences() == []


def test_constraints_are_the_same() -> None:
    """The CHECKs, which Alembic does not compare."""
    assert main() == 0


FROZEN = (
    "UPDATE ledger_entries SET count = 5",
    "DELETE FROM ledger_entries",
    "UPDATE update_texts SET body = 'other'",
    "DELETE FROM update_texts",
    "UPDATE status_changes SET status = 'killed'",
    "UPDATE updates SET occurred_on = '2020-01-01'",
    "DELETE FROM updates",
)


ENTRY = """INSERT INTO ledger_entries (campaign_id, number, change, commitment, count, entered_at)
VALUES (1, 1, 'added', :commitment, 1, '2024-01-02')"""


@pytest.mark.usefixtures("app", "stack")
def test_what_is_written_stays() -> None:
    """The ledger is append-only, and a published update is corrected, never edited: the database itself refuses."""
    db.session.execute(text(ENTRY), {"commitment": b"c"})
    db.session.commit()
    for statement in FROZEN:
        with pytest.raises(DBAPIError, match=r"append-only|corrected, not edited"):
            db.session.execute(text(statement))
        db.session.rollback()
