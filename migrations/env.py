"""Runs the migrations on the app's own engine."""

import sqlite3

from alembic import context
from flask import current_app

from campaign.db import Base, db

config = context.config


def _let_tables_be_rebuilt(connection: object) -> None:
    """SQLite changes a column by making its table anew; with foreign keys on, the rows that refer to it would go.

    The switch does nothing within a transaction, so it comes before.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA foreign_keys=OFF")


def run() -> None:
    """Run what is asked for, in one transaction where the database can."""
    with db.engine.connect() as connection:
        _let_tables_be_rebuilt(connection.connection.dbapi_connection)
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
        connection.invalidate()  # its foreign keys are off


run()
