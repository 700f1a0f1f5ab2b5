"""The console's pages of delivery: the dossier, the names as a table, the contacts."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from flask import Response, abort, current_app, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.csv_out import BOM, rows_as_csv
from campaign.db import db
from campaign.delivery.dossier import running, told
from campaign.delivery.forms import ContactsForm, DossierForm, NamesForm
from campaign.delivery.models import Dossier
from campaign.delivery.operations import (
    EXPORT,
    DossierDraft,
    addressees,
    ask_second_for_export,
    export_approved,
    export_contacts,
    make_dossier,
    suggested_letter,
    take_export,
)
from campaign.delivery.queries import (
    dossier_of,
    export_of,
    exports,
    known_countries,
    last_dossier,
    newest_dossiers,
    shown_names,
)
from campaign.i18n import country_name, current_locale, direction, known_locale
from campaign.organizers.console import acting, allowed, audit, console, reauthenticated
from campaign.organizers.models import Approval, Role
from campaign.organizers.operations import carries_out
from campaign.organizers.queries import approval_for
from campaign.work import wake

STATEMENTS = 6
"""How many statements a first dossier holds."""

NAMES = "names"
"""What the fields of the second form of the page begin with."""


def _campaign(campaign_id: int) -> Campaign:
    return db.session.get(Campaign, campaign_id) or abort(404)


def _found(campaign_id: int, number: int) -> Dossier:
    return dossier_of(campaign_id, number) or abort(404)


# The dossier


@console.get("/<int:campaign_id>/delivery/")
@allowed(Role.OWNER, Role.EDITOR)
def delivery_index(campaign_id: int) -> ResponseReturnValue:
    """What can be handed in, with a letter to begin with in the language of the address."""
    campaign = _campaign(campaign_id)
    locale = known_locale(request.args.get("locale", campaign.locale))
    last = last_dossier(campaign_id, locale)
    form = DossierForm(
        locale=locale,
        cover_letter=last.cover_letter if last else suggested_letter(campaign, locale),
        has_names=last.has_names if last else True,
        statements=last.statements if last else STATEMENTS,
    )
    return _delivery_page(campaign, form)


def _delivery_page(campaign: Campaign, form: DossierForm) -> str:
    form.locale.data = known_locale(form.locale.data)
    counted = known_countries(campaign.id)
    names = NamesForm(formdata=None, prefix=NAMES)
    form.offer(counted)
    names.offer(counted)
    return render_template(
        "console/delivery/index.html",
        campaign=campaign,
        form=form,
        names=names,
        targets=addressees(campaign, current_locale()),
        letter_direction=direction(form.locale.data),
        total=sum(counted.values()),
        countries=len(counted),
        dossiers=newest_dossiers(campaign.id),
        waiting=approval_for(EXPORT, campaign.id),
    )


@console.post("/<int:campaign_id>/delivery/")
@allowed(Role.OWNER, Role.EDITOR)
def delivery_make(campaign_id: int) -> ResponseReturnValue:
    """Make a dossier, and go to it."""
    campaign, form = _campaign(campaign_id), DossierForm()
    form.offer(known_countries(campaign_id))
    if not form.validate():
        return _delivery_page(campaign, form), 422
    draft = DossierDraft(
        form.locale.data, form.chosen_country, form.cover_letter.data, form.has_names.data, form.statements.data
    )
    dossier = make_dossier(campaign_id, draft, clock.now())
    audit("dossier.made", campaign_id, number=dossier.number, country=draft.country or "", names=int(draft.has_names))
    db.session.commit()
    return redirect(url_for("console.delivery_dossier", campaign_id=campaign_id, number=dossier.number), 303)


@console.get("/<int:campaign_id>/delivery/dossier/<int:number>/")
@allowed(Role.OWNER, Role.EDITOR)
def delivery_dossier(campaign_id: int, number: int) -> ResponseReturnValue:
    """The dossier, to be printed. It goes out as it is read, a page of names at a time."""
    dossier = _found(campaign_id, number)
    return Response(stream_with_context(told(dossier.id, clock.now())), mimetype="text/html")


@console.get("/<int:campaign_id>/delivery/dossier/<int:number>/running.css")
@allowed(Role.OWNER, Role.EDITOR)
def delivery_running(campaign_id: int, number: int) -> ResponseReturnValue:
    """What stands on top and at the foot of each sheet: a stylesheet, because only that reaches the margins."""
    campaign, dossier = _campaign(campaign_id), _found(campaign_id, number)
    title = campaign.text_in(dossier.locale).title
    return Response(running(title, dossier.locale), mimetype="text/css")


@console.post("/<int:campaign_id>/delivery/names.csv")
@allowed(Role.OWNER, Role.EDITOR)
def delivery_names(campaign_id: int) -> ResponseReturnValue:
    """The names that people chose to show, as a table for spreadsheet programs."""
    campaign, form = _campaign(campaign_id), NamesForm(prefix=NAMES)
    form.offer(known_countries(campaign_id))
    if not form.validate():
        abort(422)
    country = form.chosen_country
    audit("names.exported", campaign_id, country=country or "")
    db.session.commit()
    name = "-".join(part for part in ("names", campaign.slug, country) if part)
    return _attachment(stream_with_context(_names_as_csv(campaign_id, country)), f"{name}.csv", "text/csv")


def _names_as_csv(campaign_id: int, country: str | None) -> Iterator[str]:
    yield BOM
    header = (_("Name"), _("Organisation or profession"), _("Town"), _("Country"), _("Code"), _("Signed on"))
    rows = (
        (name.name, name.affiliation, name.city, country_name(name.country), name.country, name.signed_at.date())
        for page in shown_names(campaign_id, country)
        for name in page
    )
    yield from rows_as_csv(header, rows)


def _attachment(content: Iterator[str] | bytes, name: str, mimetype: str) -> Response:
    response = Response(content, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# Contacts


@console.route("/<int:campaign_id>/delivery/contacts/", methods=["GET", "POST"])
@allowed(Role.OWNER)
@reauthenticated
def delivery_contacts(campaign_id: int) -> ResponseReturnValue:
    """Ask for the contacts of those who agreed: encrypted to a key; with a second person where the campaign says so."""
    campaign, form = _campaign(campaign_id), ContactsForm()
    if not form.validate_on_submit():
        return _contacts_page(campaign, form), 422 if form.is_submitted() else 200
    audit("contacts.asked", campaign_id)
    if campaign.second_for_export:
        return _ask_second(campaign_id, form.key.data)
    now, by = clock.now(), acting().organizer
    errand = export_contacts(campaign_id, form.key.data, current_app.extensions["sealer"], by, now)
    db.session.commit()
    wake("errands")
    return redirect(url_for("console.delivery_export", campaign_id=campaign_id, errand_id=errand.id), 303)


def _contacts_page(campaign: Campaign, form: ContactsForm) -> str:
    return render_template(
        "console/delivery/contacts.html",
        campaign=campaign,
        form=form,
        waiting=approval_for(EXPORT, campaign.id),
        exports=exports(campaign.id, clock.now()),
    )


def _ask_second(campaign_id: int, key: str) -> ResponseReturnValue:
    ask_second_for_export(campaign_id, key, acting().organizer, clock.now())
    db.session.commit()
    wake("letters")
    flash(_("A second organizer has been asked. When they agree, the file is made and waits here for you."), "good")
    return redirect(url_for("console.delivery_contacts", campaign_id=campaign_id), 303)


@carries_out(EXPORT)
def _export_granted(approval: Approval, now: datetime) -> None:
    export_approved(approval, current_app.extensions["sealer"], now)
    audit("contacts.granted", approval.campaign_id)


@console.route("/<int:campaign_id>/delivery/contacts/<uuid:errand_id>", methods=["GET", "POST"])
@allowed(Role.OWNER)
@reauthenticated
def delivery_export(campaign_id: int, errand_id: UUID) -> ResponseReturnValue:
    """How far an export is; who asked for it takes the file away, once."""
    campaign, export = _campaign(campaign_id), export_of(campaign_id, errand_id, clock.now()) or abort(404)
    is_own = export.organizer_id == acting().organizer.id
    if request.method == "GET":
        page = render_template("console/delivery/export.html", campaign=campaign, export=export, is_own=is_own)
        return page, {} if export.ended_at else {"Refresh": "2"}
    if not is_own:
        abort(403)
    content = take_export(campaign_id, errand_id, acting().organizer, clock.now())
    audit("contacts.downloaded", campaign_id, people=export.people)
    db.session.commit()
    return _attachment(content, f"contacts-{campaign.slug}.csv.age", "application/octet-stream")
