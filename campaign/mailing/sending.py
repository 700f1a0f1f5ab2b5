"""Sending: deliveries are claimed, written, handed to the carriers, and settled before their carrier gets the next.

One thread, the sender's, talks to the database; it settles together what came back together, so several connections
cost hardly more commits than one. What dies with the process is at most one unsettled letter for each connection.
"""

import os
import time
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

import structlog
from flask import current_app
from sqlalchemy import Connection

from campaign import clock
from campaign.config import Config
from campaign.db import db
from campaign.mailing import judging
from campaign.mailing.carrying import Carriers
from campaign.mailing.claiming import Lease, Turn, claim, give_back, postpone
from campaign.mailing.judging import OF_LATE, Domains, ErrorRate, Verdict, judge
from campaign.mailing.letters import LetterKind
from campaign.mailing.models import Mailing
from campaign.mailing.operations import suppress
from campaign.mailing.pacing import AHEAD, Pacer
from campaign.mailing.posting import pause
from campaign.mailing.queries import Claimed, claimed, sending_mailings, suppressed
from campaign.mailing.relay import Relay, RelayConnection
from campaign.mailing.returning.addresses import ReturnAddresses
from campaign.mailing.settling import Settler
from campaign.mailing.talking import Fate, Parcel, Reply
from campaign.mailing.tasks import open_address
from campaign.mailing.writing import Writer
from campaign.opening import CannotOpen, Keyring
from campaign.sealing import EmailAddress

MOST = 200
"""Letters claimed together at most; fewer where they take too long to go out in time."""

TOLD_EVERY = 60.0
"""Seconds between two lines of the log that say how letters ended."""

BATCH_SECONDS = 1.0
"""A claimed letter goes out within this time or is given back, so a wish, a pause or a faster lane waits no longer."""

log = structlog.get_logger()


@dataclass(frozen=True, repr=False)
class Due:
    """A claimed delivery on its way. `address` is None if it does not open; it may be blocked: suppressed."""

    row: Claimed
    address: EmailAddress | None
    is_blocked: bool


