"""Filling an installation in bulk: signatures and what organizers look at, or readers whose addresses really open."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass

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


@dataclass(frozen=True)
class Size:
    """How many of what is filled in: waiting statements and as many decided ones; lines of the log."""

    signatures: int = 0
    updates: int = 0
    letters: int = 0
    statements: int = 0
    lines: int = 0


MILLION = 1_000_000

FIRST_UPDATE = 1001
"""The number of the one that has letters: above those that were imported."""

# Keys that grow with n, so that the unique indexes grow at their ends only: three times as fast.
FILL = """
PRAGMA synchronous = OFF;
PRAGMA foreign_keys = OFF;
CREATE TEMP TABLE numbered AS
  WITH RECURSIVE up(n) AS (
    SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < (SELECT max(signatures, updates, letters, lines) FROM size)
  )
  SELECT n, CAST(printf('%032d', n) AS BLOB) AS key,
         strftime('%Y-%m-%d %H:%M:%S.000000', 1577836800 + n * 10, 'unixepoch') AS at,
         (SELECT id FROM campaigns) AS campaign_id
  FROM up;
BEGIN;
INSERT INTO readers (id, campaign_id, handle, sealed_address, fingerprint, locale, news, created_at, confirmed_at)
  SELECT n, campaign_id, CAST(printf('%016d', n) AS BLOB), zeroblob(80), key, 'en', 'all', at, at
  FROM numbered WHERE n <= (SELECT signatures FROM size);
INSERT INTO signatures (campaign_id, reader_id, state, appear, news, locale, country, sealed, is_veiled, public_name,
                        secret, commitment, signed_at, confirmed_at)
  SELECT campaign_id, n, 'confirmed', 'name', 'all', 'en', 'GB', zeroblob(150), 0,
         CASE n WHEN 1 THEN 'Zenobia Once' ELSE 'Ada Example' END,
         key, key, at, at
  FROM numbered WHERE n <= (SELECT signatures FROM size);
INSERT INTO ledger_entries (campaign_id, number, change, commitment, count, entered_at)
  SELECT campaign_id, n, 'added', key, n, at FROM numbered WHERE n <= (SELECT signatures FROM size);
INSERT INTO updates (id, campaign_id, number, kind, occurred_on, published_at, sources)
  SELECT 1000 + n, campaign_id, 1000 + n, 'news', date(at), at, '["A newspaper"]'
  FROM numbered WHERE n <= (SELECT updates FROM size);
INSERT INTO update_texts (update_id, locale, title, body)
  SELECT 1000 + n, 'en', 'News ' || n, 'It went on.' FROM numbered WHERE n <= (SELECT updates FROM size);
INSERT INTO mailings (id, campaign_id, update_id, is_status, state, spread_to, spread_until, spread_count, created_at)
  SELECT 1, campaign_id, 1001, 0, 'sending', letters, letters, letters, at
  FROM numbered, size WHERE n = 1 AND updates > 0;
INSERT INTO deliveries (mailing_id, reader_id, letter, state, attempts, not_before, code, settled_at)
  SELECT 1, n, 'update', CASE n % 100 WHEN 0 THEN 'failed' ELSE 'sent' END, 1, at, CASE n % 100 WHEN 0 THEN 550 END, at
  FROM numbered WHERE n <= (SELECT letters / 2 FROM size);
INSERT INTO deliveries (mailing_id, reader_id, letter, state, attempts, not_before)
  SELECT 1, n, 'update', 'due', 0, at FROM numbered, size WHERE n > letters / 2 AND n <= letters;
INSERT INTO statements (id, campaign_id, signature_id, body, locale, state, made_at)
  SELECT n, campaign_id, n, 'We are with you.', 'en', 'waiting', at
  FROM numbered WHERE n <= (SELECT statements FROM size);
INSERT INTO statements (id, campaign_id, signature_id, body, locale, state, made_at, decided_at)
  SELECT n, campaign_id, n, 'We are with you.', 'en', 'rejected', at, at
  FROM numbered, size WHERE n > statements AND n <= 2 * statements;
INSERT INTO decisions (campaign_id, statement_id, act, reason, made_at)
  SELECT campaign_id, n, 'rejected', 'spam', at FROM numbered, size WHERE n > statements AND n <= 2 * statements;
INSERT INTO audit_entries (campaign_id, organizer, act, details, at)
  SELECT campaign_id, 'Rosa', CASE WHEN n <= 50 THEN 'text.changed' ELSE 'statement.rejected' END, '{}', at
  FROM numbered WHERE n <= (SELECT lines FROM size);
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);
"""


def fill(stack: Stack, size: Size) -> None:
    """Fill an installation on SQLite with one campaign, in which nothing has happened: all signers confirmed."""
    with closing(sqlite3.connect(stack.instance / "campaign.sqlite", isolation_level=None)) as connection:
        connection.execute("CREATE TEMP TABLE size (signatures, updates, letters, statements, lines)")
        connection.execute("INSERT INTO size VALUES (?, ?, ?, ?, ?)", astuple(size))
        connection.executescript(FILL)


def sign_a_million(stack: Stack) -> None:
    """Add a million confirmed signers, named and counted, to an installation on SQLite with one campaign, unsigned."""
    fill(stack, Size(signatures=MILLION))


def add_readers(stack: Stack, count: int) -> None:
    """Add readers who confirmed and want all news, with addresses sealed as the worker seals them."""
    with inside(stack):
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
def inside(stack: Stack) -> Iterator[Flask]:
    """The installation's app in this process."""
    app = create_app(Config.read(stack.environ))
    with app.app_context():
        yield app
        db.engine.dispose()
