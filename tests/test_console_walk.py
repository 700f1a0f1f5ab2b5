"""Every rule under /console, by every role, signed out, and by an organizer of another campaign."""

import re
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from campaign import clock
from campaign.app import create_app
from campaign.config import Config
from campaign.db import db
from campaign.importing import import_campaign, read_campaign
from campaign.organizers.console import allowed, check_console, signed_in, whom
from campaign.organizers.models import Role
from tests.organizers_in import Organizers, token_in
from tests.programs import ROOT
from tests.stack import Stack, campaign_file

OK, FORBIDDEN, MISSING = 200, 403, 404
on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
WRONG_ROLE = ("Your role in this campaign does not include this.", "Only owners may begin a campaign.")
AGAIN = ("Once more, please",)
MADE_UP = {"IntegerConverter": 987654, "UUIDConverter": uuid.UUID(int=7), "PathConverter": "x", "UnicodeConverter": "x"}


def rules(app: Flask) -> list[Rule]:
    """Those of the guarded blueprint, in the order of their addresses."""
    return sorted(
        (one for one in app.url_map.iter_rules() if one.endpoint.startswith("console.")), key=lambda r: r.rule
    )


def address(app: Flask, rule: Rule, campaign_id: int) -> str:
    """An address that fits the rule; whatever is not the campaign's number is made up."""
    values = {name: MADE_UP.get(type(kind).__name__, "x") for name, kind in rule._converters.items()}
    for name, kind in rule._converters.items():
        if items := getattr(kind, "items", None):
            values[name] = next(iter(items))
        if type(kind).__name__.startswith("Locale"):
            values[name] = "en"
    if "campaign_id" in rule.arguments:
        values["campaign_id"] = campaign_id
    with app.test_request_context():
        return urlsplit(app.url_for(rule.endpoint, **values)).path


def methods(rule: Rule) -> list[str]:
    """Those that are walked."""
    return [method for method in ("GET", "POST") if method in (rule.methods or ())]


def may(rule: Rule, role: Role) -> bool:
    """Whether the view says that this role may see it; what belongs to no campaign is for all but found()."""
    said = whom(rule.endpoint)
    if said == "found":
        return role == Role.OWNER
    return said == () or role in said  # type: ignore[operator]


@pytest.fixture
def other_campaign(stack: Stack, tmp_path: Path, app: Flask) -> int:
    """A campaign of which the stranger is an owner."""
    other = import_campaign(read_campaign(campaign_file(tmp_path, "other")), clock.now())
    db.session.commit()
    return other.id


@pytest.fixture
def clients(other_campaign: int, organizers: Organizers) -> dict[str, FlaskClient]:
    """One of each role, and a stranger."""
    return {
        **{role.value: organizers.as_role(role, 1) for role in Role},
        "stranger": organizers.as_role(Role.OWNER, other_campaign),
    }


def token_of(client: FlaskClient) -> str:
    """The token that the client's forms carry."""
    return token_in(client.get("/console/account").get_data(as_text=True))


