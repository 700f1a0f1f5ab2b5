"""create_app(): the roof of the web, the one module there that meets every room."""

from urllib.parse import urlsplit
from wsgiref.headers import Headers

from flask import Flask
from flask_mail import Mail
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from campaign import inbox
from campaign.api.description import init_api
from campaign.campaigns import console as campaigns_console
from campaign.campaigns import people_console
from campaign.campaigns import views as campaigns
from campaign.config import Config
from campaign.db import ROOT, init_db
from campaign.delivery import console as delivery
from campaign.i18n import init_i18n
from campaign.limits import init_limits
from campaign.links import SESSION_KEY
from campaign.logs import init_logs
from campaign.mailing import views as mailing
from campaign.onion import init_onion, own_hosts
from campaign.organizers import members
from campaign.organizers import views as organizers
from campaign.organizers.accounts import init_accounts
from campaign.organizers.console import check_console, console, keep_language
from campaign.pagecache import PageCache
from campaign.pages import console as pages_console
from campaign.pages import style_console
from campaign.pages import views as pages
from campaign.sealing import PUBLIC_KEY, Sealer
from campaign.sharing import views as sharing
from campaign.sharing.cards import views as cards
from campaign.signing import console as signing_console
from campaign.signing import lists as signing
from campaign.statements import console as moderation
from campaign.statements import views as statements
from campaign.timeline import progress as update_progress
from campaign.timeline import views as timeline
from campaign.timeline.digest import console as weeks_console
from campaign.watching import views as watching
from campaign.web import init_web
from campaign.webhooks import console as webhooks
from campaign.work import Engine

ROOMS = (
    mailing.bp, organizers.bp, campaigns.bp, signing.bp, statements.bp, timeline.bp, pages.bp, sharing.bp, cards.bp,
    watching.bp,
)  # fmt: skip

CONSOLE = (
    members, campaigns_console, people_console, signing_console, moderation, update_progress, weeks_console, delivery,
    pages_console, webhooks, style_console,
)  # fmt: skip
"""The modules that add their pages to the console."""


def create_app(config: Config | None = None) -> Flask:
    """The web application; raises Misconfigured. It holds the public key only."""
    config = config or Config.read()
    init_logs()
    app = Flask(__name__, template_folder=str(ROOT / "templates"))
    url = urlsplit(config.public_url)
    app.config.update(
        SECRET_KEY=config.secret(SESSION_KEY),
        PUBLIC_URL=config.public_url,
        MAIL_FROM_CAMPAIGN=config.mail_from_campaign,
        FORGOTTEN_DAYS_AFTER_REMINDER=config.forget_after_days - config.remind_after_days,
        METRICS_TOKEN=config.metrics_token,
        WEBHOOKS_LOOPBACK=config.webhooks_loopback,
        SERVER_NAME=url.netloc,
        PREFERRED_URL_SCHEME=url.scheme,
        TRUSTED_HOSTS=[*own_hosts(config), "localhost", "127.0.0.1"],
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_MEMORY_SIZE=64 * 1024,
        MAX_FORM_PARTS=50,
        SESSION_COOKIE_SECURE=url.scheme == "https",
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.extensions["sealer"] = Sealer(config.secret(PUBLIC_KEY))
    app.extensions["work"] = Engine(config.tasks_url)
    Mail(app)
    init_db(app, config)
    init_i18n(app)
    init_limits(app, config)
    init_web(app, config)
    init_accounts(app)
    cards.init_cards(app, config.instance)
    app.before_request(keep_language)
    for room in (*ROOMS, console):
        app.register_blueprint(room)
    init_api(app)
    check_console(app)
    if config.is_demo:
        app.register_blueprint(inbox.blueprint(config))
    _wrap(app, config)
    return app


def _guard_file(headers: Headers, _path: str, _url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


def _wrap(app: Flask, config: Config) -> None:
    """Fresh pages and static files without Flask; the client's address as the proxies in front say."""
    app.jinja_env.undefined = StrictUndefined
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=app.static_folder,
        prefix="static/",
        max_age=31536000,
        immutable_file_test=lambda _path, _url: True,  # every link to one carries its version
        allow_all_origins=False,
        add_headers_function=_guard_file,
    )
    app.wsgi_app = PageCache(app.wsgi_app)  # type: ignore[method-assign]
    init_onion(app, config)
    if config.proxies:
        count = config.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0)  # type: ignore[method-assign]
