"""What everybody may read of the signatures: the names that are shown, the countries, how the count came about."""

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaign.campaigns.views import campaign_or_404
from campaign.ledger.queries import history
from campaign.pagecache import cached_page
from campaign.signing.counting.queries import FEWEST, countries_to_choose, public_countries
from campaign.signing.forms import Filter
from campaign.signing.invalidating.forms import KINDS
from campaign.signing.invalidating.queries import invalidations
from campaign.signing.paper.queries import count_on_paper
from campaign.signing.queries import PAGE, listed_signatures, progress
from campaign.signing.views import bp
from campaign.web import mark, marked

__all__ = ("bp",)


@bp.get("/<locale:locale>/<slug>/signatures/")
def signatures(locale: str, slug: str) -> ResponseReturnValue:
    """The names of those who chose to show them, newest first, by pages; all, of a country, of an organisation."""
    campaign, asked = campaign_or_404(slug), Filter.asked("country", "organisation")
    wanted = asked.wanted()
    found = listed_signatures(campaign.id, marked(request.args.get("before")), wanted, PAGE + 1) if wanted else []
    last = found[PAGE - 1] if len(found) > PAGE else None
    return render_template(
        "signing/signatures.html",
        campaign=campaign,
        text=campaign.text_in(locale),
        signatures=found[:PAGE],
        progress=progress(campaign),
        asked=asked,
        countries=countries_to_choose(campaign.id, locale, asked.country),
        next_url=url_for("signing.signatures", slug=slug, before=mark(last.confirmed_at, last.id), **asked.values)
        if last and last.confirmed_at
        else None,
    )


@bp.get("/<locale:locale>/<slug>/countries/")
@cached_page()
def countries(locale: str, slug: str) -> str:
    """From which countries the signatures come, as the worker counted them last."""
    campaign = campaign_or_404(slug)
    return render_template(
        "signing/countries.html",
        campaign=campaign,
        text=campaign.text_in(locale),
        progress=progress(campaign),
        by_country=public_countries(campaign.id),
        fewest=FEWEST,
    )


@bp.get("/<locale:locale>/<slug>/ledger/")
@cached_page()
def ledger(locale: str, slug: str) -> str:
    """How the count came about: what was added, withdrawn, invalidated, given back."""
    campaign = campaign_or_404(slug)
    return render_template(
        "signing/ledger.html",
        campaign=campaign,
        text=campaign.text_in(locale),
        history=history(campaign.id),
        on_paper=count_on_paper(campaign.id),
        invalidations=invalidations(campaign.id),
        kinds=KINDS,
    )
