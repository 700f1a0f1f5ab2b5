"""Flask-Security, arranged: names instead of addresses, a second factor always, guesses slowed."""

import base64
import hmac
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any, cast

from flask import Flask, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_limiter import RateLimitExceeded
from flask_security import (
    Security,
    SQLAlchemyUserDatastore,
)
from flask_wtf import CSRFProtect

from campaign import clock
from campaign.db import READING_METHODS, db
from campaign.limits import client_key, limiter, retry_after, too_many
from campaign.organizers.models import Organizer, Passkey
from campaign.organizers.names import LONGEST_NAME, name_key
from campaign.organizers.proofs import (
    SHORTEST,
    NameForm,
    OnceOnlyCodes,
    OnceOnlyTotp,
    OwnPasskeyForm,
    Passkeys,
    Passwords,
)
from campaign.organizers.sessions import COOKIE_KEY, FRESH, SETTING_UP, init_sessions
from campaign.web import error_page

GUESSES_PER_CLIENT = "30 per 15 minutes"
GUESSES_PER_NAME = "10 per 15 minutes"

View = Callable[..., ResponseReturnValue]

csrf = CSRFProtect()


def init_accounts(app: Flask) -> None:
    """Give the app accounts."""
    app.config.update(_settings(app.config["SECRET_KEY"], app.config["PREFERRED_URL_SCHEME"] == "https"))
    csrf.init_app(app)
    # Flask-Security's own roles are not used: a role is one in a campaign.
    security = Security(
        app,
        SQLAlchemyUserDatastore(db, Organizer, None, Passkey),  # type: ignore[arg-type]
        login_form=NameForm,
        wan_signin_response_form=OwnPasskeyForm,
        password_util_cls=Passwords,
        totp_cls=OnceOnlyTotp,
        mf_recovery_codes_util_cls=OnceOnlyCodes,
        webauthn_util_cls=Passkeys,
    )
    security.want_json(lambda _request: False)
    security.principal.identity_loaders.clear()  # it would look at the session for every page, the public ones too
    app.extensions["accounts"] = security
    init_sessions(app)
    app.before_request(_refuse_what_no_form_sends)
    app.view_functions["security.two_factor_rescue"] = _no_rescue
    show = app.view_functions["security.two_factor_token_validation"]
    app.view_functions["security.two_factor_token_validation"] = _codes_after_setup(cast("View", show))
    _limit_guesses(app)


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
        "SECURITY_USERNAME_MIN_LENGTH": 1,  # welcome says which names there are; here any other is nobody's
        "SECURITY_USERNAME_MAX_LENGTH": LONGEST_NAME,
        "SECURITY_USERNAME_ALLOWED_CHARS": None,
        "SECURITY_USER_IDENTITY_ATTRIBUTES": [{"username": {"mapper": name_key}}],
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_MSG_GENERIC_AUTHN_FAILED": (_l("Name and password do not fit together."), "error"),
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_FRESHNESS": FRESH,
        "SECURITY_FRESHNESS_GRACE_PERIOD": timedelta(0),
        "SECURITY_LOGOUT_CSRF": True,
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_REQUIRED": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TWO_FACTOR_POST_SETUP_VIEW": "/console/mf-recovery-codes",
        "SECURITY_TOTP_SECRETS": {"1": _derived(key, "totp")},
        "SECURITY_TOTP_ISSUER": "Campaign",
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES": True,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_N": 8,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_KEYS": [_fernet_key(key, "recovery codes")],
        "SECURITY_WEBAUTHN": True,
        "SECURITY_WAN_RP_NAME": "Campaign",
        "SECURITY_WAN_ALLOW_USER_HINTS": False,  # they would tell whether a name is somebody's
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


def _fernet_key(key: bytes, purpose: str) -> bytes:
    return base64.urlsafe_b64encode(bytes.fromhex(_derived(key, purpose)))


def _refuse_what_no_form_sends() -> None:
    """The account library would take JSON as well, past the limits by name."""
    if request.blueprint == "security" and request.method not in READING_METHODS and request.is_json:
        abort(415)


def _no_rescue() -> ResponseReturnValue:
    """The library's way to write to whoever runs the site, which is not ours."""
    abort(404)


def _codes_after_setup(view: View) -> View:
    """Whoever has just set up the second factor goes to the recovery codes first."""

    def answer(**values: Any) -> ResponseReturnValue:
        sets_up, before = session.get("tf_state") in SETTING_UP, session.get(COOKIE_KEY)
        found = view(**values)
        is_signed_in = session.get(COOKIE_KEY) not in (None, before)
        return redirect(url_for("security.mf_recovery_codes")) if sets_up and is_signed_in else found

    return answer


# Guessing


def _limit_guesses(app: Flask) -> None:
    """Slow down whoever tries many secrets: by client, and by name tried (ASVS 5.0, 6.3.1)."""
    by_client = limiter.limit(GUESSES_PER_CLIENT, methods=["POST"], key_func=client_key)
    by_name = limiter.limit(GUESSES_PER_NAME, methods=["POST"], key_func=_name_tried)
    for name in ("login", "two_factor_token_validation", "mf_recovery", "verify", "change_password"):
        endpoint = f"security.{name}"
        limited = by_name(by_client(cast("View", app.view_functions[endpoint])))
        app.view_functions[endpoint] = _slowed(limited)


def _slowed(view: View) -> View:
    def answer(**values: Any) -> ResponseReturnValue:
        try:
            return view(**values)
        except RateLimitExceeded as error:
            return _slower(error)

    return answer


def _slower(error: RateLimitExceeded) -> ResponseReturnValue:
    """Too many guesses: the name that was typed is still there."""
    if request.endpoint != "security.login":
        return error_page(error, retry_after())
    form = NameForm()
    form.form_errors = [too_many()]
    return render_template("security/login_user.html", login_user_form=form), 429, retry_after()


def _name_tried() -> str:
    typed = request.form.get("username") if request.endpoint == "security.login" else None
    tried = session.get("tf_user_id") or session.get("_user_id") or "" if typed is None else name_key(typed)
    return sha256(f"name {tried}".encode()).hexdigest()
