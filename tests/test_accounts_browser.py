"""Passkeys, in a real browser with an authenticator of its own, against a real server."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from campaign.db import db
from campaign.organizers.models import Passkey, Role
from tests.organizers_in import PASSWORD, Account, Organizers
from tests.stack import Stack

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def rosa(stack: Stack, organizers: Organizers) -> Account:
    """An owner; the web runs at the name localhost, since passkeys belong to names."""
    stack.url = stack.url.replace("127.0.0.1", "localhost")
    stack.settings["CAMPAIGN_PUBLIC_URL"] = stack.url
    account = organizers.add("Rosa", Role.OWNER, 1)
    db.session.commit()
    stack.start_web()
    return account


@pytest.fixture
def console(page: Page) -> Page:
    """A browser with a built-in authenticator that knows its owner's finger; what it says wrong fails the test."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return page


def give_password(page: Page, stack: Stack) -> None:
    """Name and password."""
    page.goto(f"{stack.url}/console/login")
    page.get_by_label("Your name here").fill("Rosa")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def add_passkey(page: Page, stack: Stack, name: str, usage: str) -> None:
    """Add one in the account."""
    page.goto(f"{stack.url}/console/wan-register")
    page.get_by_label("What do you call it?").fill(name)
    page.get_by_label(usage).check()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/console/account")
    expect(page.get_by_text(name, exact=True)).to_be_visible()


def sign_out(page: Page) -> None:
    """By the menu of the account."""
    page.locator("details.who summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/console/login")


@on_sqlite
def test_passkeys(stack: Stack, rosa: Account, console: Page) -> None:
    """One takes the place of the digits, one of the password as well; one proves again who it is."""
    refused: list[str] = []
    console.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    give_password(console, stack)
    console.get_by_label("Six digits").fill(rosa.code)
    console.get_by_role("button", name="Go on").click()
    console.wait_for_url(re.compile(r"/console/$"))
    add_passkey(console, stack, "blue key", "After the password, instead of the digits")
    sign_out(console)

    give_password(console, stack)
    console.get_by_role("button", name="A passkey").click()
    console.get_by_role("button", name="Use the passkey", exact=True).click()
    console.wait_for_url(re.compile(r"/console/$"))
    console.goto(f"{stack.url}/console/verify?next=/console/1/members/")
    console.get_by_role("button", name="Use a passkey instead").click()
    expect(console.get_by_role("heading", name="Organizers", exact=True)).to_be_visible()
    console.goto(f"{stack.url}/console/account")
    console.get_by_role("button", name="Remove blue key").click()
    expect(console.get_by_text("blue key", exact=True)).to_have_count(0)
    add_passkey(console, stack, "my phone", "Instead of the password and the digits")
    sign_out(console)

    console.get_by_role("link", name="Sign in with a passkey").click()
    console.get_by_role("button", name="Use the passkey", exact=True).click()
    console.wait_for_url(re.compile(r"/console/$"))
    console.goto(f"{stack.url}/console/1/members/")
    expect(console.get_by_role("heading", name="Organizers", exact=True)).to_be_visible()
    kept = db.session.scalars(select(Passkey)).one()
    assert (kept.name, kept.usage) == ("my phone", "first")
    assert not refused, "what the browser refused, by the content security policy or else"
