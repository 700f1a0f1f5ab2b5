"""The group of commands, and what the commands share."""

import click
from flask import Flask

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import campaign_by_slug
from campaign.errors import Misconfigured, Refusal
from campaign.organizers.operations import log_act


class _Commands(click.Group):
    """Says what is wrong in a sentence, not in a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Misconfigured as error:
            raise click.ClickException(f"Campaign cannot start. {error}") from None
        except Refusal as error:
            raise click.ClickException(str(error.sentence)) from None


@click.group(cls=_Commands)
def main() -> None:
    """Run and keep solidarity campaigns."""


def open_app() -> Flask:
    """The app, its context in force until the command ends."""
    app = create_app()
    app.app_context().push()
    return app


def log_command(act: str, campaign_id: int, **details: str | int) -> None:
    """A line of the log, by nobody's name: whoever may run commands."""
    log_act(act, campaign_id, None, clock.now(), **details)


def named_campaign(slug: str) -> Campaign:
    """The campaign with this slug; raises Refusal."""
    campaign = campaign_by_slug(slug)
    if campaign is None:
        raise Refusal(f"There is no campaign “{slug}”.")
    return campaign
