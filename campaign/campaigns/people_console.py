"""The console's pages of the people whom a campaign is for, their photos, and those to whom the demands go."""

from dataclasses import replace

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from campaign.campaigns.console import WRITERS, campaign_at, first_status, refused
from campaign.campaigns.forms import PersonForm, PhotoForm, TargetForm, translated
from campaign.campaigns.models import Campaign, Person, Target
from campaign.campaigns.operations import PersonDraft
from campaign.campaigns.people import (
    add_person,
    add_target,
    change_person,
    change_target,
    describe_photo,
    move_up,
    remove_person,
    remove_photo,
    remove_target,
    set_photo,
)
from campaign.campaigns.photos import MOST_BYTES, NotAPhoto, encode
from campaign.campaigns.queries import person_of, target_of
from campaign.db import Translated, db
from campaign.errors import Refusal
from campaign.organizers.console import acting, allowed, audit, console
from campaign.organizers.models import Role

AROUND_A_FILE = 64 * 1024
"""What a form takes besides the photo in it."""


@console.url_value_preprocessor
def let_photos_be_large(endpoint: str | None, values: dict[str, object] | None) -> None:
    """More room for the one form that carries a photo, before anything reads it."""
    if endpoint == "console.person_photo":
        request.max_content_length = MOST_BYTES + AROUND_A_FILE


def _person_at(campaign_id: int, person_id: int) -> Person:
    return person_of(campaign_id, person_id) or abort(404)


def _target_at(campaign_id: int, target_id: int) -> Target:
    return target_of(campaign_id, target_id) or abort(404)


def _saved(campaign_id: int, act: str, **details: int) -> ResponseReturnValue:
    """Log, commit, and back to the list."""
    audit(act, campaign_id, **details)
    db.session.commit()
    return redirect(url_for("console.people_index", campaign_id=campaign_id), 303)


@console.get("/<int:campaign_id>/people/")
@allowed(Role.OWNER, Role.EDITOR, Role.TRANSLATOR)
def people_index(campaign_id: int) -> ResponseReturnValue:
    """Whom the campaign is for, and to whom its demands go."""
    return render_template("console/campaigns/people.html", campaign=campaign_at(campaign_id))


@console.route("/<int:campaign_id>/people/new", methods=["GET", "POST"])
@allowed(*WRITERS)
def person_new(campaign_id: int) -> ResponseReturnValue:
    """Add a person."""
    campaign, form = campaign_at(campaign_id), PersonForm.of(None)
    if not form.validate_on_submit():
        return _person_page(campaign, None, form), first_status(form)
    try:
        person = add_person(campaign, form.draft())
    except Refusal as error:
        status = refused(form, error)
        return _person_page(campaign, None, form), status
    return _saved(campaign_id, "person.added", person=person.id)


@console.route("/<int:campaign_id>/people/<int:person_id>/", methods=["GET", "POST"])
@allowed(Role.OWNER, Role.EDITOR, Role.TRANSLATOR)
def person_edit(campaign_id: int, person_id: int) -> ResponseReturnValue:
    """Change what is known of a person; translators change the words in languages other than the original's."""
    campaign, person = campaign_at(campaign_id), _person_at(campaign_id, person_id)
    form = PersonForm.of(person)
    if not form.validate_on_submit():
        return _person_page(campaign, person, form), first_status(form)
    try:
        change_person(person, _as_allowed(campaign, person, form.draft()))
    except Refusal as error:
        status = refused(form, error)
        return _person_page(campaign, person, form), status
    return _saved(campaign_id, "person.changed", person=person.id)


def _as_allowed(campaign: Campaign, person: Person, draft: PersonDraft) -> PersonDraft:
    """What was typed; from a translator, no more than translations."""
    if acting().role != Role.TRANSLATOR:
        return draft
    name, role = (
        _keeping(campaign.locale, present, typed)
        for present, typed in ((person.name, draft.name), (person.role, draft.role))
    )
    return replace(draft, name=name, role=role, age=person.age, since=person.since)


def _keeping(original: str, present: Translated, typed: Translated) -> Translated:
    """The typed words, with the original's as they are."""
    others = {code: words for code, words in typed.items() if code != original}
    return others | ({original: present[original]} if original in present else {})


def _person_page(
    campaign: Campaign, person: Person | None, form: PersonForm, photo_form: PhotoForm | None = None
) -> str:
    return render_template(
        "console/campaigns/person.html",
        campaign=campaign,
        person=person,
        form=form,
        photo_form=photo_form or PhotoForm.of(person.photo if person else None),
        is_translator=acting().role == Role.TRANSLATOR,
    )


@console.post("/<int:campaign_id>/people/<int:person_id>/up")
@allowed(*WRITERS)
def person_up(campaign_id: int, person_id: int) -> ResponseReturnValue:
    """Show a person before the one who stood before them."""
    campaign, person = campaign_at(campaign_id), _person_at(campaign_id, person_id)
    move_up(list(campaign.people), person)
    return _saved(campaign_id, "person.moved", person=person.id)


