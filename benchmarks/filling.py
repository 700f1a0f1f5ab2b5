"""Filling an installation in bulk: a million signatures in seconds, or readers whose addresses really open."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import insert

from benchmarks.installations import SLUG
from campaign import clock
from campaign.app import create_app
from campaign.campaigns.queries import campaign_by_slug
from campaign.config import Config
from campaign.db import db
from campaign.mailing.models import News, Reader
from campaign.opening import Keyring
from campaign.sealing import EmailAddress, binding
from tests.stack import Stack

# Keys that grow with n, so that the unique indexes grow at their ends only: three times as fast.
FILL = """
PRAGMA synchronous = OFF;
PRAGMA foreign_keys = OFF;
CREATE TEMP TABLE signers AS
  WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 1000000)
  SELECT n, CAST(printf('%032d', n) AS BLOB) AS key,
         strftime('%Y-%m-%d %H:%M:%S.000000', 1577836800 + n * 10, 'unixepoch') AS at,
         (SELECT id FROM campaigns) AS campaign_id
  FROM up;
BEGIN;
INSERT INTO readers (id, campaign_id, handle, sealed_address, fingerprint, locale, news, created_at, confirmed_at)
  SELECT n, campaign_id, CAST(printf('%016d', n) AS BLOB), zeroblob(80), key, 'en', 'all', at, at FROM signers;
INSERT INTO signatures (campaign_id, reader_id, state, appear, news, locale, country, sealed, is_veiled, public_name,
                        secret, commitment, signed_at, confirmed_at)
  SELECT campaign_id, n, 'confirmed', 'name', 'all', 'en', 'GB', zeroblob(150), 0, 'Ada Example',
         key, key, at, at
  FROM signers;
INSERT INTO ledger_entries (campaign_id, number, change, commitment, count, entered_at)
  SELECT campaign_id, n, 'added', key, n, at FROM signers;
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);
"""


def sign_a_million(stack: Stack) -> None:
    """Add a million confirmed signers, named and counted, to an installation on SQLite with one campaign, unsigned."""
    connection = sqlite3.connect(stack.instance / "campaign.sqlite", isolation_level=None)
    connection.executescript(FILL)
    connection.close()


def add_readers(stack: Stack, count: int) -> None:
    """Add readers who confirmed and want all news, with addresses sealed as the worker seals them."""
    with _inside(stack):
        campaign = campaign_by_slug(SLUG)
        assert campaign is not None
        keys = Keyring.read(Config.read(stack.environ))
        db.session.execute(insert(Reader), [_reader(campaign.id, number, keys) for number in range(count)])
        db.session.commit()


def _reader(campaign_id: int, number: int, keys: Keyring) -> dict[str, object]:
    address = EmailAddress(f"reader{number}", "example.org")
    fingerprint = keys.fingerprint(address, campaign_id)
    return {
        "campaign_id": campaign_id,
        "sealed_address": keys.sealer.seal(str(address).encode(), binding("reader", campaign_id, fingerprint)),
        "fingerprint": fingerprint,
        "locale": "en",
        "news": News.ALL,
        "created_at": clock.now(),
        "confirmed_at": clock.now(),
    }


@contextmanager
def _inside(stack: Stack) -> Iterator[Flask]:
    """The installation's app in this process."""
    app = create_app(Config.read(stack.environ))
    with app.app_context():
        yield app
        db.engine.dispose()
