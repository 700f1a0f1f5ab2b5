"""The guarded blueprint of the console: who is signed in, what their role allows, that no other site sent it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, cast
from urllib.parse import urlencode

from flask import Blueprint, Flask, abort, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_security import current_user
from flask_wtf.csrf import CSRFError

from campaign import clock
from campaign.db import READING_METHODS
from campaign.errors import Refusal
from campaign.i18n import LOCALES, speak
from campaign.organizers.accounts import csrf
from campaign.organizers.models import Organizer, Role
from campaign.organizers.operations import log_act
from campaign.organizers.queries import role_in
from campaign.organizers.sessions import is_fresh

console = Blueprint("console", __name__, url_prefix="/console")

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]

ANY_ROLE = tuple(Role)

TEXT_BYTES = 512 * 1024
"""What a form may carry: a long text in Urdu takes six bytes a letter on its way, and there are several languages."""

_MAY = "may"
"""The attribute of a view that says who may see it."""


@dataclass(frozen=True)
class Acting:
    """Who acts in this request, and with which role in the campaign at hand."""

    organizer: Organizer
    role: Role | None


class MayNot(Refusal):
    """The role does not allow it."""

    status = 403


def allowed(*roles: Role) -> Callable[[View[P]], View[P]]:
    """The roles that may see a view of one campaign."""
    return _for_whom(roles)


def signed_in() -> Callable[[View[P]], View[P]]:
    """A view that belongs to no campaign: for every organizer."""
    return _for_whom(())


def founding() -> Callable[[View[P]], View[P]]:
    """A view for those who may found campaigns."""
    return _for_whom("found")


def _for_whom(whom: object) -> Callable[[View[P]], View[P]]:
    def decorate(view: View[P]) -> View[P]:
        setattr(view, _MAY, whom)
        return view

    return decorate


def reauthenticated(view: View[P]) -> View[P]:
    """A dangerous view: the password was given a short time ago, or it is asked for again (ASVS 5.0, 7.5.3)."""

    @wraps(view)
    def guarded(*arguments: P.args, **values: P.kwargs) -> ResponseReturnValue:
        if is_fresh():
            return view(*arguments, **values)
        if request.method not in READING_METHODS:
            sentence = _("Some time has passed: please give your password again.")
            return _again(sentence, _verify_url(url_for("console.account")))
        return redirect(_verify_url(request.full_path))

    return guarded


def acting() -> Acting:
    """Who acts in this request."""
    return cast("Acting", g.acting)


def audit(act: str, campaign_id: int | None, **details: str | int) -> None:
    """Write a line of the log about the present organizer; part of the transaction of what it tells."""
    log_act(act, campaign_id, acting().organizer.name, clock.now(), **details)


@console.url_value_preprocessor
def let_texts_be_long(_endpoint: str | None, _values: dict[str, object] | None) -> None:
    """More room than public forms have, before anything reads the form."""
    request.max_content_length = request.max_form_memory_size = TEXT_BYTES


@console.before_request
def guard() -> ResponseReturnValue | None:
    """Let through who may: signed in with a second factor, a member, with a role that the view names."""
    organizer = cast("Organizer", current_user._get_current_object())
    if not organizer.is_authenticated:
        return _to_sign_in()
    speak(session.get("speak") or organizer.locale)
    g.acting = Acting(organizer, _role_here(organizer))
    if request.method not in READING_METHODS:
        try:
            csrf.protect()
        except CSRFError:
            return _again(_("Please look at what you sent, and send it again."), None)
    return None


def _role_here(organizer: Organizer) -> Role | None:
    """The role in the campaign of the address; raises 404 for strangers and MayNot for other roles."""
    may = whom(str(request.endpoint))
    campaign_id = (request.view_args or {}).get("campaign_id")
    if campaign_id is None:
        if may == "found" and not organizer.may_found:
            raise MayNot(_("Only owners may begin a campaign."))
        return None
    role = role_in(organizer.id, campaign_id)
    if role is None:
        abort(404)
    if role not in cast("tuple[Role, ...]", may):
        raise MayNot(_("Your role in this campaign does not include this."))
    return Role(role)


_whom: dict[str, object] = {}


def whom(endpoint: str) -> object:
    """Who may see a console view: roles, none for all who are signed in, or "found"."""
    return _whom[endpoint]


def check_console(app: Flask) -> None:
    """Read from each console view who may see it; raises RuntimeError for one that does not say (ASVS 5.0, 8.2.2)."""
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("console."):
            continue
        may = getattr(app.view_functions[rule.endpoint], _MAY, None)
        is_of_campaign = "campaign_id" in rule.arguments
        if may is None or is_of_campaign != (isinstance(may, tuple) and bool(may)):
            raise RuntimeError(f"{rule.endpoint} does not say who may see it")
        _whom[rule.endpoint] = may


def _to_sign_in() -> ResponseReturnValue:
    """To the sign-in; what was typed in a form that comes too late is kept on the page."""
    sign_in_url = url_for("security.login")
    if request.method in READING_METHODS:
        return redirect(url_for("security.login", next=request.full_path.rstrip("?")))
    return _again(_("You have been signed out in the meantime. What you typed is still here."), sign_in_url)


def _again(sentence: str, first_url: str | None) -> ResponseReturnValue:
    """A page that carries what was sent, to send it again; files and passwords are not carried."""
    kept = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in ("csrf_token", "password", "address")
    ]
    return render_template("console/again.html", sentence=sentence, first_url=first_url, kept=kept), 403


def _verify_url(then: str) -> str:
    return url_for("security.verify", next=then.rstrip("?"))


@console.app_context_processor
def offer() -> dict[str, object]:
    """What the frame of the console needs."""
    present: Acting | None = g.get("acting")
    return {
        "organizer": present.organizer if present else None,
        "role": present.role if present else None,
        "speak_url": speak_url,
        "may_see": may_see,
    }


def speak_url(code: str) -> str:
    """The present page in another language of the console."""
    values = {**request.args, "speak": code} if request.method in READING_METHODS else {"speak": code}
    return f"{request.path}?{urlencode(values)}"


def may_see(endpoint: str) -> bool:
    """Whether the present role may see a view of the campaign at hand; False for one that is not there."""
    present: Acting | None = g.get("acting")
    may = _whom.get(endpoint)
    return present is not None and isinstance(may, tuple) and present.role in may


def keep_language() -> None:
    """Speak the language that somebody chose for the console, and keep it."""
    if not request.path.startswith("/console"):
        return
    chosen = request.args.get("speak")
    if chosen in LOCALES:
        session["speak"] = chosen
    if "speak" in session:
        speak(session["speak"])
