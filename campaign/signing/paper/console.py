"""The organizers' pages of paper: choose a file, say which column is which, try, import, undo."""

from uuid import UUID

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.forms import ConsoleForm
from campaign.i18n import current_locale
from campaign.organizers.console import acting, allowed, audit, console
from campaign.organizers.models import Errand, Role
from campaign.organizers.operations import Order, send_errand
from campaign.signing.models import Appear
from campaign.signing.paper.forms import ABSENT, ColumnsForm, PaperForm
from campaign.signing.paper.models import PaperBatch
from campaign.signing.paper.operations import check_importable, describe, take_file, undo_paper
from campaign.signing.paper.queries import batches, on_paper_by_country, paper_batch
from campaign.signing.paper.reading import FIELDS, LARGEST, NotReadable, guessed
from campaign.work import wake

UPLOADING = "console.paper_index"
AROUND_A_FILE = 64 * 1024
CHECK, IMPORT = "check_paper", "import_paper"


@console.url_value_preprocessor
def take_more(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """A list may be larger than what other pages take; this comes before anything reads the request."""
    if endpoint == UPLOADING:
        request.max_content_length = LARGEST + AROUND_A_FILE
        request.max_form_memory_size = 4 * AROUND_A_FILE  # Werkzeug reads files in pieces of 64 kB, and counts those


def _page(name: str, campaign: Campaign, **shown: object) -> str:
    return render_template(f"console/signing/{name}.html", campaign=campaign, **shown)


def _batch_or_404(campaign_id: int, batch_id: UUID) -> PaperBatch:
    return paper_batch(campaign_id, batch_id) or abort(404)


def _to(batch: PaperBatch, page: str = "paper_show") -> ResponseReturnValue:
    return redirect(url_for(f"console.{page}", campaign_id=batch.campaign_id, batch_id=batch.id), 303)


@console.route("/<int:campaign_id>/signatures/paper/", methods=["GET", "POST"])
@allowed(Role.OWNER, Role.EDITOR)
def paper_index(campaign_id: int) -> ResponseReturnValue:
    """What was counted from paper, and a new file."""
    campaign, form = db.session.get_one(Campaign, campaign_id), PaperForm()
    if form.validate_on_submit():
        try:
            return _take(campaign, form)
        except NotReadable as refusal:
            form.file.errors = (str(refusal.sentence),)
    shown = {"batches": batches(campaign_id), "by_country": on_paper_by_country(campaign_id)}
    return _page("paper", campaign, form=form, **shown), 422 if form.is_submitted() else 200


def _take(campaign: Campaign, form: PaperForm) -> ResponseReturnValue:
    content = form.file.data.read(LARGEST + 1)
    if len(content) > LARGEST:
        abort(413)
    sealer = current_app.extensions["sealer"]
    batch = take_file(campaign, content, sealer, acting().organizer.name, clock.now())
    audit("paper.uploaded", campaign.id, bytes=len(content))
    answer = _to(batch, "paper_columns")
    db.session.commit()
    return answer


@console.route("/<int:campaign_id>/signatures/paper/<uuid:batch_id>/columns", methods=["GET", "POST"])
@allowed(Role.OWNER, Role.EDITOR)
def paper_columns(campaign_id: int, batch_id: UUID) -> ResponseReturnValue:
    """Say which column is which; the worker then tries the file without changing anything."""
    batch = _batch_or_404(campaign_id, batch_id)
    if not batch.is_open:
        return _to(batch)
    form = _columns_form(batch)
    if not form.validate_on_submit():
        campaign = db.session.get_one(Campaign, campaign_id)
        return _page("paper_columns", campaign, batch=batch, form=form), 422 if form.is_submitted() else 200
    describe(batch, form.columns(), form.choices())
    audit("paper.checked", campaign_id)
    return _send(CHECK, batch)


def _columns_form(batch: PaperBatch) -> ColumnsForm:
    known = batch.columns or guessed(batch.headers)
    said = {field: str(place) for field, place in known.items()}
    rest = {"default_country": "", "locale": current_locale(), "appear": Appear.INITIALS.value}
    chosen = dict(batch.choices)
    if chosen:
        rest = {"default_country": chosen["country"], "locale": chosen["locale"], "appear": chosen["appear"]}
    return ColumnsForm(batch.headers, data={**dict.fromkeys(FIELDS, ABSENT), **said, **rest})


def _send(kind: str, batch: PaperBatch) -> ResponseReturnValue:
    """Send the worker; the batch knows its errand."""
    answer = _to(batch)
    payload = {"batch_id": str(batch.id), "locale": current_locale()}
    order = Order(kind, batch.campaign_id, payload)
    errand = send_errand(order, current_app.extensions["sealer"], acting().organizer, clock.now())
    batch.errand_id = errand.id
    db.session.commit()
    wake("errands")
    return answer


def _errand_of(batch: PaperBatch) -> Errand | None:
    errand = db.session.get(Errand, batch.errand_id) if batch.errand_id else None
    return errand if errand is not None and errand.campaign_id == batch.campaign_id else None


@console.get("/<int:campaign_id>/signatures/paper/<uuid:batch_id>/")
@allowed(Role.OWNER, Role.EDITOR)
def paper_show(campaign_id: int, batch_id: UUID) -> ResponseReturnValue:
    """How the trial went, how far the import is, what it brought."""
    batch = _batch_or_404(campaign_id, batch_id)
    if batch.is_open and not batch.columns:
        return _to(batch, "paper_columns")
    campaign = db.session.get_one(Campaign, campaign_id)
    return _page("paper_batch", campaign, batch=batch, errand=_errand_of(batch), check=CHECK)


@console.post("/<int:campaign_id>/signatures/paper/<uuid:batch_id>/import")
@allowed(Role.OWNER, Role.EDITOR)
def paper_import(campaign_id: int, batch_id: UUID) -> ResponseReturnValue:
    """Import the file; sent again, it goes on where it stopped."""
    batch = _batch_or_404(campaign_id, batch_id)
    check_importable(db.session.get_one(Campaign, campaign_id), batch)
    audit("paper.imported", campaign_id, batch=str(batch.id))
    return _send(IMPORT, batch)


@console.get("/<int:campaign_id>/signatures/paper/<uuid:batch_id>/errors.csv")
@allowed(Role.OWNER, Role.EDITOR)
def paper_errors(campaign_id: int, batch_id: UUID) -> ResponseReturnValue:
    """The rows that are wrong, by number and reason, without a word of what they say."""
    errand = _errand_of(_batch_or_404(campaign_id, batch_id))
    if errand is None or errand.kind != CHECK or errand.file is None:
        abort(404)
    disposition = {"Content-Disposition": 'attachment; filename="rows.csv"'}
    return Response(errand.file, mimetype="text/csv", headers=disposition)


@console.route("/<int:campaign_id>/signatures/paper/<uuid:batch_id>/undo", methods=["GET", "POST"])
@allowed(Role.OWNER, Role.EDITOR)
def paper_undo(campaign_id: int, batch_id: UUID) -> ResponseReturnValue:
    """Ask once more, then count the paper of a batch no longer."""
    batch, form = _batch_or_404(campaign_id, batch_id), ConsoleForm()
    if not form.validate_on_submit():
        return _page("paper_undo", db.session.get_one(Campaign, campaign_id), batch=batch, form=form)
    undo_paper(batch, acting().organizer.name, clock.now())
    audit("paper.undone", campaign_id, batch=str(batch.id), on_paper=batch.on_paper)
    flash(_("These signatures on paper are not counted any more."), "good")
    answer = _to(batch)
    db.session.commit()
    return answer
