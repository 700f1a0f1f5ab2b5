"""The description of the interface (OpenAPI), and the page that shows it."""

import json
from functools import cache
from typing import Any

from flask import Blueprint, Flask, Response, current_app, render_template, request
from flask_smorest import Api
from sqlalchemy import select
from werkzeug.exceptions import HTTPException

import campaign.api.osdi.recording  # noqa: F401 - it adds its address to OSDI's
from campaign.api import problems, views
from campaign.api.addresses import address_of
from campaign.api.osdi.views import bp as osdi
from campaign.api.reading import operations
from campaign.campaigns.models import Campaign, CampaignState
from campaign.db import db
from campaign.errors import Refusal
from campaign.links import public_url
from campaign.pagecache import cached_page
from campaign.web import OPEN_TO_OTHER_SITES

bp = Blueprint("api_page", __name__)

ROOMS = (views.bp, osdi)
NAMES = {"title": "Campaign", "version": "1", "openapi_version": "3.1.0"}

ABOUT = (
    "What other programs can read of the campaigns here, and how they can take signatures. No key is needed. "
    "Pages of any site may call it from a browser. Nothing that it says is about anybody who signed. "
    "Errors are problems as RFC 9457 describes them, in the language that Accept-Language asks for."
)


class Interface(Api):  # type: ignore[misc] # it has no types
    """Flask-smorest, which describes what the blueprints' decorators say. Errors are problems."""

    ERROR_SCHEMA = problems.Problem
    DEFAULT_RESPONSE_CONTENT_TYPE = problems.MIMETYPE  # of what does not say another, so of errors


def init_api(app: Flask) -> None:
    """Register the interface. After init_web, whose error pages it leaves to people."""
    for room in (*ROOMS, bp):
        app.register_blueprint(room)
    app.register_error_handler(HTTPException, problems.error)
    app.register_error_handler(Refusal, problems.refusal)
    app.after_request(_open_to_all)


def described() -> dict[str, Any]:
    """The description, as OpenAPI 3.1 has it."""
    return _described() | {"servers": [{"url": current_app.config["PUBLIC_URL"]}]}


@cache
def _described() -> dict[str, Any]:
    """The same but for the server, made once when it is first asked for: by an app that does nothing else."""
    interface = Interface(Flask(__name__), spec_kwargs={"info": {"description": ABOUT}, **NAMES})
    for room in ROOMS:
        interface.register_blueprint(room)
    return dict(interface.spec.to_dict())


def _open_to_all(response: Response) -> Response:
    """Pages of any site may read what programs read here, without cookies (Fetch, section 3.2)."""
    if problems.is_for_programs():
        response.headers["Access-Control-Allow-Origin"] = "*"
    if request.method == "OPTIONS" and request.endpoint in OPEN_TO_OTHER_SITES:
        response.headers["Access-Control-Allow-Methods"] = "POST"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


@bp.get("/api/openapi.json")
@cached_page(mimetype=views.JSON)
def description() -> str:
    """The description, for programs."""
    return json.dumps(described(), ensure_ascii=False)


@bp.get("/<locale:locale>/api/")
@cached_page()
def page(locale: str) -> str:
    """The description, for people."""
    slug, told = _newest_slug(), described()
    values = {"slug": slug, "url": public_url("pages.campaign", slug=slug)}
    found = list(operations(told, values))
    rooms = [room | {"operations": [each for each in found if each.room == room["name"]]} for room in told["tags"]]
    return render_template("api/page.html", rooms=rooms, feed_url=address_of("feeds", slug, locale))


def _newest_slug() -> str:
    """The newest open campaign's, so that the examples can be tried; if there is none, one to imagine."""
    open_ones = select(Campaign.slug).where(Campaign.state == CampaignState.OPEN).order_by(Campaign.id.desc())
    return db.session.scalar(open_ones.limit(1)) or str(views.SLUG_PARAMETER["example"])
