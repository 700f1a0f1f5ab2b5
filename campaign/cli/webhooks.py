"""Webhooks: how they fare; what failed tried again."""

import click
from sqlalchemy import select

from campaign import clock
from campaign.cli.group import log_command, main, open_app
from campaign.db import db
from campaign.errors import Refusal
from campaign.webhooks.models import Endpoint, WebhookEvent
from campaign.webhooks.queries import Standing, standings
from campaign.webhooks.queueing import retry_events
from campaign.work import wake


@main.group("webhooks", invoke_without_command=True)
@click.pass_context
def webhooks(ctx: click.Context) -> None:
    """Show how the webhooks fare; try again what failed."""
    if ctx.invoked_subcommand is not None:
        return
    open_app()
    for standing in standings():
        one = standing.endpoint
        state = f"{one.state} ({one.reason})" if one.reason else one.state
        click.echo(f"{one.id}  {one.campaign.slug} {one.netloc}: {state}; {_told(standing)}")


def _told(standing: Standing) -> str:
    last = standing.last
    parts = [f"{standing.waiting} to be sent", f"{standing.failed} failed"]
    if last is not None and last.tried_at is not None:
        parts.append(f"last answer {_answer(last)} at {last.tried_at:%Y-%m-%d %H:%M} UTC")
    if standing.next_at is not None:
        parts.append(f"next try {standing.next_at:%Y-%m-%d %H:%M} UTC")
    return ", ".join(parts)


def _answer(event: WebhookEvent) -> str:
    return str(event.code or event.trouble)


@webhooks.command("retry")
@click.argument("number", type=int)
def webhooks_retry(number: int) -> None:
    """Try at once what failed, and what waits for another try."""
    open_app()
    endpoint = db.session.scalar(select(Endpoint).where(Endpoint.id == number))
    if endpoint is None:
        raise Refusal(f"There is no webhook {number}.")
    count = retry_events(endpoint, clock.now())
    log_command("webhook.retried", endpoint.campaign_id, number=number)
    db.session.commit()
    wake("webhooks")
    click.echo(f"{count} {'event' if count == 1 else 'events'} will be tried again.")
