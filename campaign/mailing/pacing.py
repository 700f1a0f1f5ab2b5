"""How fast letters may go: to the relay, to one receiving domain, in the first days of a new relay.

What is known of it stands in the database, so that all workers of all machines keep one pace together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select

from campaign.config import Config
from campaign.db import db, insert
from campaign.mailing.claiming import Turn
from campaign.mailing.models import Pace
from campaign.opening import Keyring

AHEAD = timedelta(seconds=1)
"""Letters may go as many together as this time holds."""

HALVED_FOR = timedelta(seconds=5)
"""Replies of 421 that come within this time are one wish for less."""

DOUBLES_IN = timedelta(minutes=1)
"""How soon a pace that was halved is what it was."""

FORGIVEN = timedelta(hours=1)
"""After this time a relay without a limit has none again."""

SLOWEST, SLOWEST_DOMAIN = 2.0, 0.5
"""Letters a second that are tried however often the relay says 421, or a receiving domain "later"."""

HORIZON = timedelta(seconds=30)
"""Turns at a domain are given out so far ahead; whoever comes later asks again, for by then its pace may be another."""


@dataclass(frozen=True)
class Pacer:
    """Gives out turns; every method is one step of the caller's transaction."""

    config: Config
    keys: Keyring
    _later: dict[str, datetime] = field(default_factory=dict, init=False)
    """By domain, when the next of those who have to ask again shall do so; this worker's guess."""

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

    def turns(self, domains: Sequence[str], now: datetime) -> list[Turn]:
        """When each of these letters may go to its receiving domain, one after the other."""
        paced = {domain: self._pace(domain) for domain in self._paced(set(domains), now)}
        return [self._turn(domain, paced[domain], now) if domain in paced else Turn(now) for domain in domains]

    def slow_down(self, observed: float, now: datetime, domain: str = "") -> float:
        """The relay, or a receiving domain, wants less than it got, which was observed; says what it gets now.

        In letters a second: half of what it got, or of what it was allowed.
        """
        pace = self._pace(domain)
        if pace.slowed_at is None or now - pace.slowed_at > HALVED_FOR:
            present = self._present(pace, observed, now, domain)
            pace.slowed_to, pace.slowed_at = max(SLOWEST_DOMAIN if domain else SLOWEST, present / 2), now
        return pace.slowed_to or SLOWEST

    def _present(self, pace: Pace, observed: float, now: datetime, domain: str) -> float:
        """How fast letters go: as they may, or, where that has grown beyond what there is to send, as they did."""
        rate = self._rate(pace, now, domain)
        if not self._is_slowed(pace, now) or pace.slowed_to is None:
            return rate or observed
        return min(rate, max(observed, pace.slowed_to))

    def _turn(self, domain: str, pace: Pace, now: datetime) -> Turn:
        """The next turn at a domain that has a pace."""
        at = max(pace.next_at or now, now)
        if at <= now + HORIZON:
            pace.next_at = self._after(at, pace, domain)
            return Turn(at)
        at = max(self._later.get(domain, at), at)
        self._later[domain] = self._after(at, pace, domain)
        return Turn(at, is_kept=False)

    def _after(self, at: datetime, pace: Pace, domain: str) -> datetime:
        """The turn after one; they come closer together while a domain recovers."""
        rate = self._rate(pace, at, domain)
        return at + timedelta(seconds=1 / rate) if rate else at

    def _paced(self, domains: set[str], now: datetime) -> list[str]:
        """Those of these domains that have a pace now; in an order, so that two workers do not wait for each other."""
        if self.config.domain_rate:
            return sorted(domains)
        slowed = set(db.session.scalars(select(Pace.key).where(Pace.slowed_at >= now - FORGIVEN)))
        return sorted(domain for domain in domains if self.keys.domain_key(domain) in slowed) if slowed else []

    def _is_free(self, now: datetime) -> bool:
        """Whether letters go as fast as they can: then no worker waits for another's lock on the pace."""
        if self.config.relay_rate or self.config.warm_up:
            return False
        slowed_at = db.session.scalar(select(Pace.slowed_at).where(Pace.key == self.keys.domain_key("")))
        return slowed_at is None or now - slowed_at > FORGIVEN

    def _rate(self, pace: Pace, at: datetime, domain: str = "") -> float:
        """Letters a second to the relay, or to a domain; 0: as many as it takes."""
        limit = self.config.domain_rate if domain else self.config.relay_rate
        if pace.slowed_at is None or pace.slowed_to is None or not self._is_slowed(pace, at):
            return limit
        grown = pace.slowed_to * 2 ** ((at - pace.slowed_at) / DOUBLES_IN)
        return min(grown, limit) if limit else grown

    @staticmethod
    def _is_slowed(pace: Pace, at: datetime) -> bool:
        return pace.slowed_at is not None and at - pace.slowed_at <= FORGIVEN

    def _pace(self, domain: str) -> Pace:
        """The row of a domain, or of the relay: locked until the transaction ends."""
        key = self.keys.domain_key(domain)
        db.session.execute(insert(Pace).values(key=key, letters=0).on_conflict_do_nothing())
        return db.session.get_one(Pace, key, with_for_update=True, populate_existing=True)


def forget_paces(now: datetime) -> None:
    """Delete what says nothing any more: a domain's row shall not outlive its letters for long."""
    last_used = func.coalesce(Pace.next_at, Pace.slowed_at)
    is_counted = Pace.day >= now.date()
    db.session.query(Pace).filter(last_used < now - timedelta(days=1), is_counted.is_not(True)).delete()
