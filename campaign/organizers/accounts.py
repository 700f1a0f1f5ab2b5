"""Flask-Security, arranged: names instead of addresses, a second factor always, sessions that can be ended."""

import hmac
import os
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any, cast

from flask import Flask, current_app, request, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import user_logged_out
from flask_security import LoginForm, PasswordUtil, Security, SQLAlchemyUserDatastore, UserMixin, user_authenticated
from flask_security.totp import Totp
from flask_wtf import CSRFProtect
from sqlalchemy import select, update
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from campaign import clock
from campaign.db import db
from campaign.forms import one_line
from campaign.limits import client_key, limiter
from campaign.organizers.models import Organizer, Passkey, SignIn
from campaign.organizers.operations import sign_in, sign_out, sign_out_everywhere

SHORTEST = 12
"""Characters of a password (ASVS 5.0, 6.2.1); there is no upper bound below what a form may carry (6.2.9)."""

FRESH = timedelta(minutes=10)
"""A dangerous act asks for the password again when it was last given longer ago (ASVS 5.0, 7.5.3)."""

SEEN_EVERY = timedelta(minutes=1)
COOKIE_KEY = "sign_in"
GUESSES_PER_CLIENT = "30 per 15 minutes"
GUESSES_PER_NAME = "10 per 15 minutes"

_COMMON = frozenset(FREQUENCY_LISTS["passwords"])

csrf = CSRFProtect()


def password_problem(password: str) -> str | None:
    """What is wrong with a new password, if anything."""
    if len(password) < SHORTEST:
        return _("Please take %(count)d characters or more: a few random words are good.", count=SHORTEST)
    if password.lower() in _COMMON or len(set(password)) < SHORTEST // 3:
        return _("This is one of the passwords that are tried first. Please take another.")
    return None


class Passwords(PasswordUtil):
    """Long enough, and none of those that are tried first (ASVS 5.0, 6.2.4). No rules about kinds of characters."""

    def validate(self, password: str, is_register: bool, **_named: Any) -> tuple[list[str] | None, str]:
        """What is wrong with a password, if anything, and the password as it is hashed."""
        normal = self.normalize(password)
        problem = password_problem(normal)
        return [problem] if problem else None, normal


class OnceOnlyTotp(Totp):
    """A code from the authenticator works once (RFC 6238, section 5.2)."""

    def get_last_counter(self, user: UserMixin) -> int | None:
        """The counter of the last code that worked."""
        return cast("Organizer", user).tf_last_counter

    def set_last_counter(self, user: UserMixin, tmatch: Any) -> None:
        """Remember it."""
        cast("Organizer", user).tf_last_counter = tmatch.counter
        db.session.flush()


class NameForm(LoginForm):
    """Signing in by name. One sentence says that it failed, whatever was wrong (ASVS 5.0, 6.3.8)."""

    email = None  # type: ignore[assignment]
    remember = None  # type: ignore[assignment]


def init_accounts(app: Flask) -> None:
    """Give the app accounts."""
    app.config.update(_settings(app.config["SECRET_KEY"], app.config["PREFERRED_URL_SCHEME"] == "https"))
    csrf.init_app(app)
    # Flask-Security's own roles are not used: a role is one in a campaign.
    datastore = SQLAlchemyUserDatastore(db, Organizer, None, Passkey)  # type: ignore[arg-type]
    security = Security(app, datastore, login_form=NameForm, password_util_cls=Passwords, totp_cls=OnceOnlyTotp)
    manager = app.login_manager  # type: ignore[attr-defined]
    manager.session_protection = None  # it would make a mark of the browser and the address of the machine
    manager.user_loader(_only_of_open_sessions(manager._user_callback))
    user_authenticated.connect(_begin_session, app)
    user_logged_out.connect(_end_session, app)
    _limit_guesses(app)
    app.extensions["accounts"] = security


