"""Says whether the migrations, run on an empty database, make what the models say. Exits with 1 when they do not."""

import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import Migrate, upgrade

from campaign.app import create_app
from campaign.config import Config
from campaign.db import ROOT, Base, db
from campaign.opening import make_keys


@contextmanager
def migrating_app(folder: Path, database_url: str) -> Iterator[Flask]:
    """An app that can migrate the database at this address."""
    make_keys(folder / "keys")
    environ = {
        "CAMPAIGN_INSTANCE": str(folder),
        "CAMPAIGN_PUBLIC_URL": "http://localhost",
        "CAMPAIGN_SMTP_URL": "smtp://localhost:1",
        "CAMPAIGN_MAIL_FROM": "news@campaign.example",
        "CAMPAIGN_DATABASE_URL": database_url,
    }
    app = create_app(Config.read(environ))
    Migrate(app, db, directory=str(ROOT / "migrations"))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def differences() -> list[object]:
    """What the models have and the migrated database has not, or the other way round."""
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))


def tables(path: Path) -> dict[str, list[str]]:
    """What SQLite says of each table: its columns and constraints, in any order; CHECKs, too, which Alembic ignores."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'trigger'")
        found = {name: sorted(_parts(" ".join(sql.replace('"', "").split()))) for name, sql in rows}
    found.pop("alembic_version", None)
    return found


def _parts(statement: str) -> list[str]:
    """A statement cut at the commas between its columns and constraints, not at those within them."""
    head, _, body = statement.partition("(")
    parts, depth = [""], 0
    for char in body.removesuffix(")"):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [head.strip(), *(piece for part in parts for piece in _apart(part.strip()))]


_ADDED = re.compile(r"(\w+) (.+?) (CONSTRAINT \w+) (?:(CHECK .+)|(REFERENCES .+))")


def _apart(part: str) -> list[str]:
    """A column that ALTER TABLE added with a constraint of its own, written as a table made at once writes them."""
    added = _ADDED.fullmatch(part)
    if added is None:
        return [part]
    column, kind, name, check, references = added.groups()
    return [f"{column} {kind}", f"{name} {check or f'FOREIGN KEY({column}) {references}'}"]


def main() -> int:
    """Migrate one empty database, make another from the models, and compare."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with migrating_app(folder, f"sqlite:///{folder}/migrated.sqlite"):
            upgrade()
            found = differences()
        with migrating_app(folder, f"sqlite:///{folder}/made.sqlite"):
            db.create_all()
        migrated, made = tables(folder / "migrated.sqlite"), tables(folder / "made.sqlite")
    found += [
        (name, made.get(name), migrated.get(name))
        for name in made.keys() | migrated
        if made.get(name) != migrated.get(name)
    ]
    for difference in found:
        print("The migrations do not make what the models say:", difference, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
