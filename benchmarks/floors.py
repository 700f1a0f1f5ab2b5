"""The bare things that Campaign is measured against: three Flask apps for gunicorn, and a loop that sends letters.

`gunicorn "benchmarks.floors:hello()"`; `page()` and `insert()` take their database from FLOOR_DATABASE_URL. Importing
campaign.db gives SQLite the same pragmas and transactions as ours.
"""

import os
import smtplib
import sys
import time
from datetime import UTC, datetime

from flask import Flask, redirect, render_template, request
from flask_sqlalchemy import SQLAlchemy
from jinja2 import DictLoader
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.wrappers import Response

import campaign.db  # noqa: F401 - for its pragmas
from campaign.values import database

SETTING = "FLOOR_DATABASE_URL"
LINES = 10
PAGE = """<!doctype html>
<title>{{ topic.title }}</title>
<h1>{{ topic.title }}</h1>
<ul>{% for line in lines %}<li>{{ line.body }}</li>{% endfor %}</ul>
"""


class Base(DeclarativeBase):
    """What the floors' models descend from."""


db = SQLAlchemy(model_class=Base)


class Topic(Base):
    """What the bare page is about."""

    __tablename__ = "topics"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]


class Line(Base):
    """What stands on the bare page."""

    __tablename__ = "lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id"), index=True)
    body: Mapped[str]


class Taken(Base):
    """What the bare form takes in."""

    __tablename__ = "taken"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    taken_at: Mapped[datetime]


def hello() -> Flask:
    """Flask, and nothing else."""
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "Hello")
    return app


def page() -> Flask:
    """Two SELECTs and a small template."""
    app = _withdatabase()
    app.jinja_loader = DictLoader({"page.html": PAGE})

    @app.get("/<slug>/")
    def show(slug: str) -> str:
        topic = db.session.scalars(select(Topic).where(Topic.slug == slug)).one()
        lines = db.session.scalars(select(Line).where(Line.topic_id == topic.id).order_by(Line.id)).all()
        return render_template("page.html", topic=topic, lines=lines)

    return app


def insert() -> Flask:
    """One row from a form, committed; then a redirect, as ours answers."""
    app = _withdatabase()

    @app.post("/sign")
    def take() -> Response:
        db.session.add(Taken(body=request.form["email"], taken_at=datetime.now(UTC)))
        db.session.commit()
        return redirect("/sent", 303)

    return app


def fill(database_url: str) -> None:
    """Make the floors' tables in an empty database, and the topic "bare" with its lines."""
    with _withdatabase(database_url).app_context():
        db.create_all()
        db.session.add(Topic(id=1, slug="bare", title="Bare"))
        db.session.flush()
        db.session.add_all(Line(topic_id=1, body=f"Line {number}") for number in range(LINES))
        db.session.commit()
        db.engine.dispose()


def _withdatabase(url: str | None = None) -> Flask:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = database(url or os.environ[SETTING])
    db.init_app(app)
    return app


def send(port: int, count: int, content: bytes) -> float:
    """Send the same letter over one connection; how many a second."""
    with smtplib.SMTP("127.0.0.1", port, "floor", timeout=30) as relay:
        started = time.perf_counter()
        for number in range(count):
            relay.sendmail("news@campaign.example", [f"reader{number}@example.org"], content)
        return count / (time.perf_counter() - started)


if __name__ == "__main__":  # a process of its own: PORT COUNT, the letter on standard input
    print(send(int(sys.argv[1]), int(sys.argv[2]), sys.stdin.buffer.read()))
