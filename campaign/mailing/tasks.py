"""The worker's part: spread mailings, claim deliveries, send them one by one, settle each before the next."""

import os
import smtplib
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import structlog
from flask import current_app
from sqlalchemy import text

from campaign import clock, links
from campaign.config import Config
from campaign.db import db, is_sqlite
from campaign.i18n import speaking
from campaign.links import link_signer
from campaign.mailing import letters
from campaign.mailing.letters import LetterKind, Origin, Skeleton
from campaign.mailing.models import DeliveryState, Mailing, MailingState, Reader
from campaign.mailing.operations import (
    Lease,
    Outcome,
    claim,
    close_done_mailings,
    give_back,
    pause,
    return_expired_leases,
    settle,
    spread,
    suppress,
)
from campaign.mailing.queries import Claimed, claimed, sending_mailings, suppressed
from campaign.mailing.relay import PreparedMessage, Relay, RelayConnection
from campaign.opening import CannotOpen, Keyring
from campaign.sealing import EmailAddress, binding

BATCH = 100
BATCH_SECONDS = 1.0
SPREAD = 20_000
ATTEMPTS = 12
BACK_OFF = timedelta(seconds=30)
CLOSING, PERMANENT, POLICY = 421, 500, "5.7."
RELAY_REST = timedelta(seconds=5)
"""How long letters rest when the relay cannot be reached."""

SKIPPED = Outcome(DeliveryState.SKIPPED, is_attempt=False)

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


class RelayRefuses(Exception):
    """The relay cannot be reached, or does not want to talk now: nothing is to be sent for a while."""


