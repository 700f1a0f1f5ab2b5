"""Unsubscribing: one click for mail programs (RFC 8058), a page with a button for people."""

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from campaign import clock
from campaign.db import db
from campaign.links import UNSUBSCRIBE, link_signer
from campaign.mailing.models import Reader

bp = Blueprint("mailing", __name__)


@bp.route("/<locale:locale>/unsubscribe/<token>", methods=["GET", "POST"])
def unsubscribe(locale: str, token: str) -> ResponseReturnValue:
    """GET shows, POST unsubscribes; no login, twice is fine."""
    handle = link_signer().read(UNSUBSCRIBE, token)
    reader = db.session.scalar(select(Reader).where(Reader.handle == handle)) if handle else None
    if handle is None:
        abort(404)
    if request.method == "POST" and reader is not None:
        reader.unsubscribe(clock.now())
        db.session.commit()
    is_done = reader is None or reader.unsubscribed_at is not None
    return render_template("mailing/unsubscribe.html", done=is_done, token=token)
