"""The console's first page, the overview of a campaign, and the campaign page as it would look."""

from dataclasses import dataclass

from flask import make_response, render_template
from flask.typing import ResponseReturnValue

from campaign.campaigns.console import campaign_at
from campaign.campaigns.forms import TextForm
from campaign.campaigns.models import Campaign, TextVersion
from campaign.campaigns.operations import TextDraft
from campaign.campaigns.queries import campaigns_of
from campaign.i18n import LOCALES, speak
from campaign.organizers.console import ANY_ROLE, acting, allowed, console, signed_in
from campaign.organizers.models import Role
from campaign.organizers.queries import memberships_of
from campaign.pages.views import shown
from campaign.pages.waiting import waiting_for
from campaign.signing.queries import counts_of, progress
from campaign.web import may_be_framed


@console.get("/")
@signed_in()
def home() -> ResponseReturnValue:
    """My campaigns: how they stand, and what waits in each."""
    roles = memberships_of(acting().organizer.id)
    campaigns = campaigns_of(roles)
    return render_template(
        "console/pages/home.html",
        campaigns=campaigns,
        roles=roles,
        counts=counts_of(roles),
        waiting=waiting_for(campaigns, roles),
        may_found=acting().organizer.may_found,
    )


@console.get("/<int:campaign_id>/")
@allowed(*ANY_ROLE)
def campaign_overview(campaign_id: int) -> ResponseReturnValue:
    """One campaign: how it stands, what waits."""
    campaign, role = campaign_at(campaign_id), acting().role or ""
    return render_template(
        "console/pages/overview.html",
        campaign=campaign,
        progress=progress(campaign),
        waiting=waiting_for([campaign], {campaign_id: role})[campaign_id],
        original=campaign.text_in(campaign.locale),
        rows=[(code, language, campaign.text_of(code)) for code, language in LOCALES.items()],
    )


@dataclass(frozen=True)
class _Typed:
    """A text as it was typed, in the place of the one that is kept."""

    locale: str
    title: str
    summary: str
    body: str
    demands: list[str]
    outcome: str | None
    version: TextVersion

    @property
    def version_id(self) -> int:
        return self.version.id


@console.get("/<int:campaign_id>/preview/<locale:locale>/")
@allowed(*ANY_ROLE)
def preview(campaign_id: int, locale: str) -> ResponseReturnValue:
    """The page of the campaign, drafts too, as readers see it."""
    campaign = campaign_at(campaign_id)
    speak(locale)
    return _page(shown(campaign, locale))


@console.post("/<int:campaign_id>/preview/<locale:locale>/")
@allowed(Role.OWNER, Role.EDITOR, Role.TRANSLATOR)
def preview_typed(campaign_id: int, locale: str) -> ResponseReturnValue:
    """The page of the campaign with the text that is being typed; nothing is kept."""
    campaign = campaign_at(campaign_id)
    speak(locale)
    return _page({**shown(campaign, locale), "text": _typed(campaign, locale, TextForm().draft())})


def _typed(campaign: Campaign, locale: str, draft: TextDraft) -> _Typed:
    return _Typed(locale=locale, version=campaign.text_in(locale).version, **vars(draft))


def _page(context: dict[str, object]) -> ResponseReturnValue:
    return may_be_framed(make_response(render_template("pages/campaign.html", **context)))
