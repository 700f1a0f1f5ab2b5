"""The `campaign` command, thin: each command asks a room and prints its answer."""

from campaign.cli import (  # noqa: F401 - importing a module adds its commands
    bounces,
    campaigns,
    mailings,
    moderating,
    organizers,
    processes,
    setting_up,
    watching,
    webhooks,
)
from campaign.cli.group import main as main
