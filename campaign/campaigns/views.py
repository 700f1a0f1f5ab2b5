"""What the pages about one campaign share; the versions of its text; photos."""

import re

from flask import Blueprint, Response, abort, render_template, request

from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import photo_file, public_campaign, versions
from campaign.db import db
from campaign.organizers.console import console
from campaign.pagecache import cached_page

bp = Blueprint("campaigns", __name__)

FOR_EVER = "public, max-age=31536000, immutable"
_FILE = re.compile(r"([A-Za-z0-9_-]{20})-(480\.jpg|480\.webp|960\.webp)")


def campaign_or_404(slug: str) -> Campaign:
    """The campaign at this address; there is none, says the page, for drafts too."""
    return public_campaign(slug) or abort(404)


@console.context_processor
def offer_campaign() -> dict[str, object]:
    """The campaign at hand, which the frame of the console names."""
    campaign_id = (request.view_args or {}).get("campaign_id")
    return {"campaign": db.session.get(Campaign, campaign_id)} if campaign_id is not None else {}


@bp.get("/<locale:locale>/<slug>/text/")
@cached_page()
def text_versions(locale: str, slug: str) -> str:
    """What stood for people to sign, and when: the versions of the text, the newest first."""
    campaign = campaign_or_404(slug)
    text = campaign.text_in(locale)
    found = versions(campaign.id, text.locale)
    return render_template("campaigns/versions.html", campaign=campaign, text=text, versions=found)


@bp.get("/<locale:locale>/<slug>/text/<int(max=2147483647):number>/")
@cached_page()
def version(locale: str, slug: str, number: int) -> str:
    """One version of the text."""
    campaign = campaign_or_404(slug)
    text = campaign.text_in(locale)
    by_number = {version.number: version for version in versions(campaign.id, text.locale)}
    shown = by_number.get(number) or abort(404)
    return render_template(
        "campaigns/version.html", campaign=campaign, text=text, version=shown, next_one=by_number.get(number + 1)
    )


@bp.get("/photo/<name>")
def photo(name: str) -> Response:
    """A photo: never another one at the same address."""
    asked = _FILE.fullmatch(name) or abort(404)
    content = photo_file(asked[1], asked[2]) or abort(404)
    mimetype = "image/jpeg" if asked[2].endswith("jpg") else "image/webp"
    return Response(content, mimetype=mimetype, headers={"Cache-Control": FOR_EVER})
