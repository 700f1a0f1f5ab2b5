"""The `campaign` command, thin: each command asks a room and prints its answer."""

import sys
import threading
from pathlib import Path

import click
from flask import Flask
from sqlalchemy import select

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign
from campaign.campaigns.operations import check_locales
from campaign.campaigns.queries import campaign_by_slug
from campaign.campaigns.settings import loosen
from campaign.config import SETTINGS_FILE, Config
from campaign.db import ROOT, db
from campaign.demo import load_demo
from campaign.errors import Misconfigured, Refusal
from campaign.i18n import DEFAULT_LOCALE
from campaign.importing import import_campaign, read_campaign, read_update
from campaign.inbox import open_inbox
from campaign.ledger.queries import first_gap, public_count, recount
from campaign.links import public_url
from campaign.mailing.models import Mailing
from campaign.mailing.operations import pause, resume, retry_failed, stop
from campaign.mailing.queries import mailings_progress, reach
from campaign.opening import Keyring, make_keys
from campaign.organizers.models import Organizer, Role
from campaign.organizers.operations import dismiss, forget_second_factor, log_act
from campaign.organizers.queries import all_organizers, last_seen, organizer_by_name
from campaign.organizers.tasks import enlist, write_invitation
from campaign.sealing import EmailAddress
from campaign.signing.queries import count_confirmed, count_unknown_to_ledger
from campaign.statements.models import Act, Item
from campaign.statements.operations import Moderator, Verdict, approve, decide
from campaign.statements.queries import case_of, waiting_endorsements, waiting_statements
from campaign.timeline.models import Update
from campaign.timeline.operations import UpdateDraft, add_update, is_told_already, publish, retract
from campaign.timeline.queries import published_update
from campaign.work import wake
from campaign.worker import Worker

DEMO_SETTING = "CAMPAIGN_DEMO=yes"
DEMO_OWNER = "owner@example.org"


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


def _app() -> Flask:
    app = create_app()
    app.app_context().push()
    return app


def _migrate() -> None:
    from flask_migrate import Migrate, upgrade  # half a second that no other command needs

    Migrate(_app(), db, directory=str(ROOT / "migrations"))
    upgrade()


@main.command()
def keys() -> None:
    """Make the keys of this installation, once."""
    config = Config.read()
    made = make_keys(config.keys)
    click.echo(f"{'Made the keys in' if made else 'The keys are there already:'} {config.keys}")


@main.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    _migrate()


@main.command()
@click.option("--port", default=5000, show_default=True)
def prepare(port: int) -> None:
    """Prepare a demonstration on this machine: settings, keys, database, campaigns."""
    instance = Path(Config.folder())
    instance.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_demo_settings(instance / SETTINGS_FILE, port)
    make_keys(Config.read().keys)
    _migrate()
    load_demo(Keyring.read(Config.read()))
    campaign_ids = list(db.session.scalars(select(Campaign.id)))
    console_url = _invite(EmailAddress.parse(DEMO_OWNER), Role.OWNER, campaign_ids, DEFAULT_LOCALE)
    click.echo(
        f"\n  The campaigns   http://localhost:{port}/\n  The letters     http://localhost:{port}/inbox/\n"
        f"  The console     {console_url}\n\n"
        "  Sign the appeal for Amin, open the letter, confirm. Then, in another terminal:\n"
        "      .venv/bin/campaign publish campaign/demo/amin-is-free.md\n  and read the letter that tells it.\n"
    )


def _write_demo_settings(file: Path, port: int) -> None:
    """The settings of a demonstration; those of anything else are left alone."""
    if file.exists() and DEMO_SETTING not in file.read_text("utf-8"):
        raise Refusal(f"{file} is not that of a demonstration. Choose another folder with CAMPAIGN_INSTANCE.")
    file.write_text(
        f"{DEMO_SETTING}\nCAMPAIGN_PUBLIC_URL=http://localhost:{port}\n"
        f"CAMPAIGN_SMTP_URL=smtp://127.0.0.1:{port + 1}\nCAMPAIGN_MAIL_FROM=Campaign <news@campaign.example.org>\n"
    )


