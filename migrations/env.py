"""Runs the migrations on the app's own engine."""

from alembic import context
from flask import current_app

from campaign.db import Base, db

config = context.config


def run() -> None:
    """Run what is asked for, in one transaction where the database can."""
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
