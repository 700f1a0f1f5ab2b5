"""The console's pages of moderation: what waits, what is on hold, what was decided and by whom."""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.errors import Refusal
from campaign.organizers.console import acting, allowed, audit, console
from campaign.organizers.models import Role
from campaign.statements.cases import Case, Place, Tab, case_of, cases, counts, last_decision_by
from campaign.statements.forms import REASONS, DecisionForm
from campaign.statements.models import Statement
from campaign.statements.operations import Moderator, Verdict, choose, decide
from campaign.web import mark, marked
from campaign.work import wake


@console.get("/<int:campaign_id>/moderation/")
@allowed(Role.OWNER, Role.MODERATOR)
def statement_queue(campaign_id: int) -> ResponseReturnValue:
    """A page of what waits, of what is on hold, or of what was decided."""
    return _queue(campaign_id)


def _queue(campaign_id: int, refused: DecisionForm | None = None) -> str:
    """The list that the address names; `refused`: a form that comes back with what was typed."""
    tab = _tab()
    shown, end = cases(campaign_id, tab, _place(request.args.get("after")))
    forms = {key: DecisionForm(formdata=None, prefix=key) for key in ("chosen", *(case.key for case in shown))}
    if refused is not None:
        forms[refused.key] = refused
    return render_template(
        "console/statements/queue.html",
        campaign=db.session.get_one(Campaign, campaign_id),
        tab=tab,
        counts=counts(campaign_id),
        cases=shown,
        forms=forms,
        reasons=REASONS,
        last=last_decision_by(campaign_id, acting().organizer.id),
        starred=_starred(campaign_id),
        at=refused.key if refused else _focused(shown),
        here={"tab": tab.value, "after": request.args.get("after") or None},
        next_url=_url(campaign_id, after=f"{end.kind}_{mark(end.at, end.number)}") if end else None,
    )


def _starred(campaign_id: int) -> Statement | None:
    """The words that somebody has just chosen, or chosen no longer: that can be undone on the spot."""
    number = _number(request.args.get("starred", ""))
    case = case_of(campaign_id, Statement.kind, number) if number is not None else None
    return case.item if case and isinstance(case.item, Statement) else None


def _tab() -> Tab:
    name = request.args.get("tab", "")
    return Tab(name) if name in list(Tab) else Tab.WAITING


def _place(text: str | None) -> Place | None:
    kind, _underscore, rest = (text or "").partition("_")
    found = marked(rest)
    return Place(found[0], kind, found[1]) if found and kind in ("statement", "endorsement") else None


def _focused(shown: list[Case]) -> str | None:
    """The one that has the keyboard: what the last decision left next, else the first."""
    keys = [case.key for case in shown]
    return request.args["at"] if request.args.get("at") in keys else next(iter(keys), None)


def _url(campaign_id: int, **changed: str | None) -> str:
    """The address of the present list, at the present place unless that changes."""
    present: dict[str, Any] = {"tab": _tab().value, "after": request.args.get("after") or None}
    return url_for("console.statement_queue", campaign_id=campaign_id, **(present | changed))


@console.post("/<int:campaign_id>/moderation/<kind>/<int:number>")
@allowed(Role.OWNER, Role.MODERATOR)
def statement_decide(campaign_id: int, kind: str, number: int) -> ResponseReturnValue:
    """Decide on one, and go on to the next."""
    case = case_of(campaign_id, kind, number)
    if case is None:
        abort(404)
    form = DecisionForm(prefix=case.key)
    if not form.validate_on_submit():
        return _queue(campaign_id, form), 422
    try:
        _decide(case, form.verdict(), form.seen.data)
    except Refusal as error:
        db.session.rollback()
        flash(str(error.sentence), "bad")
        return redirect(_url(campaign_id, at=form.next.data), 303)
    db.session.commit()
    wake("letters")
    return redirect(_url(campaign_id, at=form.next.data), 303)


def _decide(case: Case, verdict: Verdict, seen: int | None) -> None:
    """Decide, and write it into the log."""
    decide(case.item, verdict, Moderator(acting().organizer, clock.now(), seen or 0))
    audit(f"{case.item.kind}.{verdict.act}", case.item.campaign_id, number=case.item.id)


@console.post("/<int:campaign_id>/moderation/statement/<int:number>/star")
@allowed(Role.OWNER, Role.MODERATOR)
def statement_star(campaign_id: int, number: int) -> ResponseReturnValue:
    """Let words stand first, or no longer, as the button said."""
    case = case_of(campaign_id, Statement.kind, number)
    if case is None or not isinstance(case.item, Statement):
        abort(404)
    try:
        _star(case.item, is_chosen=request.form.get("star") == "on")
    except Refusal as error:
        db.session.rollback()
        flash(str(error.sentence), "bad")
        return redirect(_url(campaign_id, at=case.key), 303)
    db.session.commit()
    return redirect(_url(campaign_id, at=case.key, starred=str(number)), 303)


def _star(statement: Statement, *, is_chosen: bool) -> None:
    """Choose or not, and write what changed into the log."""
    if choose(statement, is_chosen=is_chosen):
        act = "statement.chosen" if is_chosen else "statement.unchosen"
        audit(act, statement.campaign_id, number=statement.id)


@console.post("/<int:campaign_id>/moderation/chosen")
@allowed(Role.OWNER, Role.MODERATOR)
def statement_decide_chosen(campaign_id: int) -> ResponseReturnValue:
    """Decide on all that are ticked; what somebody else decided in the meantime stays as it is."""
    form = DecisionForm(prefix="chosen")
    chosen = [_chosen(campaign_id, text) for text in request.form.getlist("chosen")]
    if not chosen:
        flash(_("Nothing was ticked."), "bad")
        return redirect(_url(campaign_id), 303)
    if not form.validate_on_submit():
        flash(" ".join(str(sentence) for sentences in form.errors.values() for sentence in sentences), "bad")
        return redirect(_url(campaign_id), 303)
    _tell_how_many(sum(_is_decided(case, form.verdict(), seen) for case, seen in chosen), len(chosen))
    db.session.commit()
    wake("letters")
    return redirect(_url(campaign_id), 303)


def _chosen(campaign_id: int, text: str) -> tuple[Case, int]:
    """One that was ticked, as 'statement-7-0': its kind, its number, the newest decision that was seen."""
    kind, _minus, rest = text.partition("-")
    number, _minus, seen = rest.partition("-")
    which, newest = _number(number), _number(seen)
    if which is None or newest is None:
        abort(400)
    case = case_of(campaign_id, kind, which)
    if case is None:
        abort(404)
    return case, newest


def _number(digits: str) -> int | None:
    """The number of a row; None for what cannot be one."""
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else None


def _is_decided(case: Case, verdict: Verdict, seen: int) -> bool:
    try:
        _decide(case, verdict, seen)
    except Refusal:
        return False
    return True


def _tell_how_many(done: int, wanted: int) -> None:
    flash(ngettext("%(num)d is decided.", "%(num)d are decided.", done), "good" if done else "plain")
    if done < wanted:
        left = ngettext(
            "%(num)d was decided by somebody else in the meantime, and stays so.",
            "%(num)d were decided by somebody else in the meantime, and stay so.",
            wanted - done,
        )
        flash(left, "bad")
