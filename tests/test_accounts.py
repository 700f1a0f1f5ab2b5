"""Accounts: invited, signed in with two factors, ended, guarded (docs/asvs.md: which requirement a test holds)."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import time_machine
from flask import Flask, current_app
from flask.testing import FlaskClient
from flask_security import hash_password
from flask_security.utils import _pwd_context as hashing
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from werkzeug.test import TestResponse

from campaign import clock
from campaign.app import create_app
from campaign.config import Config
from campaign.db import db
from campaign.errors import Refusal
from campaign.mailing.models import Reader
from campaign.opening import Keyring
from campaign.organizers.models import (
    LONGEST as LONGEST_SESSION,
)
from campaign.organizers.models import (
    SETTLED_AFTER,
    Approval,
    AuditEntry,
    Membership,
    Organizer,
    Role,
    SignIn,
)
from campaign.organizers.names import name_key
from campaign.organizers.operations import (
    LastOwner,
    NotTheSecond,
    Wish,
    ask_second,
    carries_out,
    dismiss,
    grant,
    leave,
    refuse,
)
from campaign.organizers.queries import membership, organizer_by_name
from campaign.organizers.tasks import Dismissed, enlist, write_invitation
from campaign.sealing import EmailAddress
from campaign.worker import Worker
from tests.commands import runner
from tests.organizers_in import PASSWORD, Account, Organizers, code_of, token_in
from tests.servers import SmtpSink
from tests.stack import Stack
from tests.test_attacks import House

OK, FOUND, SEE_OTHER, FORBIDDEN, MISSING, UNPROCESSABLE, MANY = 200, 302, 303, 403, 404, 422, 429
on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
NEW_PASSWORD = "nine copper kettles"
LETTER_FOR = "{}@organizers.example.org"


@pytest.fixture(autouse=True)
def at_the_start_of_a_step() -> Iterator[None]:
    """Codes are new every 30 s: each test begins as they change, and the clock stands until it is moved."""
    with time_machine.travel(datetime.fromtimestamp(time.time() // 30 * 30 + 1, UTC), tick=False):
        yield


@pytest.fixture
def house(client: FlaskClient, stack: Stack, sink: SmtpSink) -> Iterator[House]:
    """The worker beside the web, with the campaign release-test."""
    with House(client, Worker(Config.read(stack.environ)), sink) as house:
        yield house


def later(**passed: float) -> time_machine.travel:
    """Some time later."""
    return time_machine.travel(clock.now() + timedelta(**passed), tick=False)


def post(client: FlaskClient, path: str, page_path: str | None = None, **typed: str) -> TestResponse:
    """Open the page, and send its form."""
    page = client.get(page_path or path).get_data(as_text=True)
    return client.post(path, data={"csrf_token": token_in(page), **typed})


def sign_in_with(client: FlaskClient, account: Account, password: str = PASSWORD, steps: int = 0) -> TestResponse:
    """Name and password, then the code."""
    answer = post(client, "/console/login", username=account.username, password=password)
    if answer.status_code != FOUND:
        return answer
    return post(client, "/console/tf-validate", code=code_of(account.secret, steps))


def is_in(client: FlaskClient) -> bool:
    """Whether the console lets this client in; commits, so that a command does not wait for the test."""
    return client.get("/console/account").status_code == OK


def invited(keys: Keyring, address: str = "sana@example.org") -> str:
    """The path behind an invitation."""
    token = write_invitation(enlist(EmailAddress.parse(address), Role.OWNER, [], "en", keys), keys)
    db.session.commit()
    return f"/console/welcome/{token}"


def set_up_authenticator(client: FlaskClient) -> TestResponse:
    """Take the key that the page shows, and send its code."""
    page = post(client, "/console/tf-setup", setup="authenticator").get_data(as_text=True)
    secret = re.search(r"([A-Z2-7]{4}(?:[ -][A-Z2-7]{4}){3,})", page)
    assert secret is not None, page
    code = code_of(re.sub("[ -]", "", secret[1]))
    return client.post("/console/tf-validate", data={"csrf_token": token_in(page), "code": code})


# Invited


@on_sqlite
def test_invited_to_the_console(app: Flask, keys: Keyring) -> None:
    """Invitation, name and password, authenticator, recovery codes; the link works once; no page before that."""
    welcome, client = invited(keys), app.test_client()
    assert client.get("/console/account").location.startswith("/console/login")
    refused = post(client, welcome, username="Sana", password="password1234", again="password1234")
    assert refused.status_code == UNPROCESSABLE
    assert "Sana" in refused.get_data(as_text=True)
    answer = post(client, welcome, username="Sana", password=PASSWORD, again=PASSWORD)
    assert urlsplit(answer.location).path == "/console/tf-setup"
    assert not is_in(client), "a password is not enough"
    assert set_up_authenticator(client).location == "/console/mf-recovery-codes"
    assert is_in(client)
    assert app.test_client().get(welcome).status_code == MISSING
    assert post(client, welcome, username="Eve", password=PASSWORD, again=PASSWORD).status_code == MISSING


@on_sqlite
def test_nobody_registers_themselves(app: Flask, client: FlaskClient) -> None:
    """Without an invitation there is no account: no route makes one, none resets by Flask-Security's own letters."""
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert not {name for name in endpoints if "regist" in name} - {
        "security.wan_register",
        "security.wan_register_response",
    }
    assert not {f"security.{name}" for name in ("forgot_password", "us_signin", "recover_username")} & endpoints
    assert client.get("/console/register").status_code == MISSING
    assert client.get("/console/welcome/not-a-token").status_code == MISSING
    assert client.get("/console/tf-setup").status_code == FOUND, "nobody sets up a factor for nobody"


