"""Accounts: invited, signed in with two factors, ended, guarded (docs/asvs.md: which requirement a test holds)."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from campaign import clock
from campaign.db import db
from campaign.opening import Keyring
from campaign.organizers.models import Role
from campaign.organizers.tasks import enlist, write_invitation
from campaign.sealing import EmailAddress
from tests.organizers_in import PASSWORD, Account, Organizers, code_of, token_in

FOUND, SEE_OTHER, FORBIDDEN, UNPROCESSABLE = 302, 303, 403, 422


def post(client: FlaskClient, path: str, page_path: str | None = None, **typed: str):  # type: ignore[no-untyped-def]
    """Open the page, and send its form."""
    page = client.get(page_path or path).get_data(as_text=True)
    return client.post(path, data={"csrf_token": token_in(page), **typed})


def sign_in_with(client: FlaskClient, account: Account, password: str = PASSWORD, steps: int = 0):  # type: ignore[no-untyped-def]
    """Name and password, then the code."""
    answer = post(client, "/console/login", username=account.username, password=password)
    if answer.status_code != FOUND:
        return answer
    return post(client, "/console/tf-validate", code=code_of(account.secret, steps))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_invited_to_the_console(app: Flask, keys: Keyring) -> None:
    """Invitation, name and password, authenticator, recovery codes; the link works once."""
    token = write_invitation(enlist(EmailAddress.parse("sana@example.org"), Role.OWNER, [], "en", keys), keys)
    db.session.commit()
    client = app.test_client()
    welcome = f"/console/welcome/{token}"
    assert client.get("/console/account").location.startswith("/console/login")
    refused = post(client, welcome, username="Sana", password="password1234", again="password1234")
    assert refused.status_code == UNPROCESSABLE
    assert "Sana" in refused.get_data(as_text=True)
    answer = post(client, welcome, username="Sana", password=PASSWORD, again=PASSWORD)
    assert urlsplit(answer.location).path == "/console/tf-setup"
    page = post(client, "/console/tf-setup", setup="authenticator").get_data(as_text=True)
    secret = re.search(r"([A-Z2-7]{4}(?:[ -][A-Z2-7]{4}){3,})", page)
    assert secret is not None, page
    answer = client.post(
        "/console/tf-validate", data={"csrf_token": token_in(page), "code": code_of(re.sub("[ -]", "", secret[1]))}
    )
    assert answer.status_code == FOUND
    assert client.get("/console/account").status_code == 200
    assert app.test_client().get(welcome).status_code == 404


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_signing_in(app: Flask, organizers: Organizers) -> None:
    """Both factors, in this order; a code works once; a session ends when it is idle, old, or ended elsewhere."""
    account = organizers.add("Rosa")
    client = app.test_client()
    post(client, "/console/login", username="Rosa", password=PASSWORD)
    assert client.get("/console/account").status_code == FOUND
    answer = post(client, "/console/tf-validate", code=account.code)
    assert answer.location == "/console/"
    assert client.get("/console/account").status_code == 200
    again = sign_in_with(app.test_client(), account)
    assert again.status_code != FOUND or "tf-validate" in again.location
    with time_machine.travel(clock.now() + timedelta(minutes=31)):
        assert client.get("/console/account").status_code == FOUND
