"""The console's pages of updates: the list, and the composer with its preview."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask import Response, abort, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields import SelectChoice

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.errors import Refusal
from campaign.i18n import current_locale, speaking
from campaign.mailing import letters as mailing_letters
from campaign.mailing.operations import Owed, owe_letter
from campaign.mailing.queries import digest_progress, is_owed, recent_wishes
from campaign.organizers.console import acting, allowed, audit, console
from campaign.organizers.models import Organizer, Role
from campaign.organizers.queries import approval_for, open_approvals
from campaign.timeline.acts import why
from campaign.timeline.drafting import operations, queries
from campaign.timeline.drafting.queries import language_name
from campaign.timeline.forms import TestForm, compose_form, differences
from campaign.timeline.letters import draft_letter, test_kind
from campaign.timeline.models import Draft
from campaign.timeline.queries import PAGE, entry, mailings_by_number, published_updates
from campaign.web import mark, marked
from campaign.work import wake

WRITERS = (Role.OWNER, Role.EDITOR, Role.TRANSLATOR)
PUBLISHERS = (Role.OWNER, Role.EDITOR)
PUBLISH = "publish"
WEEKS = 5
"""So many of the last weekly letters the list of updates shows."""

_LETTER = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
_ENTRY = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'self'; sandbox allow-same-origin"


def draft_or_404(campaign_id: int, draft_id: int, *, to_change: bool = False) -> Draft:
    """A draft of this campaign."""
    find = queries.open_draft if to_change else queries.draft
    return find(campaign_id, draft_id) or abort(404)


# The list


@console.get("/<int:campaign_id>/updates/")
@allowed(*WRITERS)
def update_index(campaign_id: int) -> ResponseReturnValue:
    """Drafts, what is scheduled or waits for a second person, and what is published, by pages."""
    before = _before(request.args.get("before"))
    published = published_updates(campaign_id, PAGE, before)
    last = published[-1] if len(published) == PAGE else None
    return render_template(
        "console/timeline/index.html",
        campaign=db.session.get_one(Campaign, campaign_id),
        drafts=[] if before else queries.open_drafts(campaign_id),
        waiting={asked.subject_id: asked for asked in open_approvals(campaign_id) if asked.act == PUBLISH},
        updates=[entry(update, current_locale()) for update in published],
        mailings=mailings_by_number(published),
        weeks=[] if before else digest_progress(campaign_id, WEEKS),
        why=why,
        next_url=url_for("console.update_index", campaign_id=campaign_id, before=mark(last.occurred_on, last.number))
        if last
        else None,
    )


def _before(text: str | None) -> tuple[date, int] | None:
    found = marked(text)
    return (found[0].date(), found[1]) if found else None


@console.post("/<int:campaign_id>/updates/")
@allowed(*PUBLISHERS)
def update_begin(campaign_id: int) -> ResponseReturnValue:
    """Begin a draft."""
    campaign = db.session.get_one(Campaign, campaign_id)
    draft = operations.begin_draft(campaign, acting().organizer.id, clock.now())
    audit("update.begun", campaign_id, draft=draft.id)
    db.session.commit()
    return redirect(edit_url(draft), 303)


# The composer


def edit_url(draft: Draft, _anchor: str | None = None) -> str:
    """Where a draft is written."""
    return url_for("console.update_edit", campaign_id=draft.campaign_id, draft_id=draft.id, _anchor=_anchor)


@console.route("/<int:campaign_id>/updates/draft/<int:draft_id>/", methods=["GET", "POST"])
@allowed(*WRITERS)
def update_edit(campaign_id: int, draft_id: int) -> ResponseReturnValue:
    """Write a draft. POST saves; a script that saves asks for JSON."""
    is_saving = request.method == "POST"
    draft = draft_or_404(campaign_id, draft_id, to_change=is_saving)
    if draft.update is not None:
        return redirect(url_for("console.update_page", campaign_id=campaign_id, number=draft.update.number), 303)
    form = _form(draft)
    if is_saving:
        return _save(draft, form)
    _look(draft)
    return _composer(draft, form)


def _form(draft: Draft) -> Any:
    """What the role may write: translators every language but the campaign's own."""
    is_whole = acting().role in PUBLISHERS
    languages = draft.campaign.languages
    return compose_form(draft, languages if is_whole else languages[1:], is_whole=is_whole)