@pytest.fixture
def written(app: Flask) -> Iterator[list[str]]:
    """What is written to the database, but for the note that a session is used and a day's key of the limits."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if re.match(r"\s*(INSERT|UPDATE|DELETE)", statement) and not re.search(r"sign_ins|daily_keys", statement):
            statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield statements
    event.remove(db.engine, "before_cursor_execute", note)


def says(answer: TestResponse, sentences: tuple[str, ...]) -> bool:
    """Whether the page says one of these."""
    return any(sentence in answer.get_data(as_text=True) for sentence in sentences)


@on_sqlite
def test_signed_out(app: Flask, stack: Stack, written: list[str]) -> None:
    """Each page leads to the sign-in, and back; nothing that is sent does anything, but what was typed is kept."""
    client = app.test_client()
    for rule in rules(app):
        path = address(app, rule, 1)
        for method in methods(rule):
            answer = client.open(path, method=method, data={"typed": "kept for later"} if method == "POST" else None)
            if method == "GET":
                assert (answer.status_code, urlsplit(answer.location).path) == (302, "/console/login"), path
            else:
                assert answer.status_code == FORBIDDEN, path
                assert "kept for later" in answer.get_data(as_text=True), path
    assert not written


@on_sqlite
def test_a_stranger_finds_nothing(app: Flask, clients: dict[str, FlaskClient], written: list[str]) -> None:
    """An owner of another campaign cannot even tell that this one is there."""
    client = clients["stranger"]
    token = token_of(client)
    for rule in rules(app):
        if "campaign_id" not in rule.arguments:
            continue
        for campaign_id in (1, 987654):
            for method in methods(rule):
                path = address(app, rule, campaign_id)
                data = {"csrf_token": token} if method == "POST" else None
                assert client.open(path, method=method, data=data).status_code == MISSING, f"{method} {path}"
    assert not written


@on_sqlite
@pytest.mark.parametrize("role", list(Role))
def test_roles(app: Flask, clients: dict[str, FlaskClient], role: Role, written: list[str]) -> None:
    """The roles that a view names pass the guard; the others hear that their role does not include it."""
    client = clients[role]
    token, is_refused_somewhere = token_of(client), False
    for rule in rules(app):
        if rule.endpoint == "console.account_sign_out_everywhere":
            continue
        path = address(app, rule, 1)
        for method in methods(rule):
            before = len(written)
            answer = client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
            is_refused = answer.status_code == FORBIDDEN and says(answer, WRONG_ROLE)
            assert is_refused != may(rule, role), f"{role} {method} {path}: {answer.status_code}"
            assert answer.status_code < 500, f"{role} {method} {path}"
            assert not (is_refused and len(written) > before), f"{role} {method} {path}"
            is_refused_somewhere = is_refused_somewhere or is_refused
    assert is_refused_somewhere or role == Role.OWNER


@on_sqlite
@pytest.mark.parametrize("role", list(Role))
def test_nothing_is_done_without_the_token(
    app: Flask, clients: dict[str, FlaskClient], role: Role, written: list[str]
) -> None:
    """What another site makes a browser send is not obeyed, whoever is signed in: no token, or one of another's."""
    client = clients[role]
    foreign = token_of(clients["stranger"])
    for rule in rules(app):
        for token in ("", foreign):
            if "POST" in methods(rule) and may(rule, role):
                answer = client.post(address(app, rule, 1), data={"csrf_token": token})
                assert answer.status_code == FORBIDDEN, rule.rule
                assert says(answer, AGAIN), rule.rule
    assert not written


@on_sqlite
def test_the_pages_of_accounts_want_the_token(app: Flask, clients: dict[str, FlaskClient], written: list[str]) -> None:
    """Those of the account library, too: signing out, changing, setting up."""
    client = clients["owner"]
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("security.") and "POST" in (rule.methods or ()):
            path = "/console/" + rule.rule.split("/")[2] + ("/x" if rule.arguments else "")
            client.post(path, data={"password": "x", "name": "x", "setup": "authenticator", "generate_new_codes": "1"})
            assert client.get("/console/account").status_code == OK, f"{path} ended the session"
    assert not written


@on_sqlite
def test_a_page_that_does_not_say_who_may_see_it_is_refused(stack: Stack) -> None:
    """At start-up; nor may one of a campaign be for everybody, nor one of no campaign for a role."""
    for path, decorate in (
        ("/console/new-page", lambda one: one),
        ("/console/<int:campaign_id>/new-page", signed_in()),
        ("/console/elsewhere", allowed(Role.OWNER)),
    ):
        fresh = create_app(Config.read(stack.environ))
        fresh.add_url_rule(path, "console.new_page", decorate(lambda **_values: ""))
        with pytest.raises(RuntimeError, match="does not say who may see it"):
            check_console(fresh)


def test_the_list_of_requirements_names_tests_that_exist() -> None:
    """Each test in docs/asvs.md is there."""
    named = re.findall(r"`tests/(\w+\.py)::(\w+)`", (ROOT / "docs" / "asvs.md").read_text("utf-8"))
    assert len(named) > 10
    sources = cache(lambda file: (ROOT / "tests" / file).read_text("utf-8"))
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in sources(file)]
    assert not missing
