"""The database: session, Base, naming convention, UTC timestamps, translated texts, SQLite's pragmas."""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, Engine, Index, MetaData, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from campaign.config import Config

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

ROOT = Path(__file__).resolve().parent.parent
"""The checkout, which holds templates/ and migrations/."""

READING_METHODS = ("GET", "HEAD", "OPTIONS")


ONLY_READS = "only_reads"
"""The execution option of a connection that writes nothing: it takes no write lock on SQLite, however long it reads."""


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite keeps it without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Translated = dict[str, str]
"""A short text in several languages, by locale."""


class Base(DeclarativeBase):
    """What every model descends from."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UTCDateTime, Translated: JSON, list[str]: JSON}  # noqa: RUF012 - SQLAlchemy's own way


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """The constraint that a column holds one of these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def one_of_often(column: str, values: Iterable[str]) -> CheckConstraint:
    """The same for rows that come by the million: SQLite builds the list of an IN anew for each of them."""
    return CheckConstraint(" OR ".join(f"{column} = '{value}'" for value in values), name=column)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows for which `where` holds, on both databases alike."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


db = SQLAlchemy(metadata=Base.metadata)

_PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 30_000}
"""Seconds to connect, milliseconds without an acknowledgement: a database that has gone is noticed (libpq)."""


def init_db(app: Flask, config: Config) -> None:
    """Bind the app to its database."""
    app.config["SQLALCHEMY_DATABASE_URI"] = config.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_pre_ping": not config.database_url.startswith("sqlite"),
        "hide_parameters": True,  # no value of a row in the text of an error
        "connect_args": {} if config.database_url.startswith("sqlite") else _PATIENCE,
    }
    db.init_app(app)


def is_sqlite() -> bool:
    """Whether the present app's database is SQLite."""
    return db.engine.dialect.name == "sqlite"


def insert(model: type):  # type: ignore[no-untyped-def]
    """INSERT with ON CONFLICT, which both databases spell alike."""
    return sqlite.insert(model) if is_sqlite() else postgresql.insert(model)


@event.listens_for(Engine, "connect")
def _set_pragmas(connection: Any, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # transactions begin in _begin, not in the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=15000", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Take SQLite's write lock at the start of whatever may write, so that no transaction fails halfway."""
    if connection.dialect.name == "sqlite":
        only_reads = connection.get_execution_options().get(ONLY_READS, False)
        reads = only_reads or (has_request_context() and request.method in READING_METHODS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
