"""Sessions: the cookie names one, the database says whether it goes on."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Any

from flask import Flask, Response, abort, current_app, g, request, session
from flask_login import user_logged_out
from flask_login.utils import _user_context_processor
from flask_security import (
    password_changed,
    tf_profile_changed,
    user_authenticated,
    wan_deleted,
    wan_registered,
)
from flask_security.tf_plugin import tf_clean_session
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from campaign import clock
from campaign.db import READING_METHODS, db
from campaign.organizers.models import IDLE, Organizer, SignIn
from campaign.organizers.operations import log_act, sign_in, sign_out, sign_out_everywhere

FRESH = timedelta(minutes=10)
"""A dangerous act asks for the password again when it was last given longer ago (ASVS 5.0, 7.5.3)."""

SEEN_EVERY = timedelta(minutes=1)
COOKIE_KEY = "sign_in"
HALFWAY = "halfway_since"
GIVES_FIRST_FACTOR = ("security.login", "security.wan_signin_response", "accounts.welcome")
SETTING_UP = ("setup_from_login", "validating_profile")


def init_sessions(app: Flask) -> None:
    """Let sessions begin, go on and end."""
    manager = app.login_manager  # type: ignore[attr-defined]
    manager.session_protection = None  # it would make a mark of the browser and the address of the machine
    manager.request_loader(lambda _request: None)  # Flask-Security's tokens outlive the session that they came from
    manager.user_loader(_only_of_open_sessions(manager._user_callback))
    # These two look at each visitor's session, so that the public pages would vary with the cookie.
    app.after_request_funcs[None].remove(manager._update_remember_cookie)
    app.template_context_processors[None].remove(_user_context_processor)
    user_authenticated.connect(_begin, app)
    user_logged_out.connect(_end, app)
    _log_changes(app)
    app.before_request(_forget_halfway)
    app.after_request(_note_halfway)


def _begin(_app: Flask, user: Organizer, authn_via: list[str] | None = None, **_named: Any) -> None:
    """A new token, whatever the cookie held before (ASVS 5.0, 7.2.4); a new password ends the other sessions."""
    if not user.active:
        abort(403)
    sign_out(session.pop(COOKIE_KEY, ""))
    if authn_via == ["change"]:
        sign_out_everywhere(user)
    for holder in (session, g):  # what guards forms is new, too
        holder.pop("csrf_token", None)
    token = os.urandom(32).hex()
    sign_in(user, token, clock.now())
    session[COOKIE_KEY] = token


def _end(_app: Flask, **_named: Any) -> None:
    sign_out(session.pop(COOKIE_KEY, ""))
    db.session.commit()


def present_sign_in() -> SignIn | None:
    """The session of the present request, if it goes on."""
    found = select(SignIn).where(SignIn.token_hash == sha256(str(session.get(COOKIE_KEY, "")).encode()).digest())
    present = db.session.scalar(found)
    return present if present is not None and present.is_open(clock.now()) else None


def _only_of_open_sessions(load: Callable[[str], Organizer | None]) -> Callable[[str], Organizer | None]:
    def load_if_open(uniquifier: str) -> Organizer | None:
        present = present_sign_in()
        organizer = load(uniquifier) if present is not None else None
        if present is None or organizer is None or organizer.id != present.organizer_id:
            return None
        _see(present)
        return organizer

    return load_if_open


def _see(present: SignIn) -> None:
    """Note once a minute that a session is used.

    Reading pages write nothing, so this has a transaction of its own; in a request that writes, SQLite's lock is ours
    already and another transaction would wait for it in vain.
    """
    now = clock.now()
    if now - present.seen_at < SEEN_EVERY:
        return
    if request.method not in READING_METHODS:
        present.seen_at = now
        return
    with suppress(OperationalError), db.engine.begin() as connection:  # busy: the next page notes it
        connection.execute(update(SignIn).where(SignIn.id == present.id).values(seen_at=now))


def is_fresh() -> bool:
    """Whether the password, or a passkey, was given a short time ago."""
    return time.time() - float(session.get("fs_paa", 0)) < FRESH.total_seconds()


_LOGGED = (
    (password_changed, "account.password_changed"),
    (tf_profile_changed, "account.factor_added"),
    (wan_registered, "account.factor_added"),
    (wan_deleted, "account.factor_removed"),
)


def _log_changes(app: Flask) -> None:
    """What Flask-Security changes about an account stands in the log."""
    for signal, act in _LOGGED:

        def log(_app: Flask, user: Organizer, act: str = act, **_named: Any) -> None:
            log_act(act, None, user.name, clock.now())

        signal.connect(log, app, weak=False)


# Between the first factor and the second, Flask-Security keeps in the cookie alone who it is and what comes next


def _note_halfway(response: Response) -> Response:
    if request.method == "POST" and request.endpoint in GIVES_FIRST_FACTOR and "tf_user_id" in session:
        session[HALFWAY] = time.time()
    return response


def _forget_halfway() -> None:
    """Forget a first factor given long ago, and a setting up that was finished elsewhere: cookies can be copied."""
    if not request.path.startswith("/console") or "tf_user_id" not in session:
        return
    is_old = time.time() - float(session.get(HALFWAY, 0)) > IDLE.total_seconds()
    if is_old or (session.get("tf_state") in SETTING_UP and _has_second_factor(session["tf_user_id"])):
        tf_clean_session()  # type: ignore[no-untyped-call]


def _has_second_factor(uniquifier: str) -> bool:
    organizer = current_app.extensions["accounts"].datastore.find_user(fs_uniquifier=uniquifier)
    return organizer is not None and organizer.tf_totp_secret is not None