@main.command("invite")
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="owner", show_default=True)
@click.option("--campaign", "slugs", multiple=True, help="A campaign, or several; else all there are.")
@click.option("--language", default=DEFAULT_LOCALE, show_default=True)
def invite_(email: str, role: str, slugs: tuple[str, ...], language: str) -> None:
    """Invite an organizer by mail; prints the link, too."""
    _app()
    try:
        address = EmailAddress.parse(email)
    except ValueError:
        raise Refusal("This does not look like an e-mail address.") from None
    check_locales([language])
    campaigns = [_campaign(slug) for slug in slugs] or db.session.scalars(select(Campaign)).all()
    link = _invite(address, Role(role), [campaign.id for campaign in campaigns], language)
    click.echo(f"Invited. The letter is on its way; the link works once, for 72 hours:\n{link}")


def _invite(address: EmailAddress, role: Role, campaign_ids: list[int], language: str) -> str:
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
    _app()
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
    _app()
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
    _app()
    organizer = _organizer(name)
    forget_second_factor(organizer)
    _log_of_all("account.factor_taken", organizer)
    db.session.commit()
    click.echo(f"{organizer.name} is signed out, and sets up a second factor when signing in.")


def _log_of_all(act: str, organizer: Organizer) -> None:
    """A line in the log of each campaign that the organizer is in: its owners shall see it."""
    for campaign_id in (None, *(member.campaign_id for member in organizer.memberships)):
        log_act(act, campaign_id, None, clock.now(), member=organizer.name)


@main.command("loosen")
@click.argument("slug")
def loosen_(slug: str) -> None:
    """Ask for no second organizer any more: where only one is left."""
    _app()
    campaign = _campaign(slug)
    loosen(campaign)
    _log("settings.loosened", campaign.id)
    db.session.commit()
    click.echo(f"{slug} asks for no second organizer any more.")


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_(file: Path) -> None:
    """Load a whole campaign from a TOML file."""
    _app()
    campaign = import_campaign(read_campaign(file), clock.now())
    _log("campaign.founded", campaign.id)
    db.session.commit()
    click.echo(f"Loaded {campaign.slug}: {len(campaign.people)} people, {len(campaign.texts)} languages.")


@main.command("publish")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
def publish_(file: Path, yes: bool) -> None:
    """Publish an update from a Markdown file with front matter, and tell the readers."""
    _app()
    slug, draft = read_update(file)
    campaign = _campaign(slug)
    if is_told_already(campaign, draft):
        raise Refusal("The timeline has this update already.")
    update = add_update(campaign, draft)
    _show_plan(campaign, draft, reach(campaign.id, is_status=update.is_status))
    if not yes and not click.confirm("Publish?"):
        raise click.Abort
    publish(update, clock.now())
    _log("update.published", campaign.id, number=update.number)
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
    _app()
    update = published_update(_campaign(slug).id, number)
    if update is None:
        raise Refusal(f"{slug} has no published update number {number}.")
    retract(update, reason, clock.now())
    _log("update.retracted", update.campaign_id, number=number)
    db.session.commit()
    click.echo(f"Retracted number {number} of {slug}.")


@main.group()
def moderate() -> None:
    """List, approve, reject or hold statements (7) and endorsements (e7)."""


@moderate.command("list")
def moderate_list() -> None:
    """The statements and endorsements that wait, oldest first."""
    _app()
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
    _app()
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
    _app()
    item = _item(number)
    decide(item, verdict, Moderator(None, clock.now()))
    log_act(f"{item.kind}.{verdict.act}", item.campaign_id, None, clock.now(), number=item.id)
    db.session.commit()


