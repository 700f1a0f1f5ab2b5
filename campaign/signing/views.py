"""Signing, confirming, following, and "yours"."""

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded

from campaign import clock
from campaign.campaigns.models import Campaign, CampaignState
from campaign.campaigns.queries import campaigns_in, public_campaign
from campaign.campaigns.views import campaign_or_404
from campaign.db import READING_METHODS, db
from campaign.forms import PublicForm
from campaign.i18n import current_locale
from campaign.ledger.queries import signer_number
from campaign.limits import per_campaign, per_client, retry_after, too_many
from campaign.links import YOURS, link_signer
from campaign.mailing.models import Delivery, News, Reader
from campaign.signing import operations
from campaign.signing.forms import FollowerForm, FollowForm, LinkForm, SignForm, YoursForm
from campaign.signing.models import Appear, Signature
from campaign.signing.operations import Request
from campaign.signing.queries import (
    CONFIRM_A_SIGNATURE,
    TO_CONFIRM,
    delivery_of_link,
    reader_by_handle,
    signature_of,
    standing_signature,
)
from campaign.web import error_page
from campaign.work import wake

bp = Blueprint("signing", __name__)

FORMS: dict[str, type[SignForm | FollowForm | LinkForm]] = {"sign": SignForm, "follow": FollowForm, "link": LinkForm}


@bp.route("/<locale:locale>/<slug>/sign", methods=["GET", "POST"])
@per_client
@per_campaign
def sign(locale: str, slug: str) -> ResponseReturnValue:
    """Take a signature in."""
    campaign = campaign_or_404(slug)
    if not campaign.is_signable:
        return redirect(url_for("signing.follow", slug=slug))
    return _ask("sign", campaign)


@bp.route("/<locale:locale>/<slug>/follow", methods=["GET", "POST"])
@per_client
@per_campaign
def follow(locale: str, slug: str) -> ResponseReturnValue:
    """Take in an address that wants news without signing."""
    return _ask("follow", campaign_or_404(slug))


@bp.route("/<locale:locale>/<slug>/link", methods=["GET", "POST"])
@per_client
@per_campaign
def link(locale: str, slug: str) -> ResponseReturnValue:
    """Mail a lost link again, to whoever has one."""
    return _ask("link", campaign_or_404(slug))


def _ask(name: str, campaign: Campaign) -> ResponseReturnValue:
    """Show a form; take in what it holds. The answer is the same whoever's address it is."""
    form = FORMS[name]()
    if not form.is_submitted():
        return _form_page(name, campaign, form)
    if not form.validate():
        return _form_page(name, campaign, form), 422
    sent_page = url_for(
        "signing.sent", slug=campaign.slug
    )  # before the commit, after which the row would be read again
    if not form.is_from_machine:
        take_in(campaign, form.request())
    return redirect(sent_page, 303)


def take_in(campaign: Campaign, typed: Request) -> None:
    """Seal a request, commit it, and wake the worker. Looks nothing up."""
    operations.take(campaign, typed, current_app.extensions["sealer"], clock.now())
    db.session.commit()
    wake("intake")


def _form_page(name: str, campaign: Campaign, form: PublicForm) -> str:
    text = campaign.text_in(current_locale())
    return render_template(f"signing/{name}.html", campaign=campaign, text=text, form=form)


@bp.errorhandler(RateLimitExceeded)
def slower(error: RateLimitExceeded) -> ResponseReturnValue:
    """Too many at once: what was typed is still there."""
    campaign = public_campaign((request.view_args or {}).get("slug", ""))
    name = (request.endpoint or "").rpartition(".")[2]
    if campaign is None or name not in FORMS:
        return error_page(error, retry_after())
    form = FORMS[name]()
    form.form_errors = [too_many()]
    return _form_page(name, campaign, form), 429, retry_after()


@bp.get("/<locale:locale>/<slug>/sent")
def sent(locale: str, slug: str) -> ResponseReturnValue:
    """Look in your inbox."""
    campaign = campaign_or_404(slug)
    return render_template("signing/sent.html", campaign=campaign, text=campaign.text_in(locale))


@bp.route("/<locale:locale>/confirm/<token>", methods=["GET", "POST"])
def confirm(locale: str, token: str) -> ResponseReturnValue:
    """GET shows what will be confirmed (mail scanners follow links); POST confirms, and twice is fine."""
    delivery = _delivery_to_confirm(token)
    if delivery is None or delivery.reader is None:
        return _expired_page(None, token), 404
    if not delivery.has_live_link(clock.now()):
        return _expired_page(delivery, token), 410
    return _confirm(delivery, delivery.reader, token)


def _delivery_to_confirm(token: str) -> Delivery | None:
    """The delivery of a link of this room; links of other rooms fit nothing here."""
    delivery = delivery_of_link(token)
    return delivery if delivery and delivery.letter in TO_CONFIRM else None


def _confirm(delivery: Delivery, reader: Reader, token: str) -> ResponseReturnValue:
    signature = signature_of(delivery)
    if delivery.letter in CONFIRM_A_SIGNATURE and signature is None:
        return _expired_page(None, token), 404
    if signature is not None and signature.is_invalidated:
        return redirect(_yours_url(reader), 303)  # which says so
    if request.method == "POST":
        _confirm_now(signature, reader)
        return redirect(url_for("signing.confirm", token=token), 303)
    is_done = (
        signature.is_confirmed if signature else reader.confirmed_at is not None and reader.unsubscribed_at is None
    )
    return _thanks_page(reader, signature, token) if is_done else _confirm_page(reader, signature)