def _look(draft: Draft) -> None:
    """Note who has it open, in a transaction of its own: reading a page writes nothing else."""
    with db.engine.begin() as connection:
        operations.look_at(draft.id, acting().organizer.id, clock.now(), connection)


def _save(draft: Draft, form: Any) -> ResponseReturnValue:
    is_script = request.accept_mimetypes.best == "application/json"
    if not form.validate():
        return _told(form) if is_script else _composer(draft, form, 422)
    try:
        _save_typed(draft, form)
    except Refusal as refusal:
        problem = str(refusal.sentence)
        return (
            (jsonify(problem=problem), refusal.status) if is_script else _composer(draft, form, refusal.status, problem)
        )
    db.session.commit()
    return jsonify(revision=draft.revision) if is_script else redirect(edit_url(draft, _anchor="look"), 303)


def _save_typed(draft: Draft, form: Any) -> None:
    organizer = acting().organizer
    was_another = draft.saved_by_id != organizer.id
    now = clock.now()
    is_new = operations.save_draft(draft, form.content(draft), form.revision.data, organizer.id, now)
    if is_new and (was_another or request.accept_mimetypes.best != "application/json"):
        audit("update.saved", draft.campaign_id, draft=draft.id, revision=draft.revision)
    operations.look_at(draft.id, organizer.id, now, db.session.connection())


def _told(form: Any) -> ResponseReturnValue:
    problems = [f"{field.label.text}: {error}" for field in form for error in field.errors]
    return jsonify(problem=" ".join(problems)), 422


def _composer(draft: Draft, form: Any, status: int = 200, problem: str | None = None) -> ResponseReturnValue:
    """The page; with `problem`, what was typed and what is saved stand side by side."""
    theirs = differences(form, _form_of_saved(draft)) if problem else []
    if problem:
        form.revision.raw_data, form.revision.data = None, draft.revision  # saved again, it is meant
    page = render_template(
        "console/timeline/compose.html",
        campaign=draft.campaign,
        draft=draft,
        form=form,
        theirs=theirs,
        problem=problem,
        saved_by=name_of(draft.saved_by_id),
        languages=[(locale, language_name(locale)) for locale in draft.campaign.languages],
        may_publish=acting().role in PUBLISHERS,
        approval=approval_for(PUBLISH, draft.campaign_id, draft.id),
        test_form=test_form(draft.campaign),
        **_seen(draft),
    )
    return page, status


def _form_of_saved(draft: Draft) -> Any:
    """What is saved, as a form that takes nothing from the request."""
    return compose_form(draft, draft.campaign.languages, is_whole=True, is_typed=False)


def name_of(organizer_id: int | None) -> str:
    """The name of an organizer, who may be gone."""
    found = db.session.get(Organizer, organizer_id) if organizer_id else None
    return found.name if found else _("somebody who has left")


# What it will look like


def _seen(draft: Draft) -> dict[str, object]:
    """What the preview shows, and who else looks at it."""
    readers = recent_wishes(draft.campaign_id)
    return {
        "readers": readers,
        "reached": queries.reached(draft, readers),
        "weekly": queries.reached_weekly(readers),
        "obstacles": queries.obstacles(draft),
        "gaps": queries.gaps(draft, readers, clock.today()),
        "views": [(locale, language_name(locale), _letter(draft, locale)) for locale in draft.campaign.languages],
        "others": [name_of(one) for one in queries.lookers(draft.id, acting().organizer.id, clock.now())],
    }


def _letter(draft: Draft, locale: str) -> mailing_letters.Letter:
    with speaking(locale):
        return mailing_letters.without_slots(draft_letter(draft))