class Sender:
    """Sends what is due: letters that were asked for before those of mailings."""

    def __init__(self, config: Config, keys: Keyring, kinds: Mapping[str, LetterKind]) -> None:
        self.config = config
        self.keys = keys
        self.kinds = kinds
        self.links = link_signer()
        self.owner = f"{os.getpid()}-{os.urandom(4).hex()}"
        self.connection = RelayConnection(current_app.extensions["mail"], Relay.read(config))
        self.skeletons: dict[tuple[object, ...], Skeleton] = {}
        self.rest_until = datetime.min.replace(tzinfo=UTC)

    def send_due(self) -> None:
        """Send until nothing is due; letters may change between runs, so none is kept longer than one."""
        if clock.now() < self.rest_until:
            return
        try:
            while self._send_batch():
                pass
        except RelayRefuses as error:
            self.rest_until = clock.now() + RELAY_REST
            log.warning("relay refuses", reason=str(error))
        finally:
            self.skeletons.clear()
            self.connection.hang_up()

    def _send_batch(self) -> bool:
        ids = self._claim()
        batch = [(row, self._address(row)) for row in claimed(ids)]
        blocked = suppressed([self.keys.suppression_key(address) for _row, address in batch if address])
        db.session.commit()
        self._send(batch, blocked)
        return bool(ids)

    def _address(self, row: Claimed) -> EmailAddress | None:
        try:
            return open_address(row, self.keys)
        except CannotOpen:
            log.error("address does not open", delivery=row.delivery_id)
            return None

    def _claim(self) -> list[int]:
        now = clock.now()
        lease = Lease(self.owner, now + timedelta(seconds=self.config.lease_seconds))
        for mailing_id in (None, *[mailing.id for mailing in sending_mailings()]):
            ids = claim(mailing_id, lease, BATCH, now)
            if ids:
                return ids
        return []

    def _send(self, batch: list[tuple[Claimed, EmailAddress | None]], blocked: set[bytes]) -> None:
        """Send one by one, each settled before the next, and for a second at most; the rest is given back.

        So a wish, a pause or a letter in a faster lane waits no longer than that, and no lease runs out in mid-batch.
        """
        until = time.monotonic() + BATCH_SECONDS
        untried = [row.delivery_id for row, _address in batch]
        rest = timedelta(0)
        try:
            for row, address in batch:
                outcome = self._outcome(row, address, blocked)
                untried.remove(row.delivery_id)
                self._settle(row, outcome)
                if outcome.ends_batch or time.monotonic() > until:
                    return
        except RelayRefuses:
            rest = RELAY_REST
            raise
        finally:
            give_back(untried, self.owner, clock.now() + rest)
            db.session.commit()

    def _outcome(self, row: Claimed, address: EmailAddress | None, blocked: set[bytes]) -> Outcome:
        if address is None:
            return Outcome(DeliveryState.FAILED)
        if not row.is_wanted or self.keys.suppression_key(address) in blocked:
            return SKIPPED
        return self._attempt(row, address)

    def _settle(self, row: Claimed, outcome: Outcome) -> None:
        if not settle(row.delivery_id, self.owner, outcome, clock.now()):
            log.warning("lease lost", delivery=row.delivery_id)
        db.session.commit()

    def _attempt(self, row: Claimed, address: EmailAddress) -> Outcome:
        try:
            content = self._content(row, address)
        except Exception as error:  # a letter that cannot be written must not hold up the others
            log.error("letter not written", letter=row.letter, error=type(error).__name__)
            return self._later(row, None)
        try:
            self._carry(address, content)
        except smtplib.SMTPRecipientsRefused as error:
            return self._refused(row, address, *next(iter(error.recipients.values())))
        except smtplib.SMTPSenderRefused as error:
            return self._refused_us(row, error.smtp_code, "as a sender")
        except smtplib.SMTPResponseException as error:
            return self._refused(row, None, error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            return self._broken_off(row, error)
        return Outcome(DeliveryState.SENT, code=250)

    def _carry(self, address: EmailAddress, content: bytes) -> None:
        if self.connection.host is None:
            try:
                self.connection.__enter__()
            except (OSError, smtplib.SMTPException) as error:
                raise RelayRefuses(type(error).__name__) from error
        self.connection.send(PreparedMessage(self.config.mail_from, str(address), content))

    def _refused(self, row: Claimed, address: EmailAddress | None, code: int, reply: bytes | str) -> Outcome:
        """What the relay's answer means (RFC 5321, section 4.2; RFC 3463). `address`: the recipient was refused."""
        if code == CLOSING:
            raise RelayRefuses("421")
        text = reply.decode("ascii", "replace") if isinstance(reply, bytes) else reply
        if text.startswith(POLICY):
            return self._refused_us(row, code, "by policy")
        if code < PERMANENT:
            return self._later(row, code)
        if address is not None:
            suppress(self.keys.suppression_key(address), f"refused with {code}", clock.now())
        return Outcome(DeliveryState.FAILED, code=code)

    def _refused_us(self, row: Claimed, code: int, why: str) -> Outcome:
        """The relay refuses us, by policy or as a sender, not the reader: the mailing waits for who looks into it."""
        if code == CLOSING:
            raise RelayRefuses("421")
        if row.mailing_id is None or code < PERMANENT:
            return self._later(row, code)
        pause(db.session.get_one(Mailing, row.mailing_id), f"the relay refuses {why} ({code})")
        return Outcome(DeliveryState.DUE, code=code, ends_batch=True)

    def _later(self, row: Claimed, code: int | None) -> Outcome:
        if row.attempts + 1 >= ATTEMPTS:
            return Outcome(DeliveryState.FAILED, code=code)
        return Outcome(DeliveryState.DUE, code=code, not_before=clock.now() + BACK_OFF * 2**row.attempts)

    def _broken_off(self, row: Claimed, error: Exception) -> Outcome:
        """The connection broke: if the data was out and the reply lost, a letter that was asked for goes again."""
        is_unknown = self.connection.is_reply_owed
        self.connection.hang_up()
        if not is_unknown:
            raise RelayRefuses(type(error).__name__) from error
        return Outcome(DeliveryState.DUE if row.mailing_id is None else DeliveryState.UNCERTAIN)

    def _content(self, row: Claimed, address: EmailAddress) -> bytes:
        confirm = self.keys.link_token(row.letter, row.link_seed) if row.link_seed else ""
        values = {
            letters.TO: str(address),
            letters.DATE: format_datetime(clock.now()),
            letters.MESSAGE_ID: self.keys.message_id(row.delivery_id),
            letters.CONFIRM: confirm,
            letters.YOURS: self.links.sign(links.YOURS, row.handle),
            letters.UNSUBSCRIBE: self.links.sign(links.UNSUBSCRIBE, row.handle),
        }
        return self._skeleton(row).fill(values)

    def _skeleton(self, row: Claimed) -> Skeleton:
        kind = self.kinds[row.letter]
        key = (row.letter, row.campaign_id, row.locale, None if kind.is_shared else row.subject_id)
        if key not in self.skeletons:
            with speaking(row.locale):
                letter, origin = kind.write(row.campaign_id, row.subject_id), Origin(row.letter, row.mailing_id)
                self.skeletons[key] = Skeleton(letter, self.config.mail_from, origin)
            db.session.rollback()  # no lock is held while the relay is spoken to
        return self.skeletons[key]