class Sender:
    """Sends what is due: letters that were asked for before those of mailings. Its methods run in one thread a time."""

    def __init__(self, config: Config, keys: Keyring, kinds: Mapping[str, LetterKind]) -> None:
        self.config = config
        self.keys = keys
        self.returns = ReturnAddresses(config, keys)
        self.writer = Writer(config.mail_from, keys, kinds, self.returns)
        self.pacer = Pacer(config, keys)
        self.owner = f"{os.getpid()}-{os.urandom(4).hex()}"
        self.settler = Settler(self.owner)
        mail, relay = current_app.extensions["mail"], Relay.read(config)
        self.carriers = Carriers(lambda: RelayConnection(mail, relay), config.relay_connections)
        self.claimed: deque[Due] = deque()
        self.written: deque[tuple[Due, Parcel]] = deque()
        self.out: dict[Parcel, Due] = {}
        self.ended: list[tuple[Due, Verdict]] = []
        """What came of letters, until it is settled: a database that went away finds it here when it is back."""
        self.claimed_until = 0.0
        self.size = MOST
        self.is_dry = False
        """Whether nothing more was due when this run last asked."""
        self.rest_until = datetime.min.replace(tzinfo=UTC)
        self.taken: deque[float] = deque(maxlen=10_000)
        """When the relay took the last letters (monotonic seconds)."""
        self.counts: Counter[str] = Counter()
        """How letters ended since that was logged."""
        self.told_at = 0.0
        self.error_rates: defaultdict[int, ErrorRate] = defaultdict(ErrorRate)
        self.domains = Domains()
        self.stopping = Event()

    def send_due(self) -> None:
        """Send until nothing is due; letters may change between runs, so none is kept longer than one."""
        self.writer.forget()
        self.is_dry = False
        self.carriers.rest()
        with self.settler.connected() as connection:
            self._settle(connection)
            while self._claim() or self.written or self.carriers.busy:
                self._write()
                self._hand_out()
                self._write()  # the next ones, while these are carried
                if self.carriers.busy:
                    self._collect()
                self._settle(connection)
                self._tell()

    def stop(self) -> None:
        """Hand out nothing more: a run ends when what is out has been settled."""
        self.stopping.set()

    def _claim(self) -> bool:
        """Have something claimed that may go out now; says whether there is."""
        now = clock.now()
        is_resting = self.stopping.is_set() or now < self.rest_until
        if is_resting or time.monotonic() > self.claimed_until:
            self._give_back(self.rest_until if self.rest_until > now else None)
        while not (self.claimed or self.written or self.is_dry or is_resting or self.stopping.is_set()):
            self._claim_batch()  # once more, if all of it waits for its turn at a domain
        return bool(self.claimed)

    def _claim_batch(self) -> None:
        """Claim and look at the next letters; no lock is held while addresses are opened."""
        self.size = min(MOST, 2 * self.size)
        rows = self._claimed_rows()
        self.is_dry = not rows
        opened = [(row, self._address(row)) for row in rows]
        keys = {row.delivery_id: self.keys.suppression_key(address) for row, address in opened if address}
        blocked = suppressed(list(keys.values()))
        found = [Due(row, address, keys.get(row.delivery_id) in blocked) for row, address in opened]
        postponed = self._postponed(found)
        db.session.commit()
        if postponed:
            self._refund(len(postponed), rows[0].mailing_id)
        self.claimed.extend(due for due in found if due.row.delivery_id not in postponed)

    def _claimed_rows(self) -> list[Claimed]:
        """From the fastest lane in which anything is due, as many as may go now."""
        for mailing_id in (None, *[mailing.id for mailing in sending_mailings()]):
            granted = self._granted(mailing_id)
            rows = self._claim_from(mailing_id, granted) if granted else []
            self._refund(granted - len(rows), mailing_id)
            if rows:
                return rows
        return []

    def _claim_from(self, mailing_id: int | None, size: int) -> list[Claimed]:
        db.session.connection()  # SQLite's write lock may take long: the lease begins when it is got
        now = clock.now()
        self.claimed_until = time.monotonic() + BATCH_SECONDS  # counted from here: we may be stopped before the commit
        lease = Lease(self.owner, now + timedelta(seconds=self.config.lease_seconds))
        rows = claimed(claim(mailing_id, lease, size, now))
        db.session.commit()
        return rows

    def _granted(self, mailing_id: int | None) -> int:
        """How many may go now. The pace is let go at once, so that no worker waits for one that is stuck."""
        granted = self.pacer.grant(self.size, clock.now(), is_mailing=mailing_id is not None)
        db.session.commit()
        return granted

    def _refund(self, unused: int, mailing_id: int | None) -> None:
        if unused:
            self.pacer.refund(unused, clock.now(), is_mailing=mailing_id is not None)
            db.session.commit()

    def _postponed(self, found: list[Due]) -> dict[int, Turn]:
        """Those whose receiving domain takes no more now, given back until their turns."""
        now = clock.now()
        waiting = [due for due in found if due.row.mailing_id and due.row.slot_at is None and due.address]
        turns = self.pacer.turns([due.address.domain for due in waiting if due.address], now)
        late = {due.row.delivery_id: turn for due, turn in zip(waiting, turns, strict=True) if turn.at > now + AHEAD}
        postpone(late, self.owner)
        return late

    def _address(self, row: Claimed) -> EmailAddress | None:
        try:
            return open_address(row, self.keys)
        except CannotOpen:
            log.error("address does not open", delivery=row.delivery_id)
            return None

    def _write(self) -> None:
        """Write the next letters, one for each carrier."""
        while self.claimed and len(self.written) < self.carriers.size:
            due = self.claimed.popleft()
            if due.address is None:
                self.ended.append((due, judging.CANNOT_OPEN))
            elif due.is_blocked or not due.row.is_wanted:
                self.ended.append((due, judging.SKIPPED))
            else:
                self._write_one(due, due.address)

    def _write_one(self, due: Due, address: EmailAddress) -> None:
        try:
            content = self.writer.write(due.row, address)
        except Exception as error:  # a letter that cannot be written must not hold up the others
            log.error("letter not written", letter=due.row.letter, error=type(error).__name__)
            self.ended.append((due, judging.try_later(due.row, clock.now())))
            return
        until = self.claimed_until + self.config.lease_seconds / 2
        parcel = Parcel(self.returns.return_path(due.row.delivery_id), str(address), content, until)
        self.written.append((due, parcel))

    def _hand_out(self) -> None:
        while self.written and self.carriers.free:
            due, parcel = self.written.popleft()
            self.out[parcel] = due
            self.carriers.hand_out(parcel)

    def _collect(self) -> None:
        """Wait for a reply at least, and judge what has come."""
        for parcel, reply in self.carriers.collect():
            due = self.out.pop(parcel)
            self.ended.append((due, self._judge(due, reply)))

    def _judge(self, due: Due, reply: Reply) -> Verdict:
        verdict = judge(due.row, reply, self.config.resend_uncertain, clock.now())
        if reply.fate is Fate.ACCEPTED:
            self.taken.append(time.monotonic())
        if verdict.rests:
            self.rest_until = clock.now() + judging.REST
            log.warning("relay refuses", code=reply.code, fate=reply.fate.name)
        return verdict

    def _settle(self, connection: Connection) -> None:
        """Record what has ended, over a connection kept for it: five times as fast."""
        if not self.ended:
            return
        for due, verdict in self.ended:
            self._obey(due, verdict)
        outcomes = {due.row.delivery_id: verdict.outcome for due, verdict in self.ended}
        self.settler.settle(outcomes, clock.now(), connection)
        self.counts.update(verdict.outcome.state.value for _due, verdict in self.ended)
        self.ended.clear()

    def _tell(self) -> None:
        """Log how letters ended, as counts, once a minute at most."""
        if self.counts and time.monotonic() > self.told_at + TOLD_EVERY:
            log.info("letters ended", **self.counts)
            self.counts.clear()
            self.told_at = time.monotonic()

    def _obey(self, due: Due, verdict: Verdict) -> None:
        """What follows for the pace, for the address and for the mailing."""
        if verdict.slows:
            self.pacer.slow_down(self._letters_a_second(), clock.now())
            db.session.commit()
        self._heed_domain(due, verdict)
        if verdict.suppresses and due.address:
            suppress(self.keys.suppression_key(due.address), verdict.suppresses, clock.now())
            db.session.commit()
        mailing_id = due.row.mailing_id
        if mailing_id is None:
            return
        too_many = self.error_rates[mailing_id].add(verdict.outcome.state)
        reason = verdict.pauses or (judging.TOO_MANY_REFUSED if too_many else None)
        if reason:
            pause(db.session.get_one(Mailing, mailing_id), reason)
            db.session.commit()
            log.warning("mailing paused", mailing=mailing_id, why=reason)
            self.claimed_until = 0.0  # what else was claimed is not to be tried now

    def _heed_domain(self, due: Due, verdict: Verdict) -> None:
        """Go slower to a receiving domain that puts off what it gets; which one it is, no log may say."""
        observed = self.domains.add(due.address.domain, verdict, time.monotonic()) if due.address else None
        if due.address and observed is not None:
            rate = self.pacer.slow_down(observed, clock.now(), due.address.domain)
            db.session.commit()
            log.warning("domain slowed", letters_a_second=round(rate, 1))

    def _letters_a_second(self) -> float:
        """How fast letters went of late."""
        since = time.monotonic() - OF_LATE
        return sum(taken > since for taken in self.taken) / OF_LATE

    def _give_back(self, not_before: datetime | None) -> None:
        """Return what was claimed and not handed out."""
        found = [*self.claimed, *(due for due, _parcel in self.written)]
        if found:
            give_back([due.row.delivery_id for due in found], self.owner, not_before)
            db.session.commit()
            self._refund(len(found), found[0].row.mailing_id)
            self.size = max(self.carriers.size, self.size // 2)
            self.claimed.clear()
            self.written.clear()