@console.post("/<int:campaign_id>/people/<int:person_id>/remove")
@allowed(*WRITERS)
def person_remove(campaign_id: int, person_id: int) -> ResponseReturnValue:
    """Remove a person of whom the timeline says nothing."""
    campaign, person = campaign_at(campaign_id), _person_at(campaign_id, person_id)
    try:
        remove_person(campaign, person)
    except Refusal as error:
        form = PersonForm.beside(person)
        status = refused(form, error)
        return _person_page(campaign, person, form), status
    flash(_("Removed."), "good")
    return _saved(campaign_id, "person.removed", person=person_id)


@console.post("/<int:campaign_id>/people/<int:person_id>/photo")
@allowed(*WRITERS)
def person_photo(campaign_id: int, person_id: int) -> ResponseReturnValue:
    """Take a photo in, or other words for the one there is."""
    campaign, person = campaign_at(campaign_id), _person_at(campaign_id, person_id)
    form = PhotoForm.of(person.photo)
    if not form.validate():
        return _photo_refused(campaign, person, form), 422
    try:
        _take_photo(person, form)
    except Refusal as error:
        form.photo.errors = (str(error.sentence),)
        return _photo_refused(campaign, person, form), error.status
    audit("photo.changed", campaign_id, person=person_id)
    db.session.commit()
    flash(_("The photo is saved. All that the file told besides the picture is gone."), "good")
    return redirect(url_for("console.person_edit", campaign_id=campaign_id, person_id=person_id), 303)


def _take_photo(person: Person, form: PhotoForm) -> None:
    alt = translated(form, "alt")
    content = form.photo.data.read() if form.photo.data else b""
    if content:
        set_photo(person, encode(content), alt)
    elif person.photo is not None:
        describe_photo(person.photo, alt)
    else:
        raise NotAPhoto(_("Please choose a photo."))


def _photo_refused(campaign: Campaign, person: Person, form: PhotoForm) -> str:
    return _person_page(campaign, person, PersonForm.beside(person), form)


@console.post("/<int:campaign_id>/people/<int:person_id>/photo/remove")
@allowed(*WRITERS)
def person_photo_remove(campaign_id: int, person_id: int) -> ResponseReturnValue:
    """Delete a photo."""
    remove_photo(_person_at(campaign_id, person_id))
    flash(_("The photo is removed."), "good")
    return _saved(campaign_id, "photo.removed", person=person_id)


@console.route("/<int:campaign_id>/targets/new", methods=["GET", "POST"])
@allowed(*WRITERS)
def target_new(campaign_id: int) -> ResponseReturnValue:
    """Add one to whom the demands go."""
    campaign, form = campaign_at(campaign_id), TargetForm.of(None)
    if not form.validate_on_submit():
        return _target_page(campaign, None, form), first_status(form)
    try:
        target = add_target(campaign, form.draft())
    except Refusal as error:
        status = refused(form, error)
        return _target_page(campaign, None, form), status
    return _saved(campaign_id, "target.added", target=target.id)


@console.route("/<int:campaign_id>/targets/<int:target_id>/", methods=["GET", "POST"])
@allowed(*WRITERS)
def target_edit(campaign_id: int, target_id: int) -> ResponseReturnValue:
    """Change one to whom the demands go."""
    campaign, target = campaign_at(campaign_id), _target_at(campaign_id, target_id)
    form = TargetForm.of(target)
    if not form.validate_on_submit():
        return _target_page(campaign, target, form), first_status(form)
    try:
        change_target(target, form.draft())
    except Refusal as error:
        status = refused(form, error)
        return _target_page(campaign, target, form), status
    return _saved(campaign_id, "target.changed", target=target_id)


def _target_page(campaign: Campaign, target: Target | None, form: TargetForm) -> str:
    return render_template("console/campaigns/target.html", campaign=campaign, target=target, form=form)


@console.post("/<int:campaign_id>/targets/<int:target_id>/up")
@allowed(*WRITERS)
def target_up(campaign_id: int, target_id: int) -> ResponseReturnValue:
    """Show one before the other."""
    campaign, target = campaign_at(campaign_id), _target_at(campaign_id, target_id)
    move_up(list(campaign.targets), target)
    return _saved(campaign_id, "target.moved", target=target_id)


@console.post("/<int:campaign_id>/targets/<int:target_id>/remove")
@allowed(*WRITERS)
def target_remove(campaign_id: int, target_id: int) -> ResponseReturnValue:
    """Remove one to whom the demands went."""
    campaign, target = campaign_at(campaign_id), _target_at(campaign_id, target_id)
    remove_target(campaign, target)
    flash(_("Removed."), "good")
    return _saved(campaign_id, "target.removed", target=target_id)
