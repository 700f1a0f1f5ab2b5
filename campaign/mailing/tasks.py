"""The worker's part besides sending: addresses opened, mailings spread and closed, what was deleted wiped."""

import time
from contextlib import closing

import structlog
from sqlalchemy import text

from campaign import clock
from campaign.db import db, is_sqlite
from campaign.mailing.claiming import return_expired_leases
from campaign.mailing.models import MailingState, Reader
from campaign.mailing.posting import close_done_mailings, spread
from campaign.mailing.queries import Claimed, sending_mailings
from campaign.opening import Keyring
from campaign.sealing import EmailAddress, binding

SPREAD = 10_000
"""Readers considered in one transaction: few, so that SQLite's write lock is held briefly."""

BREATH = 0.01
"""Seconds for which SQLite's write lock is free between two of them: who waits for it looks only now and then."""

HOLDING = "readers, signatures, statements, endorsements, decisions, intake, deliveries"
"""The tables in which something of a person may stand."""

log = structlog.get_logger()


def open_address(reader: Reader | Claimed, keys: Keyring) -> EmailAddress:
    """The address of a reader."""
    plain = keys.open(reader.sealed_address, binding("reader", reader.campaign_id or 0, reader.fingerprint))
    local, _, domain = plain.decode().rpartition("@")
    return EmailAddress(local, domain)


def spread_mailings() -> None:
    """Make the deliveries of the mailings that are being sent, a range of readers a transaction."""
    for mailing in sending_mailings():
        while mailing.state == MailingState.SENDING and not mailing.is_spread:
            spread(mailing, SPREAD, clock.now())
            db.session.commit()
            if is_sqlite():
                time.sleep(BREATH)


def tidy() -> None:
    """Heal what stopped workers left, and close what is done."""
    return_expired_leases(clock.now())
    close_done_mailings(clock.now())
    db.session.commit()


def scrub() -> None:
    """Wipe what was deleted from the write-ahead log (SQLite) or from the tables' pages (PostgreSQL)."""
    if is_sqlite():
        with closing(db.engine.raw_connection()) as connection:  # outside any transaction
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM {HOLDING}"))