def _confirm_now(signature: Signature | None, reader: Reader) -> None:
    if signature is not None:
        operations.confirm(signature, clock.now())
    else:
        operations.confirm_following(reader, clock.now())
    db.session.commit()
    wake("ledger")
    wake("names")


def _confirm_page(reader: Reader, signature: Signature | None) -> str:
    campaign = db.session.get_one(Campaign, reader.campaign_id)
    text = campaign.text_in(current_locale())
    return render_template("signing/confirm.html", campaign=campaign, text=text, signature=signature)


def _thanks_page(reader: Reader, signature: Signature | None, token: str) -> str:
    campaign = db.session.get_one(Campaign, reader.campaign_id)
    return render_template(
        "signing/thanks.html",
        campaign=campaign,
        text=campaign.text_in(current_locale()),
        number=signer_number(campaign.id, signature.commitment) if signature else None,
        signature=signature,
        yours_url=_yours_url(reader),
        token=token,
    )


def _yours_url(reader: Reader) -> str:
    return url_for("signing.yours", token=link_signer().sign(YOURS, reader.handle))


def _expired_page(delivery: Delivery | None, token: str) -> str:
    campaigns = [] if delivery else campaigns_in(CampaignState.OPEN)
    items = [{"campaign": campaign, "text": campaign.text_in(current_locale())} for campaign in campaigns]
    return render_template("signing/expired.html", token_known=delivery is not None, token=token, open_campaigns=items)


@bp.post("/<locale:locale>/confirm/<token>/again")
@per_client
def again(locale: str, token: str) -> ResponseReturnValue:
    """A new letter to whoever had the expired one; the worker knows the address, we do not."""
    delivery = _delivery_to_confirm(token)
    if delivery is None or delivery.reader is None:
        return _expired_page(None, token), 404
    campaign = db.session.get_one(Campaign, delivery.reader.campaign_id)
    take_in(campaign, Request(kind="again", locale=locale, delivery_id=delivery.id))
    return redirect(url_for("signing.sent", slug=campaign.slug), 303)


@bp.route("/<locale:locale>/yours/<token>", methods=["GET", "POST"])
def yours(locale: str, token: str) -> ResponseReturnValue:
    """What I signed: see it, change it, take it back, have it forgotten."""
    handle = link_signer().read(YOURS, token)
    reader = reader_by_handle(handle)
    if reader is None:
        return (_gone_page("erased"), 410) if handle else (_expired_page(None, token), 404)
    signature = standing_signature(reader.id)
    form = _yours_form(reader, signature)
    if request.method in READING_METHODS:
        return _yours_page(reader, signature, form)
    act = _ACTS.get(request.form.get("action", ""), _save)
    return act(reader, signature, form)


def _yours_form(reader: Reader, signature: Signature | None) -> YoursForm | FollowerForm:
    news = News.NONE if reader.unsubscribed_at else reader.news
    chosen = {"news": news, "language": reader.locale}
    if signature is None:
        return FollowerForm(data=chosen)
    return YoursForm(data=chosen | {"appear": signature.appear, "may_contact": signature.may_contact})


def _yours_page(reader: Reader, signature: Signature | None, form: PublicForm) -> str:
    campaign = db.session.get_one(Campaign, reader.campaign_id)
    return render_template(
        "signing/yours.html",
        campaign=campaign,
        text=campaign.text_in(current_locale()),
        reader=reader,
        signature=signature,
        number=signer_number(campaign.id, signature.commitment) if signature else None,
        receipt=signature.receipt if signature else None,
        saved="saved" in request.args,
        form=form,
    )


def _save(reader: Reader, signature: Signature | None, form: YoursForm | FollowerForm) -> ResponseReturnValue:
    if not form.validate():
        return _yours_page(reader, signature, form), 422
    reader.choose_news(News(form.news.data))
    reader.locale = form.language.data or reader.locale
    if signature is not None and isinstance(form, YoursForm):
        signature.may_contact = form.may_contact.data
        operations.change_appearance(signature, Appear(form.appear.data))
    db.session.commit()
    wake("names")
    wake("scrub", each_time=True)
    return redirect(url_for("signing.yours", **(request.view_args or {}), saved=""), 303)


def _withdraw(reader: Reader, signature: Signature | None, form: PublicForm) -> ResponseReturnValue:
    if signature is not None:
        operations.withdraw(signature)
    return _take_away("withdrawn")


def _erase(reader: Reader, signature: Signature | None, form: PublicForm) -> ResponseReturnValue:
    operations.erase(reader)
    return _take_away("erased")


def _take_away(what: str) -> ResponseReturnValue:
    db.session.commit()
    wake("ledger")
    wake("scrub", each_time=True)
    return _gone_page(what)


_ACTS = {"withdraw": _withdraw, "erase": _erase}


def _gone_page(what: str) -> str:
    return render_template("signing/gone.html", what=what)