def test_one_of_two_accepts(app: Flask, keys: Keyring) -> None:
    """Two who hold the link send it at the same moment: one is in, the other hears that it was used."""
    welcome, answers = invited(keys), []
    clients = [app.test_client() for _ in range(2)]
    tokens = [token_in(client.get(welcome).get_data(as_text=True)) for client in clients]
    gate = threading.Barrier(2)

    def accept(number: int) -> None:
        typed = {"csrf_token": tokens[number], "username": f"Sana{'xy'[number]}"}
        gate.wait()
        answer = clients[number].post(welcome, data=typed | {"password": PASSWORD, "again": PASSWORD})
        answers.append(answer.status_code)

    run_together([lambda: accept(0), lambda: accept(1)])
    assert sorted(answers) == [FOUND, MISSING]


def run_together(jobs: list[Callable[[], None]]) -> None:
    """Run each in a thread and context of its own."""
    app = current_app._get_current_object()

    def run(job: Callable[[], None]) -> None:
        with app.app_context():
            job()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Passwords


@on_sqlite
@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("eleven char", False),
        ("passwordpassword", False),
        ("PASSWORD1234", False),
        ("abababababab", False),
        ("seventeen wooden lanterns hang over the harbour wall at midnight", True),
        ("long words, " * 10 + "end here", True),
        ("چار لفظ جو یاد رہیں", True),
        ("Ünï cödé façade ﬁne", True),
        ("".join(str(number) for number in range(400)), False),
    ],
)
def test_passwords(app: Flask, organizers: Organizers, keys: Keyring, password: str, fits: bool) -> None:
    """Twelve characters, not one of the common ones, 64 and 128 and any script: at welcome, reset and change alike."""
    status = FOUND if fits else UNPROCESSABLE
    typed = {"password": password, "again": password}
    assert post(app.test_client(), invited(keys), username="Sana", **typed).status_code == status
    account = organizers.add("Rosa")
    client = organizers.client(account)
    changed = post(client, "/console/change", password=PASSWORD, new_password=password, new_password_confirm=password)
    assert (changed.status_code == FOUND) == fits
    answer = post(app.test_client(), "/console/login", username="Rosa", password=password)
    assert (answer.status_code == FOUND) == fits, "what was chosen is what signs in"
    reset = app.test_client().get("/console/reset/unknown")
    assert reset.status_code == MISSING


@on_sqlite
def test_a_changed_password_ends_the_other_sessions(organizers: Organizers) -> None:
    """The one that changed it goes on, with a new token."""
    account = organizers.add("Rosa")
    here, elsewhere = organizers.client(account), organizers.client(account)
    answer = post(
        here, "/console/change", password=PASSWORD, new_password=NEW_PASSWORD, new_password_confirm=NEW_PASSWORD
    )
    assert answer.location == "/console/account"
    assert is_in(here)
    assert not is_in(elsewhere)
    assert len(db.session.scalars(select(SignIn)).all()) == 1


# Signing in


@on_sqlite
def test_signing_in(app: Flask, organizers: Organizers) -> None:
    """Both factors, in this order; a code works once; names may be typed in any case; wrong codes do not help."""
    account = organizers.add("Rosa")
    client = app.test_client()
    post(client, "/console/login", username=" rOSA ", password=PASSWORD)
    assert not is_in(client)
    assert post(client, "/console/tf-validate", code="000000").status_code == OK
    assert not is_in(client)
    assert post(client, "/console/tf-validate", code=account.code).location == "/console/"
    assert is_in(client)


@on_sqlite
def test_a_code_works_once(app: Flask, organizers: Organizers) -> None:
    """Whoever looked over a shoulder cannot use the same digits, not even in the same half minute."""
    account = organizers.add("Rosa")
    assert sign_in_with(app.test_client(), account).status_code == FOUND
    thief = app.test_client()
    assert sign_in_with(thief, account).status_code == OK
    assert not is_in(thief)
    assert sign_in_with(thief, account, steps=1).status_code == FOUND


