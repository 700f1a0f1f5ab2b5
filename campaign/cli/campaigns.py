"""Campaigns from files, their updates, and the audit of their counts."""

import sys
from pathlib import Path

import click
from sqlalchemy import select

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.cli.group import log_command, main, named_campaign, open_app
from campaign.db import db
from campaign.errors import Refusal
from campaign.importing import import_campaign, read_campaign, read_update
from campaign.ledger.queries import first_gap, public_count, recount
from campaign.mailing.queries import reach
from campaign.signing.queries import count_confirmed, count_unknown_to_ledger
from campaign.timeline.operations import UpdateDraft, add_update, is_told_already, publish, retract
from campaign.timeline.queries import published_update
from campaign.work import wake


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_(file: Path) -> None:
    """Load a whole campaign from a TOML file."""
    open_app()
    campaign = import_campaign(read_campaign(file), clock.now())
    log_command("campaign.founded", campaign.id)
    db.session.commit()
    click.echo(f"Loaded {campaign.slug}: {len(campaign.people)} people, {len(campaign.texts)} languages.")


@main.command("publish")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
def publish_(file: Path, yes: bool) -> None:
    """Publish an update from a Markdown file with front matter, and tell the readers."""
    open_app()
    slug, draft = read_update(file)
    campaign = named_campaign(slug)
    if is_told_already(campaign, draft):
        raise Refusal("The timeline has this update already.")
    update = add_update(campaign, draft)
    _show_plan(campaign, draft, reach(campaign.id, is_status=update.is_status))
    if not yes and not click.confirm("Publish?"):
        raise click.Abort
    publish(update, clock.now())
    log_command("update.published", campaign.id, number=update.number)
    db.session.commit()
    wake("mailings")
    click.echo(f"Published as number {update.number}. `campaign mailings` shows how the letters go.")


def _show_plan(campaign: Campaign, draft: UpdateDraft, readers: dict[str, int]) -> None:
    click.echo(f"{campaign.slug}: {draft.kind}, {draft.occurred_on:%d %B %Y}")
    for locale, (title, body) in draft.texts.items():
        click.echo(f"  [{locale}] {title} ({len(body.split())} words)")
    for name, status in draft.statuses.items():
        click.echo(f"  {name}: {status}")
    for source in draft.sources:
        click.echo(f"  source: {source}")
    total = sum(readers.values())
    click.echo(f"It will reach {total} {'reader' if total == 1 else 'readers'}:")
    for locale, count in readers.items():
        shown = locale if locale in draft.texts else f"{locale}, who get it in {campaign.locale}"
        click.echo(f"  {count} in {shown}")


@main.command("retract")
@click.argument("slug")
@click.argument("number", type=int)
@click.option("--reason", required=True)
def retract_(slug: str, number: int, reason: str) -> None:
    """Take a published update back, in the open."""
    open_app()
    update = published_update(named_campaign(slug).id, number)
    if update is None:
        raise Refusal(f"{slug} has no published update number {number}.")
    retract(update, reason, clock.now())
    log_command("update.retracted", update.campaign_id, number=number)
    db.session.commit()
    click.echo(f"Retracted number {number} of {slug}.")


@main.command()
def audit() -> None:
    """Recount the ledger against the signatures; exits with 1 when they differ."""
    open_app()
    agrees = True
    for campaign in db.session.scalars(select(Campaign).order_by(Campaign.id)):
        signatures, ledger, gap = count_confirmed(campaign.id), recount(campaign.id), first_gap(campaign.id)
        is_right = signatures == ledger and gap is None and count_unknown_to_ledger(campaign.id) == 0
        agrees = agrees and is_right
        verdict = "agree" if is_right else f"DIFFER{f' from entry {gap} on' if gap else ''}"
        shown = public_count(campaign.id)
        click.echo(f"{campaign.slug}: {signatures} signatures, {ledger} by the ledger, {shown} shown: {verdict}")
    sys.exit(0 if agrees else 1)
