"""Keys, database, and the demonstration of `make run`."""

from pathlib import Path

import click
from sqlalchemy import select

from campaign.campaigns.models import Campaign
from campaign.cli.group import main, open_app
from campaign.cli.organizers import send_invitation
from campaign.config import SETTINGS_FILE, Config
from campaign.db import ROOT, db
from campaign.demo import load_demo
from campaign.errors import Refusal
from campaign.i18n import DEFAULT_LOCALE
from campaign.opening import Keyring, make_keys
from campaign.organizers.models import Role
from campaign.sealing import EmailAddress

DEMO_SETTING = "CAMPAIGN_DEMO=yes"
DEMO_OWNER = "owner@example.org"


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


def _migrate() -> None:
    from flask_migrate import Migrate, upgrade  # half a second that no other command needs

    Migrate(open_app(), db, directory=str(ROOT / "migrations"))
    upgrade()


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
    console_url = send_invitation(EmailAddress.parse(DEMO_OWNER), Role.OWNER, campaign_ids, DEFAULT_LOCALE)
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
    file.touch(mode=0o600)
    file.write_text(
        f"{DEMO_SETTING}\nCAMPAIGN_PUBLIC_URL=http://localhost:{port}\n"
        f"CAMPAIGN_SMTP_URL=smtp://127.0.0.1:{port + 1}\nCAMPAIGN_MAIL_FROM=Campaign <news@campaign.example.org>\n"
    )
