"""The database, its migrations, the task engine, the worker, and what waits."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from limits.storage import storage_from_string
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from campaign import clock
from campaign.config import Config
from campaign.db import ONLY_READS, ROOT, db, is_sqlite
from campaign.doctor.findings import Finding, Part
from campaign.mailing.models import MailingState
from campaign.watching import queries
from campaign.watching.models import Heartbeat
from campaign.watching.queries import WorkerState
from campaign.work import Engine

NOTED_SKEW, WRONG_SKEW = timedelta(seconds=2), timedelta(seconds=30)
NOTED_LAG, WRONG_LAG = 60, 300
RECENT = timedelta(minutes=10)
OLDEST_POSTGRES = 130000

database = Part("database")
migrations = Part("schema")
tasks = Part("tasks")
worker = Part("worker")
letters = Part("letters")


def check_database() -> Iterator[Finding]:
    """Whether it answers, can be written to, and keeps the same time."""
    try:
        with db.engine.connect().execution_options(**{ONLY_READS: True}) as connection:
            yield from _sqlite(connection) if is_sqlite() else _postgres(connection)
    except SQLAlchemyError as error:
        yield database.wrong(
            f"It cannot be reached: {type(error).__name__}.",
            "Look at CAMPAIGN_DATABASE_URL, whether the server runs, and whether this user may use it.",
        )
        return
    yield from _writing()


def _sqlite(connection: Connection) -> Iterator[Finding]:
    version = connection.scalar(text("SELECT sqlite_version()"))
    mode = connection.scalar(text("PRAGMA journal_mode"))
    if mode == "wal":
        yield database.good(f"SQLite {version} answers, with a write-ahead log.")
    else:
        yield database.wrong(
            f"SQLite has no write-ahead log, but {mode}: readers and the writer wait for each other.",
            "Put the file on a local disk: network file systems have no write-ahead log.",
        )


def _postgres(connection: Connection) -> Iterator[Finding]:
    number = int(connection.scalar(text("SHOW server_version_num")) or 0)
    if number < OLDEST_POSTGRES:
        yield database.wrong(f"PostgreSQL {number // 10000} is too old.", "Use PostgreSQL 13 or newer.")
    else:
        yield database.good(f"PostgreSQL {number // 10000} answers.")
    yield _skew(connection.scalar(text("SELECT clock_timestamp()")) or clock.now())


def _skew(theirs: datetime) -> Finding:
    skew = abs(theirs - clock.now())
    sentence = f"Its clock and this machine's differ by {skew.total_seconds():.0f} seconds."
    if skew >= WRONG_SKEW:
        return database.wrong(sentence, "Let both machines keep their time by NTP: leases and links depend on it.")
    return database.note(sentence, "NTP keeps them together.") if skew >= NOTED_SKEW else database.good(sentence)


def _writing() -> Iterator[Finding]:
    """Write a row, and take it back."""
    now = clock.now()
    try:
        db.session.add(Heartbeat(name="doctor", role="doctor", started_at=now, beat_at=now, doing=""))
        db.session.flush()
        yield database.good("It can be written to.")
    except SQLAlchemyError as error:
        if not _is_there("heartbeats"):
            return  # the schema says so
        yield database.wrong(
            f"It cannot be written to: {type(error).__name__}.",
            "Look at the rights of this user, at free space, and whether it is a replica that only reads.",
        )
    finally:
        db.session.rollback()


def _is_there(table: str) -> bool:
    db.session.rollback()
    return table in set(db.inspect(db.engine).get_table_names())


def check_migrations() -> Iterator[Finding]:
    """Whether the schema is the one that this code was written for."""
    from alembic.config import Config as AlembicConfig  # 6 MB, which no worker needs: it is begun by the same command
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    folder = AlembicConfig()
    folder.set_main_option("script_location", str(ROOT / "migrations"))
    newest = ScriptDirectory.from_config(folder).get_current_head()
    with db.engine.connect().execution_options(**{ONLY_READS: True}) as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present == newest:
        yield migrations.good(f"It is at {present}, the newest.")
    else:
        yield migrations.wrong(
            f"It is at {present or 'nothing'}, this code wants {newest}.",
            "Make a backup, then run: campaign migrate" if (present or "") < str(newest) else "Install the newer code.",
        )


def check_tasks(config: Config, engine: Engine) -> Iterator[Finding]:
    """Whether the engine that wakes the worker, and the counters of the rate limits, answer."""
    try:
        engine.huey.pending_count()
        yield tasks.good(f"The engine answers ({config.tasks_url.partition(':')[0]}).")
    except Exception as error:
        yield tasks.wrong(
            f"The engine does not answer: {type(error).__name__}. Letters are late by some seconds.",
            "Look at CAMPAIGN_TASKS_URL, and whether Redis runs.",
        )
    if not config.limits_url.startswith("memory") and not storage_from_string(config.limits_url).check():
        yield tasks.wrong(
            "The counters of the rate limits do not answer: each web process counts by itself.",
            "Look at CAMPAIGN_LIMITS_URL, and whether Redis runs.",
        )


def check_worker() -> Iterator[Finding]:
    """Whether one lives, and whether a part of its work fails."""
    with db.engine.connect().execution_options(**{ONLY_READS: True}) as connection:
        state, beats = queries.worker_state(connection, clock.now()), queries.beats(connection, clock.now())
    if state is WorkerState.NONE:
        yield worker.wrong("None has said anything for an hour.", "Start it: systemctl start campaign-worker")
        return
    if state is WorkerState.LATE:
        yield worker.wrong(
            f"The last heartbeat was {beats[0].age:.0f} seconds ago.", "Look at its log, and start it again."
        )
    else:
        living = sum(beat.age < queries.SILENT_AFTER.total_seconds() for beat in beats)
        yield worker.good(f"{living} {'lives' if living == 1 else 'live'}.")
    for beat in beats:
        if beat.failing and beat.failed_at and beat.failed_at > clock.now() - RECENT:
            yield worker.wrong(
                f"A part of the work failed lately: {beat.failing}.", "Look for `drain failed` in the worker's log."
            )


def check_letters() -> Iterator[Finding]:
    """Whether anything waits longer than it should."""
    now = clock.now()
    with db.engine.connect().execution_options(**{ONLY_READS: True}) as connection:
        lags = {
            "letter that somebody asked for": queries.confirmation_lag(connection, now),
            "request that is not opened": queries.intake_lag(connection, now),
        }
        paused = list(queries.mailing_states(connection).values()).count(MailingState.PAUSED)
    for what, lag in lags.items():
        yield _lag(what, lag)
    if paused:
        mailings = "1 mailing is" if paused == 1 else f"{paused} mailings are"
        yield letters.note(f"{mailings} paused.", "See why with: campaign mailings")


def _lag(what: str, lag: float) -> Finding:
    sentence = f"The oldest {what} has waited {lag:.0f} seconds."
    if lag >= WRONG_LAG:
        return letters.wrong(sentence, "See whether the worker runs, and whether the relay takes letters.")
    if lag >= NOTED_LAG:
        return letters.note(sentence, "Look again in a minute.")
    return letters.good(f"No {what} waits.")
