"""The `campaign` command, thin: each command asks a room and prints its answer."""

from campaign.cli import bounces, campaigns, mailings, moderating, organizers, processes, setting_up, watching
from campaign.cli.group import main

__all__ = [
    "bounces",
    "campaigns",
    "mailings",
    "main",
    "moderating",
    "organizers",
    "processes",
    "setting_up",
    "watching",
]
