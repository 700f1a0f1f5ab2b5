"""Rate limits by a keyed hash of the client's address. The key is random and dies with its day."""

import hashlib
import hmac
import os
from datetime import date

from flask import Flask, current_app, request
from flask_babel import gettext as _
from flask_limiter import Limiter
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from campaign import clock
from campaign.config import Config
from campaign.db import Base, db

limiter = Limiter(key_func=lambda: client_key(), strategy="moving-window", in_memory_fallback_enabled=True)


class DailyKey(Base):
    """The key of a day's rate limits, shared by all web processes. The worker deletes those of earlier days."""

    __tablename__ = "daily_keys"

    day: Mapped[date] = mapped_column(primary_key=True)
    key: Mapped[bytes]


def init_limits(app: Flask, config: Config) -> None:
    """Two buckets: per client and per campaign."""
    app.config["RATELIMIT_STORAGE_URI"] = config.limits_url
    app.config["RATELIMIT_HEADERS_ENABLED"] = False
    app.config["LIMIT_PER_CLIENT"] = config.limit_per_client
    app.config["LIMIT_PER_CAMPAIGN"] = config.limit_per_campaign
    app.config["RATELIMIT_IN_MEMORY_FALLBACK"] = config.limit_per_client
    limiter.init_app(app)
    app.extensions["daily_keys"] = {}


per_client = limiter.shared_limit(
    lambda: str(current_app.config["LIMIT_PER_CLIENT"]), scope="client", methods=["POST"], key_func=lambda: client_key()
)
per_campaign = limiter.shared_limit(
    lambda: str(current_app.config["LIMIT_PER_CAMPAIGN"]),
    scope="campaign",
    methods=["POST"],
    key_func=lambda: str((request.view_args or {}).get("slug")),
)


def client_key() -> str:
    """Stands for the client's address today; tomorrow nobody can tell for whom it stood."""
    return hmac.new(_key_of(clock.today()), (request.remote_addr or "").encode(), hashlib.sha256).hexdigest()


def too_many() -> str:
    """What a form says when its limit is reached."""
    return _("Too many requests came from where you are. What you typed is still here: please try again in a while.")


def retry_after() -> dict[str, str]:
    """The header that says when the limit lets through again (RFC 9110, section 10.2.3)."""
    limit = limiter.current_limit
    seconds = limit.reset_at - clock.now().timestamp() if limit else 0
    return {"Retry-After": str(max(1, int(seconds)))}


def forget_keys() -> None:
    """Delete the keys of earlier days."""
    db.session.execute(delete(DailyKey).where(DailyKey.day < clock.today()))


def _key_of(day: date) -> bytes:
    known: dict[date, bytes] = current_app.extensions["daily_keys"]
    if day not in known:
        known.clear()
        known[day] = _stored_key(day)
    return known[day]


def _stored_key(day: date) -> bytes:
    stored = select(DailyKey.key).where(DailyKey.day == day)
    key = db.session.scalar(stored)
    if key is not None:
        return key
    db.session.add(DailyKey(day=day, key=os.urandom(32)))
    try:
        db.session.commit()
    except IntegrityError:  # another process was first
        db.session.rollback()
    return db.session.scalars(stored).one()