@on_sqlite
def test_a_session_ends_when_it_is_idle(organizers: Organizers) -> None:
    """After half an hour without a page; used in between, it goes on."""
    client = organizers.client(organizers.add("Rosa"))
    with later(minutes=29):
        assert is_in(client)
    with later(minutes=58):
        assert is_in(client)
    with later(minutes=89):
        assert not is_in(client)


@on_sqlite
def test_a_session_ends_after_a_working_day(organizers: Organizers) -> None:
    """However busily it is used."""
    client = organizers.client(organizers.add("Rosa"))
    for minutes in range(20, 480, 20):
        with later(minutes=minutes):
            assert is_in(client)
    with later(seconds=LONGEST_SESSION.total_seconds() + 1):
        assert not is_in(client)


@on_sqlite
def test_a_form_is_sent_minutes_after_its_page(organizers: Organizers) -> None:
    """What notes that a session is used does not wait for the lock that the same request holds."""
    client = organizers.client(organizers.add("Rosa"))
    token = token_in(client.get("/console/account").get_data(as_text=True))
    with later(minutes=5):
        assert client.post("/console/account", data={"csrf_token": token, "locale": "ur"}).status_code == SEE_OTHER
    assert db.session.scalars(select(SignIn)).one().seen_at > clock.now()


@on_sqlite
def test_signed_out_everywhere(organizers: Organizers) -> None:
    """The account lists its sessions, and ends them all; a cookie that was copied before is worth nothing."""
    account = organizers.add("Rosa")
    here, elsewhere = organizers.client(account), organizers.client(account)
    page = here.get("/console/account").get_data(as_text=True)
    assert page.count("Last seen") == 2
    assert post(here, "/console/account/sign-out-everywhere", "/console/account").status_code == SEE_OTHER
    assert not is_in(elsewhere)
    assert not is_in(here)


@on_sqlite
def test_a_copied_cookie_is_dead_after_signing_out(app: Flask, organizers: Organizers) -> None:
    """Signing out ends the session in the database, not only in one browser."""
    client, thief = organizers.client(organizers.add("Rosa")), app.test_client()
    cookie = client.get_cookie("campaign", domain=app.config["SERVER_NAME"].partition(":")[0])
    assert cookie is not None
    thief.set_cookie("campaign", cookie.value, domain=cookie.domain)
    assert is_in(thief)
    assert post(client, "/console/logout", "/console/account").location == "/console/login"
    assert not is_in(client)
    assert not is_in(thief)


@on_sqlite
def test_signing_in_begins_a_new_session(app: Flask, organizers: Organizers) -> None:
    """What an attacker put into the browser before is not what is signed in; the earlier session is over."""
    account = organizers.add("Rosa")
    client = organizers.client(account)
    with client.session_transaction(base_url=app.config["PUBLIC_URL"]) as session:
        old, session["_user_id"], session["csrf_token"] = session["sign_in"], "", "known to the attacker"
    assert sign_in_with(client, account).status_code == FOUND
    with client.session_transaction(base_url=app.config["PUBLIC_URL"]) as session:
        assert session["sign_in"] != old
        assert session.get("csrf_token") != "known to the attacker"
    assert len(db.session.scalars(select(SignIn)).all()) == 1


@on_sqlite
def test_half_of_a_sign_in_does_not_keep(app: Flask, organizers: Organizers, keys: Keyring) -> None:
    """A cookie from between the two factors is worth little: not for long, and not to set up another authenticator."""
    account = organizers.add("Rosa")
    slow = app.test_client()
    post(slow, "/console/login", username="Rosa", password=PASSWORD)
    with later(minutes=31):
        post(slow, "/console/tf-validate", code=account.code)
        assert not is_in(slow)
    client, thief = app.test_client(), app.test_client()
    post(client, invited(keys), username="Sana", password=PASSWORD, again=PASSWORD)
    cookie = client.get_cookie("campaign", domain=app.config["SERVER_NAME"].partition(":")[0])
    assert cookie is not None
    thief.set_cookie("campaign", cookie.value, domain=cookie.domain)
    set_up_authenticator(client)
    assert is_in(client)
    assert thief.get("/console/tf-setup").status_code == FOUND
    assert post(thief, "/console/tf-setup", "/console/login", setup="authenticator").status_code == FOUND


@on_sqlite
def test_the_cookie(stack: Stack, organizers: Organizers, app: Flask) -> None:
    """HttpOnly, Lax; on https Secure and bound to this host."""
    answer = app.test_client().get("/console/login")
    cookie = next(iter(SimpleCookie(answer.headers["Set-Cookie"]).values()))
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["expires"], "it goes with the browser"
    secure = create_app(Config.read(stack.environ | {"CAMPAIGN_PUBLIC_URL": "https://campaign.example.org"}))
    answer = secure.test_client().get("/console/login", base_url="https://campaign.example.org")
    name, cookie = next(iter(SimpleCookie(answer.headers["Set-Cookie"]).items()))
    assert name.startswith("__Host-")
    assert cookie["secure"]
    assert cookie["path"] == "/"
    assert not cookie["domain"]


