"""The pages of statements and endorsements; leaving a statement, endorsing, taking an endorsement back."""

from typing import Any

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import public_campaign
from campaign.campaigns.views import campaign_or_404
from campaign.db import db
from campaign.forms import PublicForm
from campaign.i18n import current_locale
from campaign.limits import per_campaign, per_client, retry_after, too_many
from campaign.links import YOURS, link_signer
from campaign.mailing.models import Reader
from campaign.signing.counting.queries import countries_to_choose
from campaign.signing.forms import Filter
from campaign.signing.models import Signature
from campaign.signing.operations import Request, take
from campaign.signing.queries import confirmed_signature, delivery_of_link, reader_by_handle, signature_of
from campaign.statements import operations
from campaign.statements.forms import EndorsementForm, StatementForm
from campaign.statements.models import Endorsement, EndorsementState
from campaign.statements.queries import (
    PAGE,
    Order,
    Place,
    Voice,
    backers,
    endorsement_of,
    endorsements_by,
    has_statement,
    published_endorsements,
    published_statements,
    statement_of,
)
from campaign.web import error_page, mark, marked
from campaign.work import wake

bp = Blueprint("statements", __name__)


@bp.app_context_processor
def offer_statement() -> dict[str, object]:
    """The pages of thanks and "yours", which stand below this room, offer a statement and show endorsements."""
    return {
        "statement_form": StatementForm,
        "has_statement": has_statement,
        "statement_of": statement_of,
        "endorsements_by": endorsements_by,
    }


@bp.get("/<locale:locale>/<slug>/statements/")
def index(locale: str, slug: str) -> str:
    """Published statements, those that were chosen first or the newest, by pages; all, or those from a country."""
    campaign, asked, order = campaign_or_404(slug), Filter.asked("country"), _order()
    after = _placed(request.args.get("before"))
    wanted = asked.wanted()
    found = published_statements(campaign.id, PAGE + 1, after, order, wanted.country) if wanted else []
    last = found[PAGE - 1] if len(found) > PAGE else None
    next_url = url_for("statements.index", slug=slug, before=_mark(last), **_carried(asked, order)) if last else None
    choices = countries_to_choose(campaign.id, locale, asked.country)
    return _page(
        "index", campaign, statements=found[:PAGE], asked=asked, order=order, countries=choices, next_url=next_url
    )


def _order() -> Order:
    name = request.args.get("order", "")
    return Order(name) if name in list(Order) else Order.CHOSEN


def _carried(asked: Filter, order: Order) -> dict[str, Any]:
    """What the next page's address carries on; the usual order is not said."""
    return asked.values | ({"order": order.value} if order != Order.CHOSEN else {})


_CHOSEN = "chosen_"


def _mark(last: Voice) -> str:
    """Marks the last statement of a page in the next page's address."""
    return f"{_CHOSEN if last.is_chosen else ''}{mark(last.published_at, last.id)}"


def _placed(text: str | None) -> Place | None:
    """The place that a mark stands for; None for no mark, or one that somebody made up."""
    found = marked((text or "").removeprefix(_CHOSEN))
    return ((text or "").startswith(_CHOSEN), *found) if found else None


@bp.route("/<locale:locale>/confirm/<token>/statement", methods=["GET", "POST"])
@per_client
def add(locale: str, token: str) -> ResponseReturnValue:
    """Leave a statement with the signature that this link confirmed."""
    signature = _signature_to_speak_for(token)
    if signature is None:
        return redirect(url_for("signing.confirm", token=token), 303)
    if has_statement(signature.id) and request.method == "GET":
        return _page("received", signature.campaign)
    form = StatementForm()
    if not form.validate_on_submit():
        return _page("add", signature.campaign, form=form, token=token), 422 if form.is_submitted() else 200
    if not form.is_from_machine:
        operations.propose(signature, form.statement.data or "", clock.now())
        db.session.commit()
    return redirect(url_for("statements.add", token=token), 303)


@bp.errorhandler(RateLimitExceeded)
def slower(error: RateLimitExceeded) -> ResponseReturnValue:
    """Too many at once: what was typed is still there."""
    values = request.view_args or {}
    if request.endpoint == "statements.endorse":
        campaign = public_campaign(values["slug"])
        return _again("endorse", campaign, EndorsementForm()) if campaign else error_page(error, retry_after())
    signature = _signature_to_speak_for(values.get("token", "")) if request.endpoint == "statements.add" else None
    if signature is None:
        return error_page(error, retry_after())
    return _again("add", signature.campaign, StatementForm(), token=values["token"])


def _again(name: str, campaign: Campaign, form: PublicForm, **context: object) -> ResponseReturnValue:
    form.form_errors = [too_many()]
    return _page(name, campaign, form=form, **context), 429, retry_after()


def _signature_to_speak_for(token: str) -> Signature | None:
    """The confirmed signature of a link that has not expired."""
    delivery = delivery_of_link(token)
    if delivery is None or not delivery.has_live_link(clock.now()):
        return None
    signature = signature_of(delivery)
    return signature if signature is not None and signature.is_confirmed else None


def _page(name: str, campaign: Campaign, **context: object) -> str:
    text = campaign.text_in(current_locale())
    return render_template(f"statements/{name}.html", campaign=campaign, text=text, **context)


