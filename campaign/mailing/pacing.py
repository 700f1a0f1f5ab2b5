"""How fast letters may go: to the relay, to one receiving domain, in the first days of a new relay.

What is known of it stands in the database, so that all workers of all machines keep one pace together.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from campaign.config import Config
from campaign.db import db
from campaign.mailing.models import Pace
from campaign.mailing.operations import insert
from campaign.opening import Keyring

AHEAD = timedelta(seconds=1)
"""Letters may go as many together as this time holds."""

HALVED_FOR = timedelta(seconds=5)
"""Replies of 421 that come within this time are one wish for less."""

DOUBLES_IN = timedelta(minutes=1)
"""How soon a pace that was halved is what it was."""

FORGIVEN = timedelta(hours=1)
"""After this time a relay without a limit has none again."""

SLOWEST = 2.0
"""Letters a second that are tried however often the relay says 421."""


@dataclass(frozen=True)
class Pacer:
    """Gives out turns; every method is one step of the caller's transaction."""

    config: Config
    keys: Keyring

    def grant(self, wanted: int, now: datetime, *, is_mailing: bool) -> int:
        """How many of so many letters may go to the relay now; they are counted as gone."""
        if self._is_free(now):
            return wanted
        pace = self._pace("")
        rate = self._rate(pace, now)
        granted = min(wanted, pace.room(rate, now)) if rate else wanted
        if is_mailing and self.config.warm_up:
            granted = min(granted, self.config.warm_up.letters(now.date()) - pace.letters_on(now.date()))
        granted = max(0, granted)
        pace.take(granted, rate, now, granted if is_mailing and self.config.warm_up else 0)
        return granted

    def refund(self, letters: int, now: datetime, *, is_mailing: bool) -> None:
        """Take back turns that were not used."""
        if self._is_free(now):
            return
        pace = self._pace("")
        pace.take(-letters, self._rate(pace, now), now, -letters if is_mailing and self.config.warm_up else 0)

    def slots(self, domains: Sequence[str], now: datetime) -> list[datetime]:
        """When each of these letters may go to its receiving domain, one after the other."""
        rate = self.config.domain_rate
        if not rate:
            return [now] * len(domains)
        starts = {domain: self._pace(domain).reserve(count, rate, now) for domain, count in Counter(domains).items()}
        slots = []
        for domain in domains:
            slots.append(starts[domain])
            starts[domain] += timedelta(seconds=1 / rate)
        return slots

    def slow_down(self, observed: float, now: datetime) -> float:
        """The relay wants less: half of the present pace, or of what was observed (letters a second); which is said."""
        pace = self._pace("")
        if pace.slowed_at is None or now - pace.slowed_at > HALVED_FOR:
            present = self._rate(pace, now) or observed
            pace.slowed_to, pace.slowed_at = max(SLOWEST, present / 2), now
        return pace.slowed_to or SLOWEST

    def _is_free(self, now: datetime) -> bool:
        """Whether letters go as fast as they can: then no worker waits for another's lock on the pace."""
        if self.config.relay_rate or self.config.warm_up:
            return False
        slowed_at = db.session.scalar(select(Pace.slowed_at).where(Pace.key == self.keys.domain_key("")))
        return slowed_at is None or now - slowed_at > FORGIVEN

    def _rate(self, pace: Pace, now: datetime) -> float:
        """Letters a second to the relay; 0: as many as it takes."""
        limit = self.config.relay_rate
        if pace.slowed_at is None or pace.slowed_to is None or now - pace.slowed_at > FORGIVEN:
            return limit
        grown = pace.slowed_to * 2 ** ((now - pace.slowed_at) / DOUBLES_IN)
        return min(grown, limit) if limit else grown

    def _pace(self, domain: str) -> Pace:
        """The row of a domain, or of the relay: locked until the transaction ends."""
        key = self.keys.domain_key(domain)
        db.session.execute(insert(Pace).values(key=key, letters=0).on_conflict_do_nothing())
        return db.session.get_one(Pace, key, with_for_update=True, populate_existing=True)


def forget_paces(now: datetime) -> None:
    """Delete what says nothing any more: a domain's row shall not outlive its letters for long."""
    db.session.query(Pace).filter(Pace.next_at < now - timedelta(days=1)).delete()
