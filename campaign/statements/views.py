"""The page of statements, and leaving one after signing."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.campaigns.views import campaign_or_404
from campaign.db import db
from campaign.i18n import current_locale
from campaign.limits import per_client
from campaign.signing.queries import delivery_of_link, signature_of
from campaign.statements.forms import StatementForm
from campaign.statements.operations import propose
from campaign.statements.queries import PAGE, has_statement, published_statements
from campaign.web import mark, marked

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
    delivery = delivery_of_link(token)
    signature = signature_of(delivery) if delivery else None
    if signature is None or not signature.is_confirmed:
        return redirect(url_for("signing.confirm", token=token), 303)
    campaign = db.session.get_one(Campaign, signature.campaign_id)
    text = campaign.text_in(current_locale())
    form = StatementForm()
    if has_statement(signature.id) and request.method == "GET":
        return render_template("statements/received.html", campaign=campaign, text=text)
    if not form.validate_on_submit():
        status = 422 if form.is_submitted() else 200
        return render_template("statements/add.html", campaign=campaign, text=text, form=form, token=token), status
    propose(signature, form.statement.data or "", clock.now())
    db.session.commit()
    return redirect(url_for("statements.add", token=token), 303)
