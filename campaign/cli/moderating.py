"""Statements and endorsements: listed and decided."""

import click

from campaign import clock
from campaign.cli.group import main, open_app
from campaign.db import db
from campaign.errors import Refusal
from campaign.organizers.operations import log_act
from campaign.statements.cases import case_of, waiting_endorsements, waiting_statements
from campaign.statements.models import Act, Item
from campaign.statements.operations import Moderator, Verdict, approve, decide
from campaign.work import wake


@main.group()
def moderate() -> None:
    """List, approve, reject or hold statements (7) and endorsements (e7)."""


@moderate.command("list")
def moderate_list() -> None:
    """The statements and endorsements that wait, oldest first."""
    open_app()
    statements, endorsements = waiting_statements(), waiting_endorsements()
    for statement in statements:
        by = statement.signature
        _show(f"{statement.id}  {by.public_name or '(only counted)'}, {by.country}", statement.body)
    for endorsement in endorsements:
        capacity = "in a personal capacity" if endorsement.is_personal else "on behalf of the organisation"
        speaker = f"{endorsement.speaker} {capacity}, by an address at {endorsement.proved_domain}"
        words = next(iter((endorsement.statement or {}).values()), "")
        _show(f"e{endorsement.id}  {endorsement.organisation}, {endorsement.country}: {speaker}", words)
    click.echo(f"{len(statements) + len(endorsements)} waiting.")


def _show(line: str, words: str) -> None:
    click.echo(line)
    if words:
        click.echo("    " + words.replace("\n", "\n    "))


@moderate.command("approve")
@click.argument("numbers", nargs=-1, required=True)
def moderate_approve(numbers: tuple[str, ...]) -> None:
    """Publish; whoever wrote it gets a letter."""
    open_app()
    for item in [_item(number) for number in numbers]:
        if approve(item, clock.now()):
            log_act(f"{item.kind}.{Act.PUBLISHED}", item.campaign_id, None, clock.now(), number=item.id)
    db.session.commit()
    wake("letters")
    click.echo(f"Approved {len(numbers)}.")


@moderate.command("reject")
@click.argument("number")
@click.option("--reason", required=True)
def moderate_reject(number: str, reason: str) -> None:
    """Keep from showing; the reason is kept for the team."""
    _decide(number, Verdict(Act.REJECTED, note=reason))
    click.echo(f"Rejected {number}.")


@moderate.command("hold")
@click.argument("number")
@click.option("--note")
def moderate_hold(number: str, note: str | None) -> None:
    """Put aside, to decide later."""
    _decide(number, Verdict(Act.HELD, note=note))
    click.echo(f"Put {number} on hold.")


@moderate.command("undo")
@click.argument("number")
def moderate_undo(number: str) -> None:
    """Take a decision back: it waits again."""
    _decide(number, Verdict(Act.RETURNED))
    click.echo(f"{number} waits again.")


def _decide(number: str, verdict: Verdict) -> None:
    open_app()
    item = _item(number)
    decide(item, verdict, Moderator(None, clock.now()))
    log_act(f"{item.kind}.{verdict.act}", item.campaign_id, None, clock.now(), number=item.id)
    db.session.commit()


def _item(number: str) -> Item:
    """The statement 7, or the endorsement e7."""
    kind, digits = ("endorsement" if number.startswith("e") else "statement"), number.removeprefix("e")
    if not (digits.isascii() and digits.isdecimal()):
        raise Refusal(f"“{number}” is not a number. A statement is 7, an endorsement e7.")
    found = case_of(None, kind, int(digits))
    if found is None:
        raise Refusal(f"There is no {kind} {digits}.")
    return found.item