@on_sqlite
def test_public_pages_know_no_sessions(house: House, organizers: Organizers) -> None:
    """They set no cookie, and do not depend on one, so that anyone may cache them; also for an organizer."""
    token = house.signed().link("/confirm/")
    client = organizers.client(organizers.add("Rosa"))
    for path in ("/", "/en/", "/en/release-test/", "/en/release-test/sent", house.path(token)):
        answer = client.get(path)
        assert "Set-Cookie" not in answer.headers, path
        assert "Cookie" not in answer.headers.get("Vary", ""), path
    assert "Set-Cookie" not in house.sign().headers


@on_sqlite
@pytest.mark.parametrize(
    "there",
    [
        "//evil.example",
        "///evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "/%0a/evil.example",
        "/\t/evil.example",
        "http://evil.example@localhost/",
    ],
)
def test_signing_in_leads_nowhere_else(app: Flask, organizers: Organizers, there: str) -> None:
    """`next` is a place on this site, or is not followed."""
    account = organizers.add("Rosa")
    client = app.test_client()
    page = client.get("/console/login", query_string={"next": there}).get_data(as_text=True)
    typed = {"csrf_token": token_in(page), "username": "Rosa", "password": PASSWORD, "next": there}
    client.post("/console/login", data=typed, query_string={"next": there})
    page = client.get("/console/tf-validate", query_string={"next": there}).get_data(as_text=True)
    typed = {"csrf_token": token_in(page), "code": account.code, "next": there}
    answer = client.post("/console/tf-validate", data=typed, query_string={"next": there})
    assert_stays_here(app, answer)
    with later(minutes=11):
        page = client.get("/console/verify", query_string={"next": there}).get_data(as_text=True)
        typed = {"csrf_token": token_in(page), "password": PASSWORD, "next": there}
        answer = client.post("/console/verify", data=typed, query_string={"next": there})
        assert_stays_here(app, answer)


def assert_stays_here(app: Flask, answer: TestResponse) -> None:
    """Refused, or led to a page of this site, also as browsers read addresses."""
    assert answer.status_code in (FOUND, 400)
    location = answer.headers.get("Location", "/").replace("\\", "/")
    assert urlsplit(urljoin(app.config["PUBLIC_URL"], location)).netloc == app.config["SERVER_NAME"], location
    assert not re.search(r"[\s\x00-\x1f]", location), location


@on_sqlite
def test_no_other_door(app: Flask, organizers: Organizers) -> None:
    """No JSON, no tokens that outlive a session, no letter of the account library's."""
    account = organizers.add("Rosa")
    client = organizers.client(account)
    typed = {"username": "Rosa", "password": PASSWORD}
    assert app.test_client().post("/console/login", json=typed).status_code == 415
    with app.test_request_context():
        token = db.session.get_one(Organizer, account.id).get_auth_token()
    assert app.test_client().get("/console/account", headers={"Authentication-Token": token}).status_code == FOUND
    answer = client.get("/console/account", query_string={"auth_token": token}, headers={"Accept": "application/json"})
    assert answer.mimetype == "text/html"
    halfway = app.test_client()
    page = post(halfway, "/console/login", username="Rosa", password=PASSWORD)
    assert page.status_code == FOUND
    assert post(halfway, "/console/tf-rescue", "/console/tf-validate", help_setup="help").status_code == MISSING


# Recovery codes


@on_sqlite
def test_recovery_codes(app: Flask, stack: Stack, organizers: Organizers) -> None:
    """Each lets in once, in place of the digits; the database does not hold them in clear."""
    account = organizers.add("Rosa")
    made = post(organizers.client(account), "/console/mf-recovery-codes").get_data(as_text=True)
    codes = re.search(r"<textarea[^>]*>([^<]+)</textarea>", made)
    assert codes is not None
    first, second, *_others = codes[1].split()
    assert len(codes[1].split()) == 8
    stored = b"".join(path.read_bytes() for path in stack.instance.glob("campaign.sqlite*"))
    assert account.username.encode() in stored
    assert not any(code.encode() in stored for code in codes[1].split())
    assert account.secret.encode() not in stored, "nor the authenticator's key"
    for code, lets_in in ((first, True), (first, False), (f" {second} ", True)):
        client = app.test_client()
        post(client, "/console/login", username="Rosa", password=PASSWORD)
        post(client, "/console/mf-recovery", code=code)
        assert is_in(client) == lets_in


# Forgotten passwords