@main.group(invoke_without_command=True)
@click.pass_context
def mailings(ctx: click.Context) -> None:
    """Show how far the mailings are; pause, resume, stop them, try again what failed."""
    if ctx.invoked_subcommand is not None:
        return
    _app()
    for progress in mailings_progress():
        mailing = progress.mailing
        update = db.session.get_one(Update, mailing.update_id)
        counts = ", ".join(f"{count} {state}" for state, count in sorted(progress.by_state.items()))
        click.echo(
            f"{mailing.id}  {update.campaign.slug} number {update.number}: {mailing.state}; {counts or 'no readers'}"
        )
        if mailing.reason:
            click.echo(f"   {mailing.reason}")


@mailings.command("pause")
@click.argument("number", type=int)
def mailings_pause(number: int) -> None:
    """Send nothing more of a mailing for now."""
    _app()
    pause(_mailing(number), "paused by hand")
    _log_mailing("mailing.paused", number)
    db.session.commit()


@mailings.command("resume")
@click.argument("number", type=int)
def mailings_resume(number: int) -> None:
    """Go on with a paused mailing."""
    _app()
    resume(_mailing(number))
    _log_mailing("mailing.resumed", number)
    db.session.commit()
    wake("mailings")


@mailings.command("stop")
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
def mailings_stop(number: int, yes: bool) -> None:
    """Send nothing more of a mailing, ever."""
    _app()
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
    _app()
    count = retry_failed(_mailing(number), clock.now())
    _log_mailing("mailing.retried", number)
    db.session.commit()
    wake("letters")
    click.echo(f"{count} {'letter' if count == 1 else 'letters'} will be tried again.")


@main.command()
def audit() -> None:
    """Recount the ledger against the signatures; exits with 1 when they differ."""
    _app()
    agrees = True
    for campaign in db.session.scalars(select(Campaign).order_by(Campaign.id)):
        signatures, ledger, gap = count_confirmed(campaign.id), recount(campaign.id), first_gap(campaign.id)
        is_right = signatures == ledger and gap is None and count_unknown_to_ledger(campaign.id) == 0
        agrees = agrees and is_right
        verdict = "agree" if is_right else f"DIFFER{f' from entry {gap} on' if gap else ''}"
        shown = public_count(campaign.id)
        click.echo(f"{campaign.slug}: {signatures} signatures, {ledger} by the ledger, {shown} shown: {verdict}")
    sys.exit(0 if agrees else 1)


@main.command()
def worker() -> None:
    """Open intake, append to the ledger, send letters."""
    Worker(Config.read()).run()


@main.command()
def inbox() -> None:
    """Run the local inbox, which keeps letters instead of delivering them."""
    open_inbox(Config.read())
    threading.Event().wait()


def _log(act: str, campaign_id: int, **details: str | int) -> None:
    """A line of the log, by nobody's name: whoever may run commands."""
    log_act(act, campaign_id, None, clock.now(), **details)


def _log_mailing(act: str, number: int) -> None:
    mailing = _mailing(number)
    _log(act, mailing.campaign_id, number=db.session.get_one(Update, mailing.update_id).number)


def _campaign(slug: str) -> Campaign:
    campaign = campaign_by_slug(slug)
    if campaign is None:
        raise Refusal(f"There is no campaign “{slug}”.")
    return campaign


def _item(number: str) -> Item:
    """The statement 7, or the endorsement e7."""
    kind, digits = ("endorsement" if number.startswith("e") else "statement"), number.removeprefix("e")
    if not (digits.isascii() and digits.isdecimal()):
        raise Refusal(f"“{number}” is not a number. A statement is 7, an endorsement e7.")
    found = case_of(None, kind, int(digits))
    if found is None:
        raise Refusal(f"There is no {kind} {digits}.")
    return found.item


def _organizer(name: str) -> Organizer:
    organizer = organizer_by_name(name)
    if organizer is None:
        raise Refusal(f"There is no organizer “{name}”.")
    return organizer


def _mailing(number: int) -> Mailing:
    mailing = db.session.get(Mailing, number)
    if mailing is None:
        raise Refusal(f"There is no mailing {number}.")
    return mailing
