"""The worker's part: what happened is owed, what is owed is sent.

One thread, the drain's, talks to the database and holds the keys; a few others carry one request each, and know
neither. What dies with the process is at most one request for each endpoint.
"""

import os
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

import structlog

from campaign import clock
from campaign.config import Config
from campaign.db import db
from campaign.logs import told as told_of
from campaign.opening import Keyring
from campaign.sealing import binding
from campaign.webhooks.addresses import Destination
from campaign.webhooks.carrying import SECONDS, Answer, Carrier, Parcel, Trouble
from campaign.webhooks.judging import Verdict, judge
from campaign.webhooks.models import PING, Endpoint, EventState, WebhookEvent
from campaign.webhooks.operations import SECRET, URL
from campaign.webhooks.owing import owe_events
from campaign.webhooks.queueing import Lease, claim, return_expired_leases, settle
from campaign.webhooks.telling import signed_headers, told

AT_ONCE = 8
"""Requests under way together, of one worker; one for each endpoint."""

STARTS_WITHIN = 30.0
"""A request that is not on its way within these seconds is given up: its lease may be over when it is answered."""

LEASE = timedelta(seconds=2 * (STARTS_WITHIN + SECONDS))

LOOKS_EVERY = 1.0
"""Seconds after which it is looked for more to send, while some are under way."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Job:
    """A claimed event on its way."""

    event_id: int
    tries: int
    is_ping: bool


class WebhookSender:
    """Sends what is due. Its methods run in one thread at a time."""

    def __init__(self, config: Config, keys: Keyring, carrier: Carrier | None = None) -> None:
        self.keys = keys
        self.carrier = carrier or Carrier(to_loopback=config.webhooks_loopback)
        self.owner = f"{os.getpid()}-{os.urandom(4).hex()}"
        self.stopping = Event()
        self.out: dict[Future[Answer], Job] = {}

    def run(self) -> None:
        """Owe what happened, and send until nothing is due."""
        self.out.clear()
        return_expired_leases(clock.now())
        owe_events(clock.now())
        db.session.commit()
        with ThreadPoolExecutor(AT_ONCE, "webhook") as pool:
            while self._hand_out(pool) or self.out:
                for future in wait(self.out, LOOKS_EVERY, FIRST_COMPLETED).done:
                    self._settle(self.out.pop(future), future.result())

    def _hand_out(self, pool: ThreadPoolExecutor) -> bool:
        """Claim what may go now and let it be carried; says whether anything was claimed."""
        if self.stopping.is_set() or len(self.out) >= AT_ONCE:
            return False
        written = self._written()
        db.session.commit()  # the lease stands before anything is sent, and no transaction is open while it is
        for job, parcel in written:
            if isinstance(parcel, Parcel):
                self.out[pool.submit(self.carrier.carry, parcel)] = job
            else:
                self._settle(job, parcel)
        return bool(written)

    def _written(self) -> list[tuple[Job, Parcel | Answer | None]]:
        now = clock.now()
        claimed = claim(Lease(self.owner, now + LEASE), AT_ONCE - len(self.out), now)
        return [(Job(event.id, event.attempts + 1, event.key == PING), self._write(event, now)) for event in claimed]

    def _write(self, event: WebhookEvent, now: datetime) -> Parcel | Answer | None:
        """The request; None if there is nothing to tell any more; an answer if it cannot be written."""
        try:
            body = told(event, event.endpoint.campaign)
            return self._parcel(event, body, now) if body is not None else None
        except Exception as error:  # one that cannot be written must not hold up the others
            log.error("webhook not written", number=event.id, **told_of(error))
            return Answer(trouble=Trouble.OURS)

    def _parcel(self, event: WebhookEvent, body: bytes, now: datetime) -> Parcel:
        endpoint = event.endpoint
        destination = Destination.parse(
            self._open(URL, endpoint, endpoint.sealed_url), to_loopback=self.carrier.to_loopback
        )
        secrets = [self._open(SECRET, endpoint, sealed) for sealed in endpoint.secrets(now)]
        headers = signed_headers(event.message_id, body, secrets, now)
        return Parcel(destination, headers, body, time.monotonic() + STARTS_WITHIN)

    def _open(self, what: str, endpoint: Endpoint, sealed: bytes) -> str:
        return self.keys.open(sealed, binding(what, endpoint.campaign_id, endpoint.handle)).decode()

    def _settle(self, job: Job, answer: Answer | None) -> None:
        """Record one answer, in a transaction of its own."""
        now = clock.now()
        nothing = Verdict(EventState.SKIPPED)
        verdict = nothing if answer is None else judge(answer, job.tries, now, is_ping=job.is_ping)
        is_ours = settle(job.event_id, self.owner, verdict, answer, now)
        db.session.commit()
        if not is_ours:
            log.warning("webhook lease lost", number=job.event_id)
        elif answer is not None and not answer.is_success:
            log.info("webhook not taken", number=job.event_id, code=answer.code, trouble=answer.trouble)
