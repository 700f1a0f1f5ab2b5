"""Organizers: invited, listed, dismissed, helped with a lost second factor."""

import click
from sqlalchemy import select

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.campaigns.operations import check_locales
from campaign.campaigns.settings import loosen
from campaign.cli.group import log_command, main, named_campaign, open_app
from campaign.config import Config
from campaign.db import db
from campaign.errors import Refusal
from campaign.i18n import DEFAULT_LOCALE
from campaign.links import public_url
from campaign.opening import Keyring
from campaign.organizers.models import Organizer, Role
from campaign.organizers.operations import dismiss, forget_second_factor, log_act
from campaign.organizers.queries import all_organizers, last_seen, organizer_by_name
from campaign.organizers.tasks import enlist, write_invitation
from campaign.sealing import EmailAddress
from campaign.work import wake


@main.command("invite")
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="owner", show_default=True)
@click.option("--campaign", "slugs", multiple=True, help="A campaign, or several; else all there are.")
@click.option("--language", default=DEFAULT_LOCALE, show_default=True)
def invite_(email: str, role: str, slugs: tuple[str, ...], language: str) -> None:
    """Invite an organizer by mail; prints the link, too."""
    open_app()
    try:
        address = EmailAddress.parse(email)
    except ValueError:
        raise Refusal("This does not look like an e-mail address.") from None
    check_locales([language])
    campaigns = [named_campaign(slug) for slug in slugs] or db.session.scalars(select(Campaign)).all()
    link = send_invitation(address, Role(role), [campaign.id for campaign in campaigns], language)
    click.echo(f"Invited. The letter is on its way; the link works once, for 72 hours:\n{link}")


def send_invitation(address: EmailAddress, role: Role, campaign_ids: list[int], language: str) -> str:
    """Make somebody a member, owe the letter, log it; returns the address at which they begin."""
    keys = Keyring.read(Config.read())
    token = write_invitation(enlist(address, role, campaign_ids, language, keys, reopens=True), keys)
    for campaign_id in campaign_ids:
        log_act("member.invited", campaign_id, None, clock.now(), role=role)
    db.session.commit()
    wake("letters")
    return public_url("accounts.welcome", token=token) if token else public_url("console.account")


@main.group(invoke_without_command=True)
@click.pass_context
def organizers(ctx: click.Context) -> None:
    """List the organizers; dismiss one, or let one set up the second factor anew."""
    if ctx.invoked_subcommand is not None:
        return
    open_app()
    slugs = {campaign.id: campaign.slug for campaign in db.session.scalars(select(Campaign))}
    everybody = all_organizers()
    seen = last_seen([organizer.id for organizer in everybody])
    for organizer in everybody:
        roles = ", ".join(f"{slugs[member.campaign_id]} {member.role}" for member in organizer.memberships)
        at = seen.get(organizer.id)
        state = "dismissed" if not organizer.active else "invited" if organizer.password is None else "active"
        click.echo(f"{organizer.name}  {state}, {f'last seen {at:%Y-%m-%d %H:%M}' if at else 'not signed in'}")
        click.echo(f"    {roles or 'in no campaign'}")


@organizers.command("dismiss")
@click.argument("name")
def organizers_dismiss(name: str) -> None:
    """Close an account: all its sessions end at once. `campaign invite` opens it again, from the beginning."""
    open_app()
    organizer = _organizer(name)
    dismiss(organizer)
    _log_of_all("account.dismissed", organizer)
    db.session.commit()
    click.echo(f"Dismissed {organizer.name}.")


@organizers.command("new-factor")
@click.argument("name")
def organizers_new_factor(name: str) -> None:
    """Take the second factor away from somebody who lost it; the next signing in sets up a new one.

    Be sure that it is they who ask: until then the password alone lets in.
    """
    open_app()
    organizer = _organizer(name)
    forget_second_factor(organizer)
    _log_of_all("account.factor_taken", organizer)
    db.session.commit()
    click.echo(f"{organizer.name} is signed out, and sets up a second factor when signing in.")


def _log_of_all(act: str, organizer: Organizer) -> None:
    """A line in the log of each campaign that the organizer is in: its owners shall see it."""
    for campaign_id in (None, *(member.campaign_id for member in organizer.memberships)):
        log_act(act, campaign_id, None, clock.now(), member=organizer.name)


def _organizer(name: str) -> Organizer:
    organizer = organizer_by_name(name)
    if organizer is None:
        raise Refusal(f"There is no organizer “{name}”.")
    return organizer


@main.command("loosen")
@click.argument("slug")
def loosen_(slug: str) -> None:
    """Ask for no second organizer any more: where only one is left."""
    open_app()
    campaign = named_campaign(slug)
    loosen(campaign)
    log_command("settings.loosened", campaign.id)
    db.session.commit()
    click.echo(f"{slug} asks for no second organizer any more.")
