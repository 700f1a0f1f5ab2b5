"""/healthz for load balancers and uptime monitors, /metrics for Prometheus. Neither says anything of anybody."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, abort, current_app, request
from flask.typing import ResponseReturnValue
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from campaign import clock
from campaign.db import db
from campaign.watching.metrics import Snapshot, registry
from campaign.watching.probe import DatabaseAway, Probe
from campaign.watching.queries import WorkerState, confirmation_lag, worker_state

HEALTH_SECONDS = 2.0
METRICS_SECONDS = 10.0
LATE_LETTERS = 300
"""From so many seconds on, a letter that somebody asked for is late."""

NEEDS = ("database", "worker", "letters")

bp = Blueprint("watching", __name__)
health_probe, metrics_probe = Probe(), Probe()  # a scrape must not hold up a load balancer
log = structlog.get_logger()


@dataclass(frozen=True)
class Health:
    """What the database knows of the worker; `lag` in seconds. Nothing before its tables are there."""

    worker: str = "unknown"
    lag: int | None = None

    def has(self, need: str) -> bool:
        """Whether what a monitor needs is there."""
        is_working = self.worker == WorkerState.OK
        is_quick = self.lag is not None and self.lag < LATE_LETTERS
        return {"database": True, "worker": is_working, "letters": is_working and is_quick}[need]


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """200 while web and database serve, else 503; `?need=worker` or `?need=letters` asks for more than that."""
    need = request.args.get("need", "database")
    if need not in NEEDS:
        return {"error": f"need is one of: {', '.join(NEEDS)}"}, 400
    try:
        health = health_probe.ask(db.engine, lambda connection: _health(connection, clock.now()), HEALTH_SECONDS)
    except DatabaseAway as error:
        log.warning("database away", error=str(error))
        return _answer("down", Health()), 503
    return _answer("ok", health), 200 if health.has(need) else 503


def _health(connection: Connection, now: datetime) -> Health:
    connection.execute(text("SELECT 1"))
    try:
        return Health(worker_state(connection, now), int(confirmation_lag(connection, now)))
    except SQLAlchemyError:  # a database that is being migrated serves, too
        return Health()


def _answer(database: str, health: Health) -> dict[str, str | int | None]:
    return {
        "web": "ok",
        "database": database,
        "worker": health.worker,
        "oldest_due_confirmation_seconds": health.lag,
    }


@bp.get("/metrics")
def metrics() -> ResponseReturnValue:
    """What Prometheus scrapes; for this machine, or with the token."""
    if not (_has_token() or _is_from_here()):
        abort(403)
    try:
        found = metrics_probe.ask(db.engine, lambda connection: Snapshot.read(connection, clock.now()), METRICS_SECONDS)
    except DatabaseAway as error:
        log.warning("database away", error=str(error))
        found = None
    is_gunicorn = request.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn")
    return Response(generate_latest(registry(found, under_gunicorn=is_gunicorn)), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _has_token() -> bool:
    """Whether the request carries CAMPAIGN_METRICS_TOKEN as a bearer token (RFC 6750); compared in constant time."""
    token: str = current_app.config["METRICS_TOKEN"]
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


FORWARDED = ("FORWARDED", "REAL_IP", "CLIENT_IP", "CONNECTING_IP", "VIA")
"""What stands in the names of the headers by which proxies say for whom they ask."""


def _is_from_here() -> bool:
    """Whether somebody on this machine asks for themselves: by the loopback, by its name, and through no proxy."""
    proxied = request.environ.get("werkzeug.proxy_fix.orig", {})
    peer = proxied.get("REMOTE_ADDR", request.environ.get("REMOTE_ADDR"))
    names = [name for name in request.environ if name.startswith("HTTP_")]
    is_forwarded = any(mark in name for name in names for mark in FORWARDED)
    return not is_forwarded and _is_loopback(peer) and _is_loopback(urlsplit(f"//{request.host}").hostname)


def _is_loopback(name: str | None) -> bool:
    try:
        return name == "localhost" or ip_address(name or "").is_loopback
    except ValueError:
        return False
