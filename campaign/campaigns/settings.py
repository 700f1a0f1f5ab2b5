"""What a campaign decides about itself. Loosening what protects it may need a second organizer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaign.campaigns.models import Campaign
from campaign.campaigns.operations import check_country, check_goal
from campaign.db import db
from campaign.organizers.models import Approval, Organizer
from campaign.organizers.operations import Wish, ask_second, carries_out, possible_seconds

LOOSEN = "loosen"


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
    """Change the settings; what would loosen a protection waits for a second organizer, where there is one.

    Raises Refusal for what cannot be. Returns what is asked of the second organizer.
    """
    check_country(wanted.country)
    check_goal(wanted.goal)
    loosening = loosened(campaign, wanted)
    asks = bool(loosening) and bool(possible_seconds(campaign.id, by, now))
    _apply(campaign, {name: value for name, value in vars(wanted).items() if not asks or name not in loosening})
    return ask_second(Wish(LOOSEN, campaign.id, payload=loosening), by, now) if asks else None


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