def _settings(key: bytes, is_secure: bool) -> dict[str, Any]:
    return {
        "SECURITY_URL_PREFIX": "/console",
        "SECURITY_STATIC_FOLDER": None,
        "SECURITY_STATIC_FOLDER_URL": None,
        "SECURITY_PASSWORD_SALT": _derived(key, "password"),
        "SECURITY_PASSWORD_SINGLE_HASH": True,  # argon2 needs no second one around it
        "SECURITY_PASSWORD_LENGTH_MIN": SHORTEST,
        "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_USERNAME_ENABLE": True,
        "SECURITY_USERNAME_MIN_LENGTH": 2,
        "SECURITY_USERNAME_MAX_LENGTH": 64,
        "SECURITY_USER_IDENTITY_ATTRIBUTES": [{"username": {"mapper": one_line, "case_insensitive": True}}],
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_MSG_GENERIC_AUTHN_FAILED": (_l("Name and password do not fit together."), "error"),
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_FRESHNESS": FRESH,
        "SECURITY_FRESHNESS_GRACE_PERIOD": timedelta(0),
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_REQUIRED": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TWO_FACTOR_POST_SETUP_VIEW": "/console/mf-recovery-codes",
        "SECURITY_TOTP_SECRETS": {"1": _derived(key, "totp")},
        "SECURITY_TOTP_ISSUER": "Campaign",
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES": True,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_N": 8,
        "SECURITY_WEBAUTHN": True,
        "SECURITY_WAN_RP_NAME": "Campaign",
        "SECURITY_DATETIME_FACTORY": clock.now,
        "SECURITY_POST_LOGIN_VIEW": "/console/",
        "SECURITY_POST_LOGOUT_VIEW": "/console/login",
        "SECURITY_POST_CHANGE_VIEW": "/console/account",
        "SECURITY_WAN_POST_REGISTER_VIEW": "/console/account",
        "WTF_CSRF_CHECK_DEFAULT": False,  # public pages carry no token; the console checks every POST itself
        "WTF_CSRF_TIME_LIMIT": None,  # it lives as long as the session
        "SESSION_COOKIE_NAME": "__Host-campaign" if is_secure else "campaign",
        "SESSION_COOKIE_HTTPONLY": True,
    }


def _derived(key: bytes, purpose: str) -> str:
    return hmac.new(key, f"accounts {purpose}".encode(), sha256).hexdigest()


# Sessions: the cookie names one, the database says whether it goes on


def _begin_session(_app: Flask, user: Organizer, **_named: Any) -> None:
    token = os.urandom(32).hex()
    sign_in(user, token, clock.now())
    session[COOKIE_KEY] = token


def _end_session(_app: Flask, **_named: Any) -> None:
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
    """Note that a session is used: once a minute, in a transaction of its own, since reading pages writes nothing."""
    now = clock.now()
    if now - present.seen_at < SEEN_EVERY:
        return
    with db.engine.begin() as connection:
        connection.execute(update(SignIn).where(SignIn.id == present.id).values(seen_at=now))


def is_fresh() -> bool:
    """Whether the password, or a passkey, was given a short time ago."""
    return time.time() - float(session.get("fs_paa", 0)) < FRESH.total_seconds()


def renew_secret(organizer: Organizer) -> None:
    """A new password: every session ends, links and cookies of before are worth nothing."""
    current_app.extensions["accounts"].datastore.set_uniquifier(organizer)
    sign_out_everywhere(organizer)


# Guessing


def _limit_guesses(app: Flask) -> None:
    """Slow down whoever tries many secrets: by client, and by name tried (ASVS 5.0, 6.3.1)."""
    by_client = limiter.limit(GUESSES_PER_CLIENT, methods=["POST"], key_func=client_key)
    by_name = limiter.limit(GUESSES_PER_NAME, methods=["POST"], key_func=_name_tried)
    for name in ("login", "two_factor_token_validation", "mf_recovery", "verify"):
        endpoint = f"security.{name}"
        app.view_functions[endpoint] = by_name(by_client(app.view_functions[endpoint]))  # type: ignore[assignment]


def _name_tried() -> str:
    tried = request.form.get("username") or session.get("tf_user_id") or session.get("_user_id") or ""
    return sha256(f"name {one_line(tried).lower()}".encode()).hexdigest()