@bp.route("/<locale:locale>/yours/<token>/statement", methods=["GET", "POST"])
@per_client
def yours_to_say(locale: str, token: str) -> ResponseReturnValue:
    """What the holder of this link has said: say it, say it otherwise, take it back."""
    reader = reader_by_handle(link_signer().read(YOURS, token))
    signature = (confirmed_signature(reader.id) if reader else None) or abort(404)
    said = statement_of(signature.id)
    form = StatementForm(data={"statement": said.body if said else ""})
    is_leaving = request.form.get("action") == "take_back"
    if not is_leaving and not form.validate_on_submit():
        status = 422 if form.is_submitted() else 200
        context = {"form": form, "statement": said, "token": token, "saved": "saved" in request.args}
        return _page("your_words", signature.campaign, **context), status
    if is_leaving and said is not None:
        operations.take_statement_back(said)
    elif not is_leaving and not form.is_from_machine:
        operations.say(signature, form.statement.data or "", clock.now())
    db.session.commit()
    wake("scrub", each_time=True)
    return redirect(url_for("statements.yours_to_say", token=token, saved=""), 303)


# Endorsements


@bp.get("/<locale:locale>/<slug>/endorsements/")
def endorsements(locale: str, slug: str) -> str:
    """Approved endorsements, those that speak for most first, by pages."""
    campaign = campaign_or_404(slug)
    shown = published_endorsements(campaign.id, locale, PAGE, _weighed(request.args.get("after")))
    last = shown[-1] if len(shown) == PAGE else None
    next_url = url_for("statements.endorsements", slug=slug, after=f"{last.weight}_{last.id}") if last else None
    return _page("endorsements", campaign, endorsements=shown, endorsed=backers(campaign.id), next_url=next_url)


def _weighed(text: str | None) -> tuple[int, int] | None:
    """The weight and the number of the last endorsement of a page; None for what somebody made up."""
    try:
        weight, number = (int(part) for part in (text or "").split("_"))
    except ValueError:
        return None
    return (weight, number) if 0 <= weight < 2**31 and 0 <= number < 2**31 else None


@bp.route("/<locale:locale>/<slug>/endorse", methods=["GET", "POST"])
@per_client
@per_campaign
def endorse(locale: str, slug: str) -> ResponseReturnValue:
    """Take an endorsement in. The answer is the same whoever's address it is."""
    campaign = campaign_or_404(slug)
    if not campaign.is_signable:
        return redirect(url_for("pages.campaign", slug=slug))
    form = EndorsementForm()
    if not form.validate_on_submit():
        return _page("endorse", campaign, form=form), 422 if form.is_submitted() else 200
    sent_url = url_for("signing.sent", slug=slug)  # before the commit, after which the row would be read again
    if not form.is_from_machine:
        _take(campaign, form.request())
    return redirect(sent_url, 303)


def _take(campaign: Campaign, typed: Request) -> None:
    take(campaign, typed, current_app.extensions["sealer"], clock.now())
    db.session.commit()
    wake("intake")


@bp.route("/<locale:locale>/confirm/<token>/endorsement", methods=["GET", "POST"])
def confirm_endorsement(locale: str, token: str) -> ResponseReturnValue:
    """GET shows what will be confirmed (mail scanners follow links); POST confirms, and twice is fine."""
    delivery = delivery_of_link(token)
    endorsement = endorsement_of(delivery)
    if delivery is None or endorsement is None:
        return redirect(url_for("signing.confirm", token=token), 303)  # which says that the link does not work
    campaign = db.session.get_one(Campaign, endorsement.campaign_id)
    if not delivery.has_live_link(clock.now()):
        return _page("expired", campaign, token=token), 410
    if request.method == "POST":
        operations.confirm_endorsement(endorsement, clock.now())
        db.session.commit()
        wake("endorsements")
        return redirect(url_for("statements.confirm_endorsement", token=token), 303)
    if endorsement.state == EndorsementState.UNCONFIRMED:
        return _page("confirm", campaign)
    return _page("endorsed", campaign, yours_url=_yours_url(delivery.reader))


def _yours_url(reader: Reader | None) -> str | None:
    return url_for("signing.yours", token=link_signer().sign(YOURS, reader.handle)) if reader else None


@bp.post("/<locale:locale>/confirm/<token>/endorsement/again")
@per_client
def endorse_again(locale: str, token: str) -> ResponseReturnValue:
    """A new letter to whoever had the expired one; the worker knows the address, we do not."""
    delivery = delivery_of_link(token)
    endorsement = endorsement_of(delivery)
    if delivery is None or endorsement is None:
        abort(404)
    campaign = db.session.get_one(Campaign, endorsement.campaign_id)
    sent_url = url_for("signing.sent", slug=campaign.slug)
    _take(campaign, Request(kind="endorse again", locale=locale, delivery_id=delivery.id))
    return redirect(sent_url, 303)


@bp.route("/<locale:locale>/yours/<token>/endorsement/<int:number>", methods=["GET", "POST"])
def take_back(locale: str, token: str, number: int) -> ResponseReturnValue:
    """What the holder of this link has endorsed: see it, take it back."""
    reader = reader_by_handle(link_signer().read(YOURS, token))
    endorsement = _endorsement_by(reader, number)
    if reader is None or endorsement is None:
        abort(404)
    campaign = db.session.get_one(Campaign, endorsement.campaign_id)
    if request.method == "GET":
        return _page("yours", campaign, endorsement=endorsement, token=token)
    operations.take_endorsement_back(endorsement)
    db.session.commit()
    wake("scrub", each_time=True)
    return _page("taken_back", campaign)


def _endorsement_by(reader: Reader | None, number: int) -> Endorsement | None:
    endorsed = endorsements_by(reader.id) if reader else []
    return next((endorsement for endorsement in endorsed if endorsement.id == number), None)
