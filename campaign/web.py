"""What every page shares: headers, the cross-site guard, error pages, template helpers."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import IO, Any, ParamSpec
from urllib.parse import urlsplit

import nh3
import structlog
from flask import Flask, Request, Response, current_app, g, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markdown_it import MarkdownIt
from markupsafe import Markup
from secure import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    CrossOriginResourcePolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)
from sqlalchemy.exc import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException, SecurityError, ServiceUnavailable

from campaign import i18n
from campaign.config import Config
from campaign.db import READING_METHODS
from campaign.errors import Refusal
from campaign.i18n import LOCALES
from campaign.links import public_url
from campaign.logs import told

log = structlog.get_logger()

_TAGS = {"p", "em", "strong", "a", "ul", "ol", "li", "blockquote", "br", "h3", "h4", "code", "pre", "hr"}
RETRY_SECONDS = 30
_markdown = MarkdownIt("commonmark", {"html": False})


class CrossSite(Refusal):
    """Another site made a browser send this."""

    status = 403


class KeptInMemory(Request):
    """A request whose uploads stay in memory: a temporary file would hold them in clear."""

    def _get_file_stream(self, *_about: object, **_named: object) -> IO[bytes]:
        return BytesIO()


def init_web(app: Flask, config: Config) -> None:
    """Give the app what every page shares."""
    app.request_class = KeptInMemory
    app.config["PAGE_SECONDS"] = config.page_seconds
    app.config["ONION_URL"] = config.onion_url
    app.before_request(_refuse_cross_site)
    _set_headers(app, config)
    _add_template_helpers(app, config)
    app.log_exception = _log_failure  # type: ignore[assignment, method-assign]
    app.register_error_handler(HTTPException, error_page)
    app.register_error_handler(Refusal, refusal_page)
    for away in (OperationalError, InterfaceError):
        app.register_error_handler(away, _database_away)


def _log_failure(failure: Any) -> None:
    """An error that nobody expected, by the view it happened in: the path may hold the token of a letter."""
    log.error("request failed", endpoint=request.endpoint, method=request.method, **told(failure[1]))


def render_markdown(text: str) -> Markup:
    """Markdown as safe HTML: no raw HTML, no images, no scripts, links without a referrer."""
    html = _markdown.render(text or "")
    return Markup(nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"https", "http", "mailto"}))  # noqa: S704 - cleaned


def mark(when: date, number: int) -> str:
    """Marks the last row of a page in the next page's address."""
    return f"{when.isoformat()}_{number}"


def marked(text: str | None) -> tuple[datetime, int] | None:
    """The row that a mark stands for; None for no mark, or one that somebody made up."""
    when, _underscore, number = (text or "").partition("_")
    try:
        moment, place = datetime.fromisoformat(when), int(number)
    except ValueError:
        return None
    return (
        (moment.replace(tzinfo=moment.tzinfo or UTC), place) if 0 <= place < 2**31 and 1 < moment.year < 9999 else None
    )


OPEN_TO_OTHER_SITES = frozenset({"osdi.record_signature"})
"""The endpoints to which pages of other sites may send.

A site that asks its visitors to sign sends here what they typed. It can do nothing that it could not do without their
browsers: no cookie is read, nothing is told, a signature counts only once it is confirmed by mail, and the limits by
client and by campaign hold. What does more than to take a sealed request in does not belong here.
"""


def _refuse_cross_site() -> None:
    """Refuse what another site made a browser send (Fetch Metadata; the Origin where a browser has none).

    The onion address is an origin of its own: a form that it served comes back to it, and to nothing else.
    """
    if request.method in READING_METHODS or request.endpoint in OPEN_TO_OTHER_SITES:
        return
    if isinstance(request.routing_exception, SecurityError):
        return  # under a name that is not ours nothing is done anyway
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        is_foreign = site not in ("same-origin", "none")
    else:
        is_foreign = origin is not None and urlsplit(origin).netloc != _own_netloc()
    if is_foreign:
        raise CrossSite(_("This request came from another site. Please open the page itself and try again."))


def _own_netloc() -> str:
    """The name and port under which this request's page was served: the public one, or the onion's."""
    public, onion = (urlsplit(str(current_app.config[name])).netloc for name in ("PUBLIC_URL", "ONION_URL"))
    return onion if onion and request.environ.get("HTTP_HOST") == onion else public


