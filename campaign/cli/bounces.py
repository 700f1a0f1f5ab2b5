"""What comes back of letters: taken in from where the mail server leaves it; addresses not to be written to."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import click
import structlog
from flask import Flask

from campaign import clock
from campaign.cli.group import main, open_app
from campaign.config import Config
from campaign.db import db
from campaign.errors import Misconfigured, Refusal
from campaign.mailing.operations import suppress
from campaign.mailing.queries import suppressed, suppressions_by_reason
from campaign.mailing.returning.imap import Unreachable, take_imap
from campaign.mailing.returning.lmtp import Door, open_door
from campaign.mailing.returning.maildir import take_maildir
from campaign.mailing.returning.operations import lift
from campaign.mailing.returning.tasks import Later, Returns, Taken
from campaign.opening import Keyring
from campaign.organizers.operations import log_act
from campaign.sealing import EmailAddress

MAILDIR_SECONDS, IMAP_SECONDS = 5.0, 60.0
BY_HAND = "by hand"

log = structlog.get_logger()


@main.command("bounces")
@click.option("--maildir", type=click.Path(path_type=Path), help="Take them from this Maildir.")
@click.option("--lmtp", metavar="HOST:PORT|PATH", help="Listen on a port, or on a socket's path.")
@click.option("--imap", is_flag=True, help="Take them from the mailbox of CAMPAIGN_BOUNCE_IMAP_URL.")
@click.option("--once", is_flag=True, help="Take in what is there (by LMTP: one mail), say how many, and end.")
def bounces(maildir: Path | None, lmtp: str | None, imap: bool, once: bool) -> None:
    """Take in letters that came back, complaints, and mail to the address for unsubscribing."""
    if [maildir is not None, lmtp is not None, imap].count(True) != 1:
        raise click.UsageError("Give one of --maildir, --lmtp and --imap.")
    config, app = Config.read(), open_app()
    returns = Returns(config, Keyring.read(config))
    if not returns.addresses.is_set:
        raise Misconfigured("CAMPAIGN_BOUNCE_ADDRESS is not set. Give an address such as bounces@letters.example.org")
    if lmtp is not None:
        _listen(lmtp, returns, app, config, once=once)
    elif maildir is not None:
        _take(partial(take_maildir, maildir, returns), app, None if once else MAILDIR_SECONDS)
    else:
        _take(partial(take_imap, config, returns), app, None if once else IMAP_SECONDS)


def _take(source: Callable[[], Counter[Taken]], app: Flask, every: float | None) -> None:
    """Take in what a source has: every so many seconds, or once."""
    if every is None:
        _once(source)
    else:
        _poll(source, app, every)


def _once(source: Callable[[], Counter[Taken]]) -> None:
    try:
        _say(source())
    except (Later, Unreachable) as error:
        raise Refusal(f"Not now: {error}. What was not taken in is still there.") from None


def _say(counts: Counter[Taken]) -> None:
    click.echo(", ".join(f"{count} {taken}" for taken, count in sorted(counts.items())) or "Nothing came back.")


def _poll(source: Callable[[], Counter[Taken]], app: Flask, seconds: float) -> NoReturn:
    while True:
        with app.app_context():
            try:
                _log(source())
            except (Later, Unreachable) as error:
                log.warning("bounces not taken", error=str(error))
        time.sleep(seconds)


def _log(counts: Counter[Taken]) -> None:
    if counts:
        log.info("bounces taken", **{taken.value: count for taken, count in sorted(counts.items())})


def _listen(where: str, returns: Returns, app: Flask, config: Config, *, once: bool) -> None:
    is_enough = threading.Event()

    def take(content: bytes, recipients: list[str]) -> Taken:
        with app.app_context():
            taken = returns.take(content, recipients)
        _log(Counter([taken]))
        if once:
            is_enough.set()
        return taken

    server = open_door(where, Door(returns.addresses, take), urlsplit(config.public_url).hostname or "localhost")
    click.echo(f"listening at {where}")
    is_enough.wait()
    server.stop()


# Addresses not to be written to


@main.group("suppressions", invoke_without_command=True)
@click.pass_context
def suppressions(ctx: click.Context) -> None:
    """Show how many addresses are not written to, and why; add one, or lift one."""
    if ctx.invoked_subcommand is not None:
        return
    open_app()
    counts = suppressions_by_reason()
    for reason, count in counts.items():
        click.echo(f"{count}  {reason}")
    click.echo(f"{sum(counts.values())} in all.")


@suppressions.command("add")
@click.argument("address")
def suppressions_add(address: str) -> None:
    """Never write to an address again; - reads it from standard input."""
    key = _key(address)
    if suppressed([key]):
        raise Refusal("This address is not written to already.")
    suppress(key, BY_HAND, clock.now())
    log_act("suppression.added", None, None, clock.now())
    db.session.commit()
    click.echo("Added. Nothing is written to it any more.")


@suppressions.command("lift")
@click.argument("address")
def suppressions_lift(address: str) -> None:
    """Let an address be written to again; - reads it from standard input."""
    if not lift(_key(address)):
        raise Refusal("This address is not among them.")
    log_act("suppression.lifted", None, None, clock.now())
    db.session.commit()
    click.echo("Lifted. It gets letters again.")


def _key(address: str) -> bytes:
    """What stands for an address; the app is open then."""
    open_app()
    typed = sys.stdin.readline() if address == "-" else address
    try:
        return Keyring.read(Config.read()).suppression_key(EmailAddress.parse(typed))
    except ValueError:
        raise Refusal("This does not look like an e-mail address.") from None