@console.get("/<int:campaign_id>/updates/draft/<int:draft_id>/look")
@allowed(*WRITERS)
def update_look(campaign_id: int, draft_id: int) -> ResponseReturnValue:
    """The part of the composer that shows what was saved: for the script, which puts it into the page."""
    draft = draft_or_404(campaign_id, draft_id)
    _look(draft)
    return render_template("console/timeline/_look.html", campaign=draft.campaign, draft=draft, **_seen(draft))


@console.get("/<int:campaign_id>/updates/draft/<int:draft_id>/others")
@allowed(*WRITERS)
def update_others(campaign_id: int, draft_id: int) -> ResponseReturnValue:
    """Who else has the draft open, and its revision: for the script."""
    draft = draft_or_404(campaign_id, draft_id)
    _look(draft)
    others: Sequence[int] = queries.lookers(draft.id, acting().organizer.id, clock.now())
    page = render_template("console/timeline/_others.html", others=[name_of(one) for one in others])
    return jsonify(html=page, revision=draft.revision, saved_by=name_of(draft.saved_by_id))


@console.get("/<int:campaign_id>/updates/draft/<int:draft_id>/entry/<locale:at>")
@allowed(*WRITERS)
def update_entry(campaign_id: int, draft_id: int, at: str) -> ResponseReturnValue:
    """The entry of the timeline as it will look in a language, for a frame."""
    draft = draft_or_404(campaign_id, draft_id)
    with speaking(at):
        update = queries.draft_entry(draft, at, clock.today())
        return _framed(render_template("console/timeline/entry.html", campaign=draft.campaign, update=update), _ENTRY)


@console.get("/<int:campaign_id>/updates/draft/<int:draft_id>/letter/<locale:at>")
@allowed(*WRITERS)
def update_letter(campaign_id: int, draft_id: int, at: str) -> ResponseReturnValue:
    """The letter as it will look in a language, for a frame in which nothing runs."""
    return _framed(_letter(draft_or_404(campaign_id, draft_id), at).html, _LETTER)


def _framed(page: str, policy: str) -> Response:
    response = make_response(page)
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


# A letter to try


def test_form(campaign: Campaign) -> Any:
    """The form that asks for a test letter, in the organizer's own language if the campaign has it."""
    form = TestForm(data={"language": acting().organizer.locale})
    languages = [SelectChoice(locale, language_name(locale)) for locale in campaign.languages]
    form.language.choices = [*languages, SelectChoice("", _("All languages"))]
    return form


@console.post("/<int:campaign_id>/updates/draft/<int:draft_id>/test")
@allowed(*WRITERS)
def update_test(campaign_id: int, draft_id: int) -> ResponseReturnValue:
    """Send the draft's letter to who asks, as it is when the letter is written."""
    draft = draft_or_404(campaign_id, draft_id)
    form = test_form(draft.campaign)
    if not form.validate():
        abort(400)
    locales = [form.language.data] if form.language.data else draft.campaign.languages
    for locale in locales:
        _owe_test(draft, locale)
    audit("update.tested", campaign_id, draft=draft.id, languages=" ".join(locales))
    db.session.commit()
    wake("letters")
    flash(_("The test letter is on its way to your address."), "good")
    return redirect(edit_url(draft), 303)


def _owe_test(draft: Draft, locale: str) -> None:
    """Owe it once: asking again while it is on its way brings no second one."""
    reader = acting().organizer.reader
    if not is_owed(reader.id, test_kind(locale), draft.id):
        owe_letter(Owed(reader, test_kind(locale), draft.id), clock.now())


@console.post("/<int:campaign_id>/updates/draft/<int:draft_id>/delete")
@allowed(*PUBLISHERS)
def update_delete(campaign_id: int, draft_id: int) -> ResponseReturnValue:
    """Delete a draft."""
    draft = draft_or_404(campaign_id, draft_id, to_change=True)
    operations.delete_draft(draft)
    audit("update.draft_deleted", campaign_id, draft=draft_id)
    db.session.commit()
    flash(_("The draft is deleted."), "good")
    return redirect(url_for("console.update_index", campaign_id=campaign_id), 303)
