"""The page of statements, and leaving one after signing."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.campaigns.views import campaign_or_404
from campaign.db import db
from campaign.i18n import current_locale
from campaign.limits import per_client, retry_after, too_many
from campaign.signing.models import Signature
from campaign.signing.queries import delivery_of_link, signature_of
from campaign.statements.forms import StatementForm
from campaign.statements.operations import propose
from campaign.statements.queries import PAGE, has_statement, published_statements
from campaign.web import error_page, mark, marked

bp = Blueprint("statements", __name__)


@bp.app_context_processor
def offer_statement() -> dict[str, object]:
    """The page of thanks, which stands below this room, offers a place for a statement."""
    return {"statement_form": StatementForm, "has_statement": has_statement}


@bp.get("/<locale:locale>/<slug>/statements/")
def index(locale: str, slug: str) -> str:
    """Published statements, newest first, by pages."""
    campaign = campaign_or_404(slug)
    statements = published_statements(campaign.id, PAGE, marked(request.args.get("before")))
    last = statements[-1] if len(statements) == PAGE else None
    return render_template(
        "statements/index.html",
        campaign=campaign,
        text=campaign.text_in(locale),
        statements=statements,
        next_url=url_for("statements.index", slug=slug, before=mark(last.published_at, last.id)) if last else None,
    )


@bp.route("/<locale:locale>/confirm/<token>/statement", methods=["GET", "POST"])
@per_client
def add(locale: str, token: str) -> ResponseReturnValue:
    """Leave a statement with the signature that this link confirmed."""
    signature = _signature_to_speak_for(token)
    if signature is None:
        return redirect(url_for("signing.confirm", token=token), 303)
    if has_statement(signature.id) and request.method == "GET":
        return _page("received", signature)
    form = StatementForm()
    if not form.validate_on_submit():
        return _page("add", signature, form=form, token=token), 422 if form.is_submitted() else 200
    if not form.is_from_machine:
        propose(signature, form.statement.data or "", clock.now())
        db.session.commit()
    return redirect(url_for("statements.add", token=token), 303)


@bp.errorhandler(RateLimitExceeded)
def slower(_error: RateLimitExceeded) -> ResponseReturnValue:
    """Too many at once: the words are still there."""
    token = (request.view_args or {}).get("token", "")
    signature = _signature_to_speak_for(token)
    if signature is None:
        return error_page(_error, retry_after())
    form = StatementForm()
    form.form_errors = [too_many()]
    return _page("add", signature, form=form, token=token), 429, retry_after()


def _signature_to_speak_for(token: str) -> Signature | None:
    """The confirmed signature of a link that has not expired."""
    delivery = delivery_of_link(token)
    if delivery is None or not delivery.has_live_link(clock.now()):
        return None
    signature = signature_of(delivery)
    return signature if signature is not None and signature.is_confirmed else None


def _page(name: str, signature: Signature, **context: object) -> str:
    campaign = db.session.get_one(Campaign, signature.campaign_id)
    text = campaign.text_in(current_locale())
    return render_template(f"statements/{name}.html", campaign=campaign, text=text, **context)
