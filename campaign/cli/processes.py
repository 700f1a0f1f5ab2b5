"""The processes beside the web: the worker, and the local inbox."""

import threading

from campaign.cli.group import main
from campaign.config import Config
from campaign.inbox import open_inbox
from campaign.worker import Worker


@main.command()
def worker() -> None:
    """Open intake, append to the ledger, send letters."""
    Worker(Config.read()).run()


@main.command()
def inbox() -> None:
    """Run the local inbox, which keeps letters instead of delivering them."""
    open_inbox(Config.read())
    threading.Event().wait()
