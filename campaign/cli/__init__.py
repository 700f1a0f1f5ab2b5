"""The `campaign` command, thin: each command asks a room and prints its answer."""

from campaign.cli import campaigns, mailings, moderating, organizers, processes, setting_up, watching
from campaign.cli.group import main

__all__ = ["campaigns", "mailings", "main", "moderating", "organizers", "processes", "setting_up", "watching"]
