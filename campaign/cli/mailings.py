"""Mailings: how far they are; paused, resumed, stopped, tried again."""

import click

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.cli.group import log_command, main, open_app
from campaign.db import db
from campaign.errors import Refusal
from campaign.mailing.models import Mailing
from campaign.mailing.posting import pause, resume, retry_failed, stop
from campaign.mailing.queries import mailings_progress
from campaign.timeline.models import Update
from campaign.work import wake


@main.group(invoke_without_command=True)
@click.pass_context
def mailings(ctx: click.Context) -> None:
    """Show how far the mailings are; pause, resume, stop them, try again what failed."""
    if ctx.invoked_subcommand is not None:
        return
    open_app()
    for progress in mailings_progress():
        mailing = progress.mailing
        came_back = {"bounced": progress.bounced, "complained": progress.complained}
        known = [*sorted(progress.by_state.items()), *((what, count) for what, count in came_back.items() if count)]
        counts = ", ".join(f"{count} {state}" for state, count in known)
        slug = db.session.get_one(Campaign, mailing.campaign_id).slug
        click.echo(f"{mailing.id}  {slug} {_told(mailing)}: {mailing.state}; {counts or 'no readers'}")
        if mailing.reason:
            click.echo(f"   {mailing.reason}")


@mailings.command("pause")
@click.argument("number", type=int)
def mailings_pause(number: int) -> None:
    """Send nothing more of a mailing for now."""
    open_app()
    pause(_mailing(number), "paused by hand")
    _log_mailing("mailing.paused", number)
    db.session.commit()


@mailings.command("resume")
@click.argument("number", type=int)
def mailings_resume(number: int) -> None:
    """Go on with a paused mailing."""
    open_app()
    resume(_mailing(number))
    _log_mailing("mailing.resumed", number)
    db.session.commit()
    wake("mailings")


@mailings.command("stop")
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
def mailings_stop(number: int, yes: bool) -> None:
    """Send nothing more of a mailing, ever."""
    open_app()
    mailing = _mailing(number)
    if not yes and not click.confirm("Nothing more of it will ever be sent. Stop?"):
        raise click.Abort
    stop(mailing, clock.now(), "stopped by hand")
    _log_mailing("mailing.stopped", number)
    db.session.commit()


@mailings.command("retry")
@click.argument("number", type=int)
def mailings_retry(number: int) -> None:
    """Try the failed letters of a mailing again."""
    open_app()
    count = retry_failed(_mailing(number), clock.now())
    _log_mailing("mailing.retried", number)
    db.session.commit()
    wake("letters")
    click.echo(f"{count} {'letter' if count == 1 else 'letters'} will be tried again.")


def _log_mailing(act: str, number: int) -> None:
    mailing = _mailing(number)
    update = db.session.get(Update, mailing.update_id) if mailing.update_id else None
    told = {"number": update.number} if update else {"week": str(mailing.digest_of)}
    log_command(act, mailing.campaign_id, **told)


def _told(mailing: Mailing) -> str:
    """What its letters tell."""
    if mailing.update_id is None:
        return f"letter of the week, {mailing.digest_of}"
    return f"number {db.session.get_one(Update, mailing.update_id).number}"


def _mailing(number: int) -> Mailing:
    mailing = db.session.get(Mailing, number)
    if mailing is None:
        raise Refusal(f"There is no mailing {number}.")
    return mailing