@on_sqlite
def test_a_forgotten_password(
    house: House, app: Flask, stack: Stack, organizers: Organizers, capfd: pytest.CaptureFixture[str]
) -> None:
    """Through the worker and the letter; once; all sessions end; the second factor is asked for; no address shows."""
    account = organizers.add("Rosalind-Canary", Role.OWNER, 1)
    client = organizers.client(account)
    assert post(app.test_client(), "/console/forgot", username="rosalind-canary").status_code == SEE_OTHER
    house.run("errands", "letters")
    letter = house.letters(LETTER_FOR.format("rosalind-canary"))[-1]
    link = house.path(letter.link("/reset/"))
    assert is_in(client), "asking changes nothing"
    typed = {"password": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert post(app.test_client(), link, password="passwordpassword", again="passwordpassword").status_code == 422
    assert post(app.test_client(), link, **typed).location == "/console/login"
    assert not is_in(client)
    assert app.test_client().get(link).status_code == MISSING
    assert sign_in_with(app.test_client(), account).status_code == OK, "the old one is gone"
    fresh = app.test_client()
    assert urlsplit(post(fresh, "/console/login", username=account.username, password=NEW_PASSWORD).location).path == (
        "/console/tf-validate"
    )
    assert not is_in(fresh)
    assert post(fresh, "/console/tf-validate", code=account.code).status_code == FOUND
    for path in ("/console/account", "/console/1/members/", "/console/1/log/", "/console/1/approvals/"):
        assert "organizers.example.org" not in fresh.get(path).get_data(as_text=True)
    said = "".join(capfd.readouterr())
    stored = b"".join(path.read_bytes() for path in stack.instance.rglob("*") if path.is_file())
    for place in (said.encode(), stored):
        assert b"organizers.example.org" not in place
        assert link.rpartition("/")[2].encode() not in place


@on_sqlite
def test_a_reset_link_lasts_an_hour(house: House, app: Flask, organizers: Organizers) -> None:
    """It is newer than the password that it replaces by an hour at most; and a closed account has none."""
    organizers.add("Rosa")
    post(app.test_client(), "/console/forgot", username="Rosa")
    house.run("errands", "letters")
    link = house.path(house.letters(LETTER_FOR.format("rosa"))[-1].link("/reset/"))
    with later(minutes=59):
        assert app.test_client().get(link).status_code == OK
    with later(minutes=61):
        assert app.test_client().get(link).status_code == MISSING
        assert post(app.test_client(), link, "/console/login", password=NEW_PASSWORD).status_code == MISSING
    rosa = organizer_by_name("Rosa")
    assert rosa is not None
    dismiss(rosa)
    assert app.test_client().get(link).status_code == MISSING


@on_sqlite
def test_passwords_are_hashed_at_full_price(stack: Stack) -> None:
    """Argon2id with 64 MiB, three rounds: more than OWASP asks for; the app of the other tests does with less."""
    with create_app(Config.read(stack.environ)).test_request_context():
        assert hash_password(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


# Nobody learns who has an account


@on_sqlite
def test_answers_do_not_tell_whether_a_name_is_somebodys(
    house: House, app: Flask, organizers: Organizers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password, a name of nobody's, a closed account: the same words and status, and as much hashing."""
    organizers.add("Rosa")
    closed = db.session.get_one(Organizer, organizers.add("Gone").id)
    dismiss(closed)
    hashed: list[str] = []
    kind = type(hashing._get_current_object())
    for name in ("hash", "verify", "verify_and_update"):
        monkeypatch.setattr(kind, name, counted(getattr(kind, name), hashed))
    answers, costs = set(), set()
    for name, password in (
        ("Rosa", "wrong wrong wrong"),
        ("Nobody", PASSWORD),
        ("Gone", PASSWORD),
        ("Gone", "x" * 5000),
    ):
        hashed.clear()
        answer = post(app.test_client(), "/console/login", username=name, password=password)
        page = re.sub(r'(name="csrf_token"[^>]*value|value)="[^"]*"', "", answer.get_data(as_text=True))
        answers.add((answer.status_code, page))
        costs.add(len(hashed))
    assert len(answers) == 1
    assert costs == {1}
    asked = {
        (answer.status_code, answer.location, answer.get_data(as_text=True))
        for answer in (post(app.test_client(), "/console/forgot", username=name) for name in ("Rosa", "Nobody", "Gone"))
    }
    assert len(asked) == 1
    hints = {post(app.test_client(), "/console/wan-signin", identity=name).status_code for name in ("Rosa", "Nobody")}
    assert len(hints) == 1
    assert not app.config["SECURITY_WAN_ALLOW_USER_HINTS"]


def counted(method: Callable[..., object], calls: list[str]) -> Callable[..., object]:
    """The method; each call from outside is counted."""
    state = threading.local()

    def call(*arguments: object, **named: object) -> object:
        if not getattr(state, "is_inside", False):
            calls.append(method.__name__)
        state.is_inside = True
        try:
            return method(*arguments, **named)
        finally:
            state.is_inside = False

    return call


@on_sqlite
def test_guesses_are_slowed(app: Flask, organizers: Organizers) -> None:
    """By name, from wherever they come, and by client, whatever the name; the page is kind and keeps the name."""
    account = organizers.add("Rosa")
    halfway = app.test_client()
    post(halfway, "/console/login", username="Rosa", password=PASSWORD)
    for number in range(9):
        environ = {"REMOTE_ADDR": f"198.51.100.{number}"}
        client = app.test_client()
        page = client.get("/console/login").get_data(as_text=True)
        typed = {"csrf_token": token_in(page), "username": " rOsa", "password": "wrong wrong wrong"}
        assert client.post("/console/login", data=typed, environ_base=environ).status_code == OK
    answer = post(app.test_client(), "/console/login", username="Rosa", password=PASSWORD)
    assert answer.status_code == MANY
    assert 'value="Rosa"' in answer.get_data(as_text=True)
    assert int(answer.headers["Retry-After"]) > 0
    page = halfway.get("/console/tf-validate").get_data(as_text=True)
    for number in range(10):
        typed = {"csrf_token": token_in(page), "code": "000000", "username": f"another{number}"}
        halfway.post("/console/tf-validate", data=typed, environ_base={"REMOTE_ADDR": f"203.0.113.{number}"})
    typed = {"csrf_token": token_in(page), "code": account.code}
    assert halfway.post("/console/tf-validate", data=typed).status_code == MANY
    with later(minutes=16):
        assert post(app.test_client(), "/console/login", username="Rosa", password=PASSWORD).status_code == FOUND
        statuses = [
            post(app.test_client(), "/console/login", username=f"name{number}", password="wrong").status_code
            for number in range(30)
        ]
        assert statuses[-1] == MANY


# Dangerous acts


@on_sqlite
def test_dangerous_acts_ask_for_the_password_again(stack: Stack, app: Flask, organizers: Organizers) -> None:
    """To look and to do; what was typed is carried; after it, the act goes through."""
    client = organizers.client(organizers.add("Rosa", Role.OWNER, 1), fresh=False)
    answer = client.get("/console/1/members/invite")
    assert answer.location.startswith("/console/verify?next=/console/1/members/invite")
    typed = {"email": "new@example.org", "role": "editor"}
    refused = post(client, "/console/1/members/invite", "/console/account", **typed)
    assert refused.status_code == FORBIDDEN
    assert 'value="new@example.org"' in refused.get_data(as_text=True)
    assert db.session.scalar(text("SELECT count(*) FROM errands")) == 0
    for path in ("/console/tf-setup", "/console/mf-recovery-codes", "/console/wan-register", "/console/wan-delete"):
        assert urlsplit(client.get(path).location).path == "/console/verify", path
        assert urlsplit(post(client, path, "/console/account").location).path == "/console/verify", path
    assert post(client, "/console/verify", password="wrong wrong wrong").status_code == OK
    assert client.get("/console/1/members/invite").status_code == FOUND
    verified = post(client, answer.location, password=PASSWORD)
    assert verified.location == "/console/1/members/invite"
    assert post(client, "/console/1/members/invite", **typed).status_code == SEE_OTHER
    with later(minutes=11):
        assert client.get("/console/1/members/invite").status_code == FOUND


# Closed accounts


@on_sqlite
def test_dismissed(stack: Stack, app: Flask, organizers: Organizers, keys: Keyring) -> None:
    """All sessions end at once; only the command line opens the account again, and from the beginning."""
    account = organizers.add("Rosa", Role.OWNER, 1)
    client = organizers.client(account)
    assert is_in(client)
    run = runner(stack.environ)
    listed = run("organizers").output
    assert "Rosa  active, last seen" in listed
    assert "release-test owner" in listed
    assert "@" not in listed
    assert "Dismissed Rosa" in run("organizers", "dismiss", "rosa").output
    assert not is_in(client)
    assert sign_in_with(app.test_client(), account).status_code == OK
    with pytest.raises(Dismissed):
        enlist(EmailAddress.parse(LETTER_FOR.format("rosa")), Role.OWNER, [1], "en", keys)
    db.session.rollback()
    link = run("invite", LETTER_FOR.format("rosa")).output
    assert "/console/welcome/" in link
    assert sign_in_with(app.test_client(), account).status_code == OK, "the old password is gone"
    acts = db.session.scalars(select(AuditEntry.act).where(AuditEntry.campaign_id == 1)).all()
    assert "account.dismissed" in acts
    assert run("organizers", "dismiss", "Nobody").exit_code == 1


@on_sqlite
def test_a_new_second_factor(stack: Stack, app: Flask, organizers: Organizers) -> None:
    """For somebody who lost phone and codes: the sessions end, and signing in sets up another."""
    account = organizers.add("Rosa", Role.OWNER, 1)
    client = organizers.client(account)
    post(client, "/console/mf-recovery-codes")
    assert runner(stack.environ)("organizers", "new-factor", "Rosa").exit_code == 0
    assert not is_in(client)
    fresh = app.test_client()
    assert post(fresh, "/console/login", username="Rosa", password=PASSWORD).location == "/console/tf-setup"
    assert not is_in(fresh)
    assert set_up_authenticator(fresh).status_code == FOUND
    assert is_in(fresh)
    acts = db.session.scalars(select(AuditEntry.act).where(AuditEntry.campaign_id == 1)).all()
    assert "account.factor_taken" in acts


@on_sqlite
def test_a_campaign_keeps_an_owner_who_can_sign_in(stack: Stack, organizers: Organizers, keys: Keyring) -> None:
    """One who was dismissed, or never came, does not count."""
    rosa = membership(1, organizers.add("Rosa", Role.OWNER, 1).id)
    gone = organizers.add("Gone", Role.OWNER, 1)
    enlist(EmailAddress.parse("never@example.org"), Role.OWNER, [1], "en", keys)
    dismiss(db.session.get_one(Organizer, gone.id))
    assert rosa is not None
    with pytest.raises(LastOwner):
        leave(rosa)


# Names


def test_names_that_could_be_taken_for_one_another_are_one(app: Flask, organizers: Organizers, keys: Keyring) -> None:
    """Case, spaces, marks that do not show, letters of other scripts; and each signs in with the spelling they know."""
    db.session.get_one(Organizer, organizers.add("Oz").id).username = "Özgür"
    organizers.add("Rosa")
    found = organizer_by_name("özgÜR")
    assert found is not None
    assert found.username == "Özgür"
    for name in ("rosa", "ROSA ", "R osa", "Ro\u200bsa", "Rоsа", "\u202eRosa", "Ｒｏｓａ"):
        answer = post(app.test_client(), invited(keys), username=name, password=PASSWORD, again=PASSWORD)
        assert answer.status_code == UNPROCESSABLE, name
    assert name_key("Rosa") != name_key("Rose")
    db.session.get_one(Organizer, organizers.add("Other").id).username = "RОSA"
    with pytest.raises(IntegrityError):
        db.session.flush()


@on_sqlite
def test_names_are_text(stack: Stack, app: Flask, organizers: Organizers, keys: Keyring) -> None:
    """HTML in one is shown, not obeyed; a line break ends in a space; too long or too short is refused kindly."""
    answer = post(app.test_client(), invited(keys), username="<b>Eve</b>\r\nBcc: x", password=PASSWORD, again=PASSWORD)
    assert answer.status_code == FOUND
    eve = organizer_by_name("<b>Eve</b> Bcc: x")
    assert eve is not None
    assert eve.username == "<b>Eve</b> Bcc: x"
    db.session.add(Membership(organizer=eve, campaign_id=1, role=Role.EDITOR, since=clock.now()))
    page = organizers.as_role(Role.OWNER, 1).get("/console/1/members/").get_data(as_text=True)
    assert "&lt;b&gt;Eve" in page
    assert "<b>Eve" not in page
    for name in ("E", " ", "\u200b\u200b\u200b", "x" * 65):
        answer = post(
            app.test_client(), invited(keys, "b@example.org"), username=name, password=PASSWORD, again=PASSWORD
        )
        assert answer.status_code == UNPROCESSABLE, repr(name)


# A second person


@carries_out("test.act")
def _carry(approval: Approval, _now: datetime) -> None:
    if approval.digest != b"as asked":
        raise Refusal("It changed.")


def two(organizers: Organizers) -> tuple[Organizer, Organizer]:
    """An owner and an editor who have long been there."""
    rosa, ali = organizers.add("Rosa", Role.OWNER, 1), organizers.add("Ali", Role.EDITOR, 1)
    return db.session.get_one(Organizer, rosa.id), db.session.get_one(Organizer, ali.id)


def asked(by: Organizer, digest: bytes = b"as asked") -> Approval:
    """A wish that waits."""
    return ask_second(Wish("test.act", 1, None, digest), by, clock.now())


@on_sqlite
def test_nobody_is_their_own_second(stack: Stack, organizers: Organizers) -> None:
    """Not who asked, not a newcomer, not another role, not whoever left; the database refuses the first, too."""
    rosa, ali = two(organizers)
    approval = asked(rosa)
    moderator = db.session.get_one(Organizer, organizers.add("Mo", Role.MODERATOR, 1).id)
    newcomer = db.session.get_one(Organizer, organizers.add("New", Role.OWNER, 1).id)
    new = membership(1, newcomer.id)
    assert new is not None
    new.since = clock.now() - SETTLED_AFTER + timedelta(minutes=1)
    for nobody in (rosa, moderator, newcomer):
        with pytest.raises(NotTheSecond):
            grant(approval, nobody, clock.now())
    db.session.commit()
    with pytest.raises(IntegrityError):
        db.session.execute(
            text("UPDATE approvals SET is_granted = true, decided_at = asked_at, decided_by_id = asked_by_id")
        )
    db.session.rollback()
    owner = organizers.client(Account(rosa.id, "Rosa", ""))
    path = f"/console/1/approvals/{approval.id}"
    assert post(owner, path, "/console/account", answer="grant").status_code == FORBIDDEN
    with later(minutes=2):
        grant(approval, newcomer, clock.now())
    assert ali is not approval.decided_by


@on_sqlite
def test_a_wish_holds_only_as_it_was_asked(stack: Stack, organizers: Organizers) -> None:
    """Changed since, or asked by somebody who was removed since: it is not granted. Nor twice."""
    rosa, ali = two(organizers)
    changed = asked(rosa, b"something else")
    db.session.commit()
    with pytest.raises(Refusal):
        grant(changed, ali, clock.now())
    db.session.rollback()
    rosa, ali = (db.session.get_one(Organizer, one.id) for one in (rosa, ali))
    approval = asked(ali)
    dismiss(ali)
    with pytest.raises(Refusal):
        grant(approval, rosa, clock.now())
    refuse(approval, rosa, clock.now())
    with pytest.raises(Refusal):
        refuse(approval, rosa, clock.now())


def test_a_wish_is_granted_once(stack: Stack, app: Flask, organizers: Organizers) -> None:
    """Also when two press the button at the same moment."""
    rosa, ali = two(organizers)
    third = organizers.add("Third", Role.OWNER, 1)
    approval_id = asked(rosa).id
    db.session.commit()
    clients = [organizers.client(Account(ali.id, "Ali", "")), organizers.client(third)]
    tokens = [token_in(client.get("/console/account").get_data(as_text=True)) for client in clients]
    answers: list[int] = []
    gate = threading.Barrier(2)

    def press(number: int) -> None:
        gate.wait()
        typed = {"csrf_token": tokens[number], "answer": "grant"}
        answers.append(clients[number].post(f"/console/1/approvals/{approval_id}", data=typed).status_code)

    run_together([lambda: press(0), lambda: press(1)])
    granted = db.session.scalars(select(AuditEntry).where(AuditEntry.act == "approval.granted")).all()
    assert len(granted) == 1
    assert sorted(answers)[0] == SEE_OTHER
    assert sorted(answers)[1] >= 400


# What belongs to another campaign; the log


@on_sqlite
def test_numbers_of_another_campaign_lead_nowhere(stack: Stack, organizers: Organizers, tmp_path: Path) -> None:
    """Members and wishes are looked up within the campaign of the address."""
    from campaign.importing import import_campaign, read_campaign
    from tests.stack import campaign_file

    other = import_campaign(read_campaign(campaign_file(tmp_path, "other")), clock.now())
    db.session.flush()
    rosa, _ali = two(organizers)
    approval = asked(rosa)
    member = membership(1, rosa.id)
    assert member is not None
    db.session.commit()
    client = organizers.as_role(Role.OWNER, other.id)
    here = f"/console/{other.id}"
    for path in (f"members/{member.id}/role", f"members/{member.id}/remove", f"approvals/{approval.id}"):
        answer = post(client, f"{here}/{path}", "/console/account", role="translator", answer="refuse")
        assert answer.status_code == MISSING, path
        assert post(client, f"/console/1/{path}", "/console/account", role="translator").status_code == MISSING
    db.session.refresh(member)
    db.session.refresh(approval)
    assert member.role == Role.OWNER
    assert approval.decided_at is None


@on_sqlite
def test_roles_come_from_owners_and_from_the_list(stack: Stack, organizers: Organizers) -> None:
    """No made-up role, none by oneself, none above one's own."""
    editor = organizers.add("Ed", Role.EDITOR, 1)
    mine = membership(1, editor.id)
    assert mine is not None
    db.session.commit()
    path = f"/console/1/members/{mine.id}/role"
    assert post(organizers.client(editor), path, "/console/account", role="owner").status_code == FORBIDDEN
    owner = organizers.as_role(Role.OWNER, 1)
    for role in ("admin", "", "OWNER", "owner\x00"):
        assert post(owner, path, "/console/account", role=role).status_code in (400, UNPROCESSABLE)
    db.session.refresh(mine)
    assert mine.role == Role.EDITOR


def test_the_log_is_not_changed(organizers: Organizers) -> None:
    """Neither database changes or deletes a line of it, whoever asks."""
    db.session.add(AuditEntry(campaign_id=1, organizer="Rosa", act="member.invited", details={}, at=clock.now()))
    db.session.commit()
    for statement in ("UPDATE audit_entries SET organizer = 'Ali'", "DELETE FROM audit_entries"):
        with pytest.raises(IntegrityError):
            db.session.execute(text(statement))
        db.session.rollback()
    assert db.session.scalars(select(AuditEntry)).one().organizer == "Rosa"


@on_sqlite
def test_addresses_are_sealed(organizers: Organizers) -> None:
    """An organizer's address is a reader's: only the worker's keys open it."""
    account = organizers.add("Rosa")
    reader = db.session.get_one(Reader, db.session.get_one(Organizer, account.id).reader_id)
    assert reader.campaign_id is None
    assert b"organizers.example.org" not in reader.sealed_address
