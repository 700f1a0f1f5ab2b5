"""What waits for the organizers of a campaign: a sentence each, and the page where it is done.

Each of ASKERS looks at several campaigns at once, with a number of queries that does not grow with them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from flask_babel import gettext as _
from flask_babel import ngettext

from campaign.campaigns.models import Campaign, CampaignState, TextState
from campaign.campaigns.operations import what_is_missing
from campaign.i18n import LOCALES, number
from campaign.organizers.console import whom
from campaign.organizers.queries import open_approval_counts


@dataclass(frozen=True)
class Waiting:
    """A sentence, and the console page where what it says is done."""

    campaign_id: int
    sentence: str
    endpoint: str
    values: dict[str, object] = field(default_factory=dict)


Asker = Callable[[Sequence[Campaign]], Iterable[Waiting]]


def drafts(campaigns: Sequence[Campaign]) -> Iterable[Waiting]:
    """Drafts: what is still missing, or that they can open."""
    for campaign in campaigns:
        if campaign.state == CampaignState.DRAFT:
            missing = what_is_missing(campaign)
            sentences = missing or [_("All is there: the campaign can open.")]
            yield from (Waiting(campaign.id, sentence, "console.campaign_state") for sentence in sentences)


def old_translations(campaigns: Sequence[Campaign]) -> Iterable[Waiting]:
    """Translations that are older than the original."""
    for campaign in campaigns:
        original = campaign.text_in(campaign.locale)
        for text in campaign.texts:
            if text.state_beside(original) == TextState.OLDER:
                sentence = _("The text in %(language)s is older than the original.", language=LOCALES[text.locale])
                yield Waiting(campaign.id, sentence, "console.text_edit", {"code": text.locale})


def approvals(campaigns: Sequence[Campaign]) -> Iterable[Waiting]:
    """What waits for a second organizer."""
    for campaign_id, count in open_approval_counts([campaign.id for campaign in campaigns]).items():
        sentence = ngettext(
            "%(count)s act waits for a second organizer.",
            "%(count)s acts wait for a second organizer.",
            count,
            count=number(count),
        )
        yield Waiting(campaign_id, sentence, "console.approvals")


ASKERS: tuple[Asker, ...] = (approvals, drafts, old_translations)
"""Rooms whose work waits add their own here."""


def waiting_for(campaigns: Sequence[Campaign], roles: dict[int, str]) -> dict[int, list[Waiting]]:
    """What waits in these campaigns, by campaign, as far as the role in each allows to do it."""
    found: dict[int, list[Waiting]] = {campaign.id: [] for campaign in campaigns}
    for asker in ASKERS:
        for waiting in asker(campaigns):
            may = whom(waiting.endpoint)
            if isinstance(may, tuple) and roles[waiting.campaign_id] in may:
                found[waiting.campaign_id].append(waiting)
    return found
