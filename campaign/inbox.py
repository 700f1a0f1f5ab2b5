"""The local inbox: an SMTP server that keeps letters as a Maildir, and, in demo mode, pages that show them."""

import mailbox
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Blueprint, Response, abort, render_template, url_for

from campaign.config import Config

NEWEST = 200


class Keeper:
    """Keeps each letter that arrives."""

    def __init__(self, config: Config) -> None:
        self._maildir = mailbox.Maildir(config.inbox)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one letter."""
        self._maildir.add(envelope.original_content or b"")
        return "250 kept"


def open_inbox(config: Config) -> Controller:
    """Start the local inbox where CAMPAIGN_SMTP_URL points; it runs in a thread until stopped."""
    url = urlsplit(config.smtp_url)
    config.inbox.parent.mkdir(parents=True, exist_ok=True)
    controller = Controller(Keeper(config), hostname=url.hostname or "127.0.0.1", port=url.port or 25)
    controller.start()
    return controller


def blueprint(config: Config) -> Blueprint:
    """The pages of the local inbox; registered in demo mode only."""
    bp = Blueprint("inbox", __name__, url_prefix="/inbox")

    @bp.get("/")
    def index() -> str:
        """The letters, newest first."""
        letters = [_summary(key, message) for key, message in _newest(config)]
        return render_template("inbox/index.html", letters=letters)

    @bp.get("/<key>/")
    def letter(key: str) -> str:
        """One letter."""
        message = _message(config, key)
        body = message.get_body(("plain",))
        shown = _summary(key, message) | {
            "sender": message["From"],
            "text": body.get_content() if body else "",
            "headers": [(name, str(value)) for name, value in message.items()],
            "html_url": url_for("inbox.html", key=key),
        }
        return render_template("inbox/letter.html", letter=shown)

    @bp.get("/<key>/html")
    def html(key: str) -> Response:
        """A letter's HTML, as a mail program would show it."""
        body = _message(config, key).get_body(("html",))
        response = Response(body.get_content() if body else "")
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
        )
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response

    return bp


def _newest(config: Config) -> list[tuple[str, EmailMessage]]:
    folder = config.inbox / "new"
    paths = sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime_ns, reverse=True) if folder.exists() else []
    return [(path.name, _parse(path.read_bytes())) for path in paths[:NEWEST]]


def _message(config: Config, key: str) -> EmailMessage:
    known = {path.name: path for path in (config.inbox / "new").glob("*")}
    return _parse(known[key].read_bytes()) if key in known else abort(404)


def _parse(content: bytes) -> EmailMessage:
    return BytesParser(EmailMessage, policy=default).parsebytes(content)


def _summary(key: str, message: EmailMessage) -> dict[str, Any]:
    at: datetime | None = parsedate_to_datetime(message["Date"]) if message["Date"] else None
    return {"key": key, "subject": message["Subject"], "to": message["To"], "at": at}
