"""The console's pages of a campaign: founding it, its texts, settings, and opening and closing it."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from campaign import clock
from campaign.campaigns.forms import FoundForm, OutcomeForm, SettingsForm, TextForm, translated
from campaign.campaigns.models import Campaign, CampaignState
from campaign.campaigns.operations import (
    Writing,
    add_campaign,
    close_campaign,
    find_right,
    open_campaign,
    what_is_missing,
    write_text,
)
from campaign.campaigns.queries import is_signed
from campaign.campaigns.settings import LOOSEN, NobodySecond, change_settings
from campaign.db import db
from campaign.errors import Refusal
from campaign.forms import ConsoleForm
from campaign.i18n import LOCALES
from campaign.organizers.console import MayNot, acting, allowed, audit, console, founding, reauthenticated
from campaign.organizers.models import Role
from campaign.organizers.operations import join
from campaign.organizers.queries import approval_for

WRITERS = (Role.OWNER, Role.EDITOR)


def campaign_at(campaign_id: int) -> Campaign:
    """The campaign of the address; the guard has let its organizers through already."""
    return db.session.get(Campaign, campaign_id) or abort(404)


def writing() -> Writing:
    """The present organizer, writing now."""
    return Writing(acting().organizer.name, clock.now())


def refused(form: ConsoleForm, error: Refusal) -> int:
    """Show on the form what a rule said; the status to say it with."""
    form.form_errors = [str(error.sentence)]
    return error.status


def first_status(form: ConsoleForm) -> int:
    """200 for a form that is shown, 422 for one that does not fit."""
    return 422 if form.is_submitted() else 200


# Founding


@console.route("/campaigns/new", methods=["GET", "POST"])
@founding()
def found() -> ResponseReturnValue:
    """Found a campaign: a draft, whose owner is who founds it."""
    form = FoundForm()
    if not form.validate_on_submit():
        return render_template("console/campaigns/found.html", form=form), first_status(form)
    try:
        campaign = add_campaign(form.campaign_draft(), clock.now(), acting().organizer.name)
    except Refusal as error:
        status = refused(form, error)
        return render_template("console/campaigns/found.html", form=form), status
    join(acting().organizer, campaign.id, Role.OWNER, clock.now())
    audit("campaign.founded", campaign.id)
    page = url_for("console.campaign_overview", campaign_id=campaign.id)
    db.session.commit()
    flash(_("The campaign is there, as a draft. Nobody sees it until you open it."), "good")
    return redirect(page, 303)


# Texts


@console.get("/<int:campaign_id>/text/")
@allowed(Role.OWNER, Role.EDITOR, Role.TRANSLATOR)
def text_index(campaign_id: int) -> ResponseReturnValue:
    """The text in each language, and how it stands to the original."""
    campaign = campaign_at(campaign_id)
    original = campaign.text_in(campaign.locale)
    rows = [(code, language, campaign.text_of(code)) for code, language in LOCALES.items()]
    return render_template(
        "console/campaigns/texts.html",
        campaign=campaign,
        original=original,
        rows=rows,
        is_signed=is_signed(campaign.id),
    )


@console.route("/<int:campaign_id>/text/<locale:code>/", methods=["GET", "POST"])
@allowed(Role.OWNER, Role.EDITOR, Role.TRANSLATOR)
def text_edit(campaign_id: int, code: str) -> ResponseReturnValue:
    """Write the text in one language; a translation stands beside the original."""
    campaign = campaign_at(campaign_id)
    _check_may_write(campaign, code)
    form = TextForm.of(campaign.text_of(code))
    if not form.validate_on_submit():
        return _text_page(campaign, code, form), first_status(form)
    if not form.is_of(campaign.text_of(code)):
        return _changed_meanwhile(campaign, code, form)
    text = write_text(campaign, code, form.draft(), writing())
    audit("text.changed", campaign_id, locale=code, version=text.version.number)
    db.session.commit()
    flash(_("The text is saved."), "good")
    return redirect(url_for("console.text_edit", campaign_id=campaign_id, code=code), 303)


def _check_may_write(campaign: Campaign, code: str) -> None:
    if acting().role == Role.TRANSLATOR and code == campaign.locale:
        raise MayNot(_("Translators may write every text but the original."))


def _changed_meanwhile(campaign: Campaign, code: str, form: TextForm) -> ResponseReturnValue:
    present = campaign.text_of(code)
    form.seen.data = present.changed_at.isoformat() if present else ""
    form.form_errors = [
        _("Somebody else has changed this text in the meantime. Compare first; if you save again, yours stands.")
    ]
    return _text_page(campaign, code, form), 409


def _text_page(campaign: Campaign, code: str, form: TextForm) -> str:
    text, original = campaign.text_of(code), campaign.text_in(campaign.locale)
    return render_template(
        "console/campaigns/text.html",
        campaign=campaign,
        code=code,
        form=form,
        text=text,
        original=original,
        is_original=code == campaign.locale,
        state=text.state_beside(original) if text else None,
        is_signed=is_signed(campaign.id),
    )


@console.post("/<int:campaign_id>/text/<locale:code>/right")
@allowed(Role.OWNER, Role.EDITOR, Role.TRANSLATOR)
def text_right(campaign_id: int, code: str) -> ResponseReturnValue:
    """Say that a translation still says what the original says."""
    campaign = campaign_at(campaign_id)
    text = campaign.text_of(code)
    if text is None or code == campaign.locale:
        abort(404)
    find_right(text, writing())
    audit("text.found_right", campaign_id, locale=code)
    db.session.commit()
    flash(_("The translation counts as up to date."), "good")
    return redirect(url_for("console.text_index", campaign_id=campaign_id), 303)


# Settings


@console.route("/<int:campaign_id>/settings/", methods=["GET", "POST"])
@allowed(Role.OWNER)
@reauthenticated
def settings(campaign_id: int) -> ResponseReturnValue:
    """What the campaign decides about itself; loosening what protects it may wait for a second organizer."""
    campaign = campaign_at(campaign_id)
    form = SettingsForm.of(campaign)
    if not form.validate_on_submit():
        return _settings_page(campaign, form), first_status(form)
    try:
        asked = change_settings(campaign, form.settings(), acting().organizer, clock.now())
    except NobodySecond as refusal:
        form.form_errors = [str(refusal.sentence)]
        return _settings_page(campaign, form), 422
    audit("settings.changed", campaign_id)
    if asked is not None:
        audit("settings.loosen_asked", campaign_id, approval=asked.id)
        flash(_("What protects less than before waits for a second organizer. All else is saved."), "plain")
    else:
        flash(_("The settings are saved."), "good")
    db.session.commit()
    return redirect(url_for("console.settings", campaign_id=campaign_id), 303)


def _settings_page(campaign: Campaign, form: SettingsForm) -> str:
    waiting = approval_for(LOOSEN, campaign.id)
    return render_template("console/campaigns/settings.html", campaign=campaign, form=form, waiting=waiting)


# Opening and closing


@console.get("/<int:campaign_id>/state/")
@allowed(*WRITERS)
def campaign_state(campaign_id: int) -> ResponseReturnValue:
    """Where the campaign stands, and where it can go from there."""
    return _state_page(campaign_at(campaign_id))


def _state_page(campaign: Campaign, form: ConsoleForm | None = None) -> str:
    return render_template(
        "console/campaigns/state.html",
        campaign=campaign,
        form=form or OutcomeForm.of(campaign),
        missing=what_is_missing(campaign),
        spoken=[text.locale for text in campaign.texts],
    )


@console.post("/<int:campaign_id>/state/open")
@allowed(*WRITERS)
def campaign_open(campaign_id: int) -> ResponseReturnValue:
    """Open a draft, or open again."""
    campaign = campaign_at(campaign_id)
    was_draft = campaign.state == CampaignState.DRAFT
    try:
        open_campaign(campaign, clock.today())
    except Refusal as error:
        flash(str(error.sentence), "bad")
        return _state_page(campaign), error.status
    audit("campaign.opened" if was_draft else "campaign.reopened", campaign_id)
    db.session.commit()
    flash(_("The campaign is open: people can sign now."), "good")
    return redirect(url_for("console.campaign_state", campaign_id=campaign_id), 303)


@console.post("/<int:campaign_id>/state/close")
@allowed(*WRITERS)
def campaign_close(campaign_id: int) -> ResponseReturnValue:
    """End a campaign or call it won, with a word on how, in each language."""
    campaign = campaign_at(campaign_id)
    state = {"won": CampaignState.WON, "ended": CampaignState.ENDED}.get(request.form.get("state", "")) or abort(400)
    form = OutcomeForm.of(campaign)
    if not form.validate():
        return _state_page(campaign, form), 422
    try:
        close_campaign(campaign, state, translated(form, "outcome"), writing())
    except Refusal as error:
        status = refused(form, error)
        return _state_page(campaign, form), status
    audit(f"campaign.{state}", campaign_id)
    db.session.commit()
    flash(_("Saved. The page tells it from now on."), "good")
    return redirect(url_for("console.campaign_state", campaign_id=campaign_id), 303)
