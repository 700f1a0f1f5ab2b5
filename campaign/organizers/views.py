"""The pages of accounts before signing in (invitation, forgotten password), and those of one's own account."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_security import hash_password, logout_user
from sqlalchemy import select

from campaign import clock
from campaign.db import READING_METHODS, db
from campaign.limits import per_client
from campaign.links import token_hash
from campaign.mailing.models import Delivery
from campaign.organizers.console import acting, audit, console, signed_in
from campaign.organizers.forms import ForgotForm, LocaleForm, NewPassword, WelcomeForm
from campaign.organizers.models import Organizer
from campaign.organizers.operations import NameTaken, Order, log_act, open_account, renew_secret, send_errand
from campaign.organizers.queries import sign_ins_of
from campaign.organizers.sessions import present_sign_in
from campaign.work import wake

bp = Blueprint("accounts", __name__, url_prefix="/console")

INVITATION, RESET = "invitation", "reset_password"


def _organizer_of_link(letter: str, token: str) -> tuple[Organizer, Delivery]:
    """Whom a mailed link stands for; 404 for one that was used, is too old, or never was."""
    found = select(Delivery).where(Delivery.link_hash == token_hash(token), Delivery.letter == letter)
    if request.method not in READING_METHODS:
        found = found.with_for_update()  # of two who send it at the same moment, one was first
    delivery = db.session.scalar(found)
    if delivery is None or not delivery.has_live_link(clock.now()):
        abort(404)
    organizer = db.session.get_one(Organizer, delivery.subject_id)
    return (organizer, delivery) if organizer.active else abort(404)


def _use_up(delivery: Delivery) -> None:
    delivery.link_expires_at = None


@bp.route("/welcome/<token>", methods=["GET", "POST"])
@per_client
def welcome(token: str) -> ResponseReturnValue:
    """Accept an invitation: choose a name and a password; the second factor follows."""
    organizer, delivery = _organizer_of_link(INVITATION, token)
    if organizer.password is not None:
        abort(404)
    form = WelcomeForm()
    if not form.validate_on_submit():
        return render_template("console/organizers/welcome.html", form=form), 422 if form.is_submitted() else 200
    _use_up(delivery)
    try:
        open_account(organizer, form.username.data, hash_password(form.password.data), clock.now())
    except NameTaken as taken:
        form.username.errors = (taken.sentence,)
        return render_template("console/organizers/welcome.html", form=form), 422
    db.session.commit()
    return _go_on_to_second_factor(organizer)


def _go_on_to_second_factor(organizer: Organizer) -> ResponseReturnValue:
    plugins = current_app.extensions["accounts"].two_factor_plugins
    answer: ResponseReturnValue = plugins.tf_enter(organizer, False, "password", next_loc=None)
    return answer


@bp.route("/forgot", methods=["GET", "POST"])
@per_client
def forgot() -> ResponseReturnValue:
    """Ask for a letter with a link to a new password. The answer is the same for every name (ASVS 5.0, 6.3.8)."""
    form = ForgotForm()
    if not form.validate_on_submit():
        return render_template("console/organizers/forgot.html", form=form), 422 if form.is_submitted() else 200
    order = Order("reset_password", None, {"username": form.username.data})
    send_errand(order, current_app.extensions["sealer"], None, clock.now())
    db.session.commit()
    wake("errands")
    return redirect(url_for("accounts.forgot_sent"), 303)


@bp.get("/forgot/sent")
def forgot_sent() -> str:
    """What happens next."""
    return render_template("console/organizers/forgot_sent.html")


@bp.route("/reset/<token>", methods=["GET", "POST"])
@per_client
def reset(token: str) -> ResponseReturnValue:
    """A new password by mailed link. All sessions end; the second factor is still asked for."""
    organizer, delivery = _organizer_of_link(RESET, token)
    form = NewPassword()
    if not form.validate_on_submit():
        return render_template("console/organizers/reset.html", form=form), 422 if form.is_submitted() else 200
    organizer.password = hash_password(form.password.data)
    _use_up(delivery)
    renew_secret(organizer)
    log_act("account.password_reset", None, organizer.name, clock.now())
    db.session.commit()
    flash(_("Your new password is set. Please sign in with it."), "good")
    return redirect(url_for("security.login"), 303)


# One's own account


@console.route("/account", methods=["GET", "POST"])
@signed_in()
def account() -> ResponseReturnValue:
    """One's own account: language, password, second factors, sessions."""
    organizer = acting().organizer
    form = LocaleForm(locale=organizer.locale)
    if form.validate_on_submit():
        organizer.locale = organizer.reader.locale = form.locale.data
        session.pop("speak", None)
        db.session.commit()
        return redirect(url_for("console.account"), 303)
    present = present_sign_in()
    open_ones = [one for one in sign_ins_of(organizer.id) if one.is_open(clock.now())]
    return render_template(
        "console/organizers/account.html",
        form=form,
        organizer=organizer,
        passkeys=organizer.webauthn,
        sign_ins=[{"began_at": one.began_at, "seen_at": one.seen_at, "is_this": one is present} for one in open_ones],
    )


@console.post("/account/sign-out-everywhere")
@signed_in()
def account_sign_out_everywhere() -> ResponseReturnValue:
    """End all of one's sessions, this one too."""
    organizer = acting().organizer
    audit("account.signed_out_everywhere", None)
    renew_secret(organizer)
    logout_user()
    db.session.commit()
    flash(_("You are signed out everywhere."), "good")
    return redirect(url_for("security.login"), 303)
