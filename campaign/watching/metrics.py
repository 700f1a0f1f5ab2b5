"""Metrics for Prometheus, asked of the database and of /proc when they are scraped. No label names anybody."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from campaign.kept import seldom
from campaign.mailing.models import DeliveryState, MailingState
from campaign.watching import queries
from campaign.watching.queries import OPEN, SILENT_AFTER, Beat

ASKED, MAILING = "asked", "mailing"


@dataclass(frozen=True)
class Snapshot:
    """All that is asked of the database for one scrape; lags in seconds."""

    letters: Mapping[int | None, Mapping[str, int]]
    mailing_states: dict[int, str]
    confirmation_lag: float
    intake_lag: float
    intake_waiting: int
    suppressions: int
    webhook_events: dict[str, int]
    beats: list[Beat]

    @classmethod
    def read(cls, connection: Connection, now: datetime) -> "Snapshot":
        """Ask the database."""
        return cls(
            letters=seldom(connection.engine, "letters", lambda: queries.letters(connection)),
            mailing_states=queries.mailing_states(connection),
            confirmation_lag=queries.confirmation_lag(connection, now),
            intake_lag=queries.intake_lag(connection, now),
            intake_waiting=queries.intake_waiting(connection),
            suppressions=queries.suppressions(connection),
            webhook_events=queries.webhook_events(connection),
            beats=queries.beats(connection, now),
        )

    def lane(self, state: str) -> dict[str, int]:
        """How many letters are in a state, by lane: those that somebody asked for, those of mailings."""
        asked = self.letters.get(None, {}).get(state, 0)
        return {ASKED: asked, MAILING: sum(counts[state] for counts in self.letters.values()) - asked}


class Letters(Collector):
    """Letters, mailings, requests and workers; without a snapshot only that there is none."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        yield _gauge("campaign_database_up", "Whether the database answers.", int(self.snapshot is not None))
        if self.snapshot is not None:
            yield from _letters(self.snapshot)
            yield from _mailings(self.snapshot)
            yield from _lags(self.snapshot)
            yield _webhooks(self.snapshot)
            yield from _workers(self.snapshot.beats)


def _letters(snapshot: Snapshot) -> Iterator[Metric]:
    family = GaugeMetricFamily("campaign_letters", "Letters, by lane and state.", labels=["lane", "state"])
    for state in DeliveryState:
        for lane, count in snapshot.lane(state).items():
            family.add_metric([lane, state], count)
    yield family


def _mailings(snapshot: Snapshot) -> Iterator[Metric]:
    states = list(snapshot.mailing_states.values())
    mailings = GaugeMetricFamily("campaign_mailings", "Mailings, by state.", labels=["state"])
    for state in MailingState:
        mailings.add_metric([state], states.count(state))
    progress = GaugeMetricFamily(
        "campaign_mailing_letters", "Letters of the mailings that are open, by state.", labels=["mailing", "state"]
    )
    for number in (number for number, stands in snapshot.mailing_states.items() if stands in OPEN):
        for held, count in snapshot.letters.get(number, {}).items():
            progress.add_metric([str(number), held], count)
    yield from (mailings, progress)


def _lags(snapshot: Snapshot) -> Iterator[Metric]:
    yield _gauge(
        "campaign_confirmation_lag_seconds",
        "For how long the oldest letter that somebody asked for has been due.",
        snapshot.confirmation_lag,
    )
    yield _gauge(
        "campaign_intake_lag_seconds", "For how long the oldest unopened request has waited.", snapshot.intake_lag
    )
    yield _gauge("campaign_intake_waiting", "Requests that are not opened yet.", snapshot.intake_waiting)
    yield _gauge("campaign_suppressions", "Addresses that are not written to.", snapshot.suppressions)


def _webhooks(snapshot: Snapshot) -> GaugeMetricFamily:
    family = GaugeMetricFamily("campaign_webhook_events", "Events of webhooks not told, by state.", labels=["state"])
    for state, count in snapshot.webhook_events.items():
        family.add_metric([state], count)
    return family


def _workers(beats: list[Beat]) -> Iterator[Metric]:
    living = sum(beat.age < SILENT_AFTER.total_seconds() for beat in beats)
    yield _gauge("campaign_workers", "Workers that beat within the last minute.", living)
    ages = GaugeMetricFamily(
        "campaign_worker_heartbeat_age_seconds", "Time since a worker's last heartbeat.", labels=["worker"]
    )
    for beat in beats:
        ages.add_metric([beat.name], beat.age)
    yield ages


def _gauge(name: str, sentence: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, sentence, value=value)


class WebProcesses(Collector):
    """CPU, memory and files of each web process of this machine, told apart by the label `pid`.

    Whichever of gunicorn's processes is asked tells of all: figures of one of them, at random, would mean nothing.
    """

    def __init__(self, *, under_gunicorn: bool) -> None:
        self.under_gunicorn = under_gunicorn

    def collect(self) -> Iterable[Metric]:
        """The metrics, with the names that every Prometheus client gives them."""
        families: dict[str, Metric] = {}
        for pid in self._pids():
            for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    family.add_sample(sample.name, {"pid": str(pid)}, sample.value)
        return families.values()

    def _pids(self) -> list[int]:
        parent = os.getppid()
        children = Path(f"/proc/{parent}/task/{parent}/children")
        if not self.under_gunicorn or not children.exists():
            return [os.getpid()]
        return [parent, *(int(pid) for pid in children.read_text().split())]


def registry(snapshot: Snapshot | None, *, under_gunicorn: bool) -> CollectorRegistry:
    """What one scrape tells."""
    made = CollectorRegistry()
    for collector in (Letters(snapshot), WebProcesses(under_gunicorn=under_gunicorn)):
        made.register(cast("Collector", collector))
    return made
