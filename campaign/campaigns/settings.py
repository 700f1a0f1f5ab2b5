"""What a campaign decides about itself. Loosening what protects it may need a second organizer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from campaign.campaigns.models import Campaign
from campaign.campaigns.operations import check_country, check_goal
from campaign.db import db
from campaign.errors import Refusal
from campaign.organizers.models import Approval, Organizer
from campaign.organizers.operations import Wish, ask_second, carries_out, possible_seconds

LOOSEN = "loosen"


class NobodySecond(Refusal):
    """A rule that asks for a second person can be loosened only with one."""


@dataclass(frozen=True)
class Settings:
    """What can be set. `second_above` None: mailings need no second organizer, however many they reach."""

    country: str | None
    hashtag: str | None
    goal: int
    goal_grows: bool
    second_above: int | None
    second_for_status: bool
    second_for_export: bool


def change_settings(campaign: Campaign, wanted: Settings, by: Organizer, now: datetime) -> Approval | None:
    """Change the settings; what would loosen a protection waits for a second organizer.

    Raises Refusal for what cannot be, and NobodySecond where no second organizer could agree: a single account that was
    broken into must not free itself by sending the others away. Returns what is asked of the second organizer.
    """
    check_country(wanted.country)
    check_goal(wanted.goal)
    loosening = loosened(campaign, wanted)
    if loosening and not possible_seconds(campaign.id, by, now):
        raise NobodySecond(
            _("There is no second owner or editor yet who could agree. Whoever runs this site can loosen the rules.")
        )
    _apply(campaign, {name: value for name, value in vars(wanted).items() if name not in loosening})
    return ask_second(Wish(LOOSEN, campaign.id, payload=loosening), by, now) if loosening else None


def loosen(campaign: Campaign) -> None:
    """Ask for no second person any more: for whoever runs the site, when a campaign has one organizer left."""
    _apply(campaign, {"second_above": None, "second_for_status": False, "second_for_export": False})


def loosened(campaign: Campaign, wanted: Settings) -> dict[str, Any]:
    """Those of the wanted settings that protect less than the present ones."""
    ticks = ("second_for_status", "second_for_export")
    less: dict[str, Any] = {name: False for name in ticks if getattr(campaign, name) and not getattr(wanted, name)}
    present, next_one = campaign.second_above, wanted.second_above
    if present is not None and (next_one is None or next_one > present):
        less["second_above"] = next_one
    return less


@carries_out(LOOSEN)
def _loosen(approval: Approval, _now: datetime) -> None:
    _apply(db.session.get_one(Campaign, approval.campaign_id), approval.payload)


def _apply(campaign: Campaign, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(campaign, name, value)
    db.session.flush()