def _set_headers(app: Flask, config: Config) -> None:
    is_secure = config.public_url.startswith("https")
    own = (
        ContentSecurityPolicy()
        .default_src("'none'")
        .style_src("'self'")
        .script_src("'self'")
        .img_src("'self'", "data:")
        .connect_src("'self'")
    )
    own = own.form_action("'self'").base_uri("'none'").frame_ancestors("'none'").frame_src("'self'")
    headers = Secure(
        csp=own,
        referrer=ReferrerPolicy().same_origin(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
        coop=CrossOriginOpenerPolicy().same_origin(),
        corp=CrossOriginResourcePolicy().same_origin(),
        permissions=PermissionsPolicy().geolocation().microphone().camera(),
        hsts=StrictTransportSecurity().max_age(63072000).include_subdomains() if is_secure else None,
    ).headers

    app.config["SECURITY_POLICY"] = headers["Content-Security-Policy"]

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            if name != "X-Frame-Options" or not g.get("is_framed_by_all"):
                response.headers.setdefault(name, value)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response


def may_be_framed(response: Response) -> Response:
    """Let our own pages show this one in a frame, and nobody else's."""
    policy = current_app.config["SECURITY_POLICY"]
    response.headers["Content-Security-Policy"] = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


P = ParamSpec("P")


def framed_by_all(view: Callable[P, Response]) -> Callable[P, Response]:
    """A page that every site may show in a frame: it must hold nothing that a click could be stolen for."""

    @wraps(view)
    def framed(*arguments: P.args, **values: P.kwargs) -> Response:
        response = view(*arguments, **values)
        policy = current_app.config["SECURITY_POLICY"]
        response.headers["Content-Security-Policy"] = policy.replace("frame-ancestors 'none'", "frame-ancestors *")
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        g.is_framed_by_all = True  # X-Frame-Options has no word for that: it stays away
        return response

    return framed


def _add_template_helpers(app: Flask, config: Config) -> None:
    versions = _versions(Path(app.static_folder or "static"))

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=versions.get(name))

    def here(locale: str) -> str | None:
        if (
            request.endpoint is None
            or "locale" not in (request.view_args or {})
            or request.method not in READING_METHODS
        ):
            return None
        return url_for(request.endpoint, **{**(request.view_args or {}), "locale": locale})

    app.jinja_env.filters |= {
        "number": i18n.number,
        "date": i18n.long_date,
        "moment": i18n.moment,
        "country": i18n.country_name,
        "language": i18n.language_name,
        "markdown": render_markdown,
    }
    app.jinja_env.globals |= {
        "asset": asset,
        "here": here,
        "public_url": public_url,
        "is_demo": config.is_demo,
        "locales": list(LOCALES.items()),
        "direction_of": i18n.direction,
    }
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def speak() -> dict[str, str]:
        locale = i18n.current_locale()
        return {"locale": locale, "direction": i18n.direction(locale), "comma": i18n.comma(locale)}


def _versions(folder: Path) -> dict[str, str]:
    """The version of each static file: a piece of its hash, so that it may be kept for ever."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}


def error_page(error: HTTPException, headers: Mapping[str, str] | None = None) -> ResponseReturnValue:
    """An error as people see it, in their language."""
    if error.response is not None or (error.code or 500) < 400:
        return error
    if isinstance(error, SecurityError):  # a host that is not ours: there is no address to link to
        return Response("This is not the address of this site.\n", 400, mimetype="text/plain")
    title, sentence = explain(error.code or 500)
    response = make_response(render_template("error.html", title=title, sentence=sentence, status=error.code))
    response.status_code = error.code or 500
    response.headers.update(headers or {})
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def refusal_page(error: Refusal) -> ResponseReturnValue:
    """A rule said no, as people see it."""
    page = render_template("error.html", title=_("That is not possible"), sentence=error.sentence, status=error.status)
    return page, error.status


def _database_away(failure: Exception) -> ResponseReturnValue:
    """The database does not answer, or not in time: for a moment, as a rule."""
    log.error("no answer from the database", endpoint=request.endpoint, method=request.method, **told(failure))
    return current_app.handle_http_exception(ServiceUnavailable(retry_after=RETRY_SECONDS))


def explain(status: int) -> tuple[str, str]:
    """What an error is called, and what it means."""
    known = {
        400: (_("That did not arrive whole"), _("The request could not be read. Please go back and try again.")),
        403: (_("Not from here"), _("This is not open to you.")),
        404: (_("There is nothing here"), _("Perhaps the address was cut off, or the page has moved.")),
        405: (_("Not this way"), _("This page does not take such a request.")),
        503: (
            _("A moment, please"),
            _("We cannot reach our records just now. Nothing you sent before is lost. Please try again in a minute."),
        ),
        413: (_("That is too much"), _("What you sent is larger than this page takes.")),
        429: (_("A little slower, please"), _("Too many requests came from where you are. Please try again later.")),
    }
    something = (
        _("Something went wrong"),
        _("It is our fault, not yours. Nothing you sent before is lost. Please try again in a minute."),
    )
    return known.get(status, something if status >= 500 else known[400])
