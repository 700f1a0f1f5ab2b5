"""The console's pages of webhooks: where they go, how they fare; made, tried, paused, given a new secret, deleted."""

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from campaign import clock
from campaign.campaigns.console import campaign_at, first_status, refused
from campaign.db import db
from campaign.organizers.console import allowed, audit, console, reauthenticated
from campaign.organizers.models import Role
from campaign.webhooks.forms import EndpointForm
from campaign.webhooks.models import Endpoint
from campaign.webhooks.operations import (
    AlreadyDone,
    TooMany,
    add_endpoint,
    change_secret,
    pause_endpoint,
    remove_endpoint,
    resume_endpoint,
)
from campaign.webhooks.owing import owe_ping
from campaign.webhooks.queries import endpoint_of, events_of, ping_of, standings
from campaign.webhooks.queueing import retry_events
from campaign.work import wake

LOOKS_AGAIN = "2"
"""Seconds after which the page of a test that is under way loads itself again."""


def _endpoint(campaign_id: int, endpoint_id: int) -> Endpoint:
    return endpoint_of(campaign_id, endpoint_id) or abort(404)


@console.get("/<int:campaign_id>/webhooks/")
@allowed(Role.OWNER)
def webhook_index(campaign_id: int) -> ResponseReturnValue:
    """The webhooks of a campaign, and how they fare."""
    return render_template(
        "console/webhooks/index.html", campaign=campaign_at(campaign_id), standings=standings(campaign_id)
    )


@console.route("/<int:campaign_id>/webhooks/new", methods=["GET", "POST"])
@allowed(Role.OWNER)
@reauthenticated
def webhook_new(campaign_id: int) -> ResponseReturnValue:
    """Add a webhook; the answer is the only page that ever shows its secret."""
    campaign, form = campaign_at(campaign_id), EndpointForm()
    if not form.validate_on_submit():
        return render_template("console/webhooks/new.html", campaign=campaign, form=form), first_status(form)
    try:
        endpoint, secret = add_endpoint(campaign, form.new_endpoint(), current_app.extensions["sealer"], clock.now())
    except (AlreadyDone, TooMany) as error:
        status = refused(form, error)
        return render_template("console/webhooks/new.html", campaign=campaign, form=form), status
    audit("webhook.added", campaign_id, number=endpoint.id, host=endpoint.netloc)
    return _secret_page(endpoint, secret)


def _secret_page(endpoint: Endpoint, secret: str) -> str:
    """Commit, and show a secret, once."""
    page = render_template("console/webhooks/secret.html", campaign=endpoint.campaign, endpoint=endpoint, secret=secret)
    db.session.commit()
    return page


@console.get("/<int:campaign_id>/webhooks/<int:endpoint_id>/")
@allowed(Role.OWNER)
def webhook_show(campaign_id: int, endpoint_id: int) -> ResponseReturnValue:
    """One webhook: what it was told, what came, what can be done with it."""
    endpoint, ping = _endpoint(campaign_id, endpoint_id), ping_of(endpoint_id)
    page = render_template(
        "console/webhooks/show.html",
        campaign=endpoint.campaign,
        endpoint=endpoint,
        events=events_of(endpoint.id),
        ping=ping,
        now=clock.now(),
    )
    is_under_way = ping is not None and ping.settled_at is None
    return page, {"Refresh": LOOKS_AGAIN} if is_under_way else {}


@console.post("/<int:campaign_id>/webhooks/<int:endpoint_id>/try")
@allowed(Role.OWNER)
def webhook_try(campaign_id: int, endpoint_id: int) -> ResponseReturnValue:
    """Send a test, and show what came."""
    owe_ping(_endpoint(campaign_id, endpoint_id), clock.now())
    return _done(campaign_id, endpoint_id, "webhook.tried", _("A test is on its way."))


@console.post("/<int:campaign_id>/webhooks/<int:endpoint_id>/pause")
@allowed(Role.OWNER)
def webhook_pause(campaign_id: int, endpoint_id: int) -> ResponseReturnValue:
    """Send nothing for now."""
    pause_endpoint(_endpoint(campaign_id, endpoint_id))
    return _done(
        campaign_id, endpoint_id, "webhook.paused", _("Paused. What happens meanwhile is told when it goes on.")
    )


@console.post("/<int:campaign_id>/webhooks/<int:endpoint_id>/resume")
@allowed(Role.OWNER)
def webhook_resume(campaign_id: int, endpoint_id: int) -> ResponseReturnValue:
    """Go on."""
    resume_endpoint(_endpoint(campaign_id, endpoint_id), clock.now())
    return _done(campaign_id, endpoint_id, "webhook.resumed", _("It goes on."))


@console.post("/<int:campaign_id>/webhooks/<int:endpoint_id>/retry")
@allowed(Role.OWNER)
def webhook_retry(campaign_id: int, endpoint_id: int) -> ResponseReturnValue:
    """Try at once what failed, and what waits for another try."""
    retry_events(_endpoint(campaign_id, endpoint_id), clock.now())
    return _done(campaign_id, endpoint_id, "webhook.retried", _("It is tried again."))


def _done(campaign_id: int, endpoint_id: int, act: str, sentence: str) -> ResponseReturnValue:
    """Note the act, commit, wake the worker, and back to the page of the webhook."""
    audit(act, campaign_id, number=endpoint_id)
    db.session.commit()
    wake("webhooks", each_time=True)
    flash(sentence, "good")
    return redirect(url_for("console.webhook_show", campaign_id=campaign_id, endpoint_id=endpoint_id), 303)


@console.post("/<int:campaign_id>/webhooks/<int:endpoint_id>/secret")
@allowed(Role.OWNER)
@reauthenticated
def webhook_secret(campaign_id: int, endpoint_id: int) -> ResponseReturnValue:
    """Give it a new secret; the answer is the only page that ever shows it."""
    endpoint = _endpoint(campaign_id, endpoint_id)
    seen = request.form.get("number", 0, type=int)
    secret = change_secret(endpoint, seen, current_app.extensions["sealer"], clock.now())
    audit("webhook.secret_changed", campaign_id, number=endpoint_id)
    return _secret_page(endpoint, secret)


@console.post("/<int:campaign_id>/webhooks/<int:endpoint_id>/delete")
@allowed(Role.OWNER)
@reauthenticated
def webhook_delete(campaign_id: int, endpoint_id: int) -> ResponseReturnValue:
    """Delete it, with all that it was told."""
    endpoint = _endpoint(campaign_id, endpoint_id)
    audit("webhook.deleted", campaign_id, number=endpoint_id, host=endpoint.netloc)
    remove_endpoint(endpoint)
    db.session.commit()
    flash(_("The webhook is deleted."), "good")
    return redirect(url_for("console.webhook_index", campaign_id=campaign_id), 303)
