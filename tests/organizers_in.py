"""Organizers for tests: made in a moment, signed in by a cookie or by the pages, with an authenticator of their own."""

import time
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from flask_security import hash_password
from passlib.totp import TOTP

from campaign import clock
from campaign.db import db
from campaign.opening import Keyring
from campaign.organizers.models import SETTLED_AFTER, Organizer, Role
from campaign.organizers.operations import sign_in
from campaign.organizers.queries import membership
from campaign.organizers.tasks import enlist
from campaign.sealing import EmailAddress

PASSWORD = "seven wooden lanterns"


@dataclass(frozen=True)
class Account:
    """An organizer's account, as its owner knows it."""

    id: int
    username: str
    secret: str

    @property
    def code(self) -> str:
        """What the authenticator shows now."""
        return code_of(self.secret)


def code_of(secret: str, steps: int = 0) -> str:
    """The code of an authenticator with this key (base32), now or some steps of 30 s later."""
    return str(TOTP(secret).generate(time.time() + 30 * steps).token)


class Organizers:
    """Makes accounts over the app's database."""

    def __init__(self, app: Flask, keys: Keyring) -> None:
        self.app = app
        self.keys = keys

    def add(self, username: str, role: Role = Role.OWNER, *campaign_ids: int) -> Account:
        """An organizer with a role in these campaigns, who has long been there, with password and authenticator."""
        address = EmailAddress.parse(f"{username.lower()}@organizers.example.org")
        organizer = enlist(address, role, list(campaign_ids), "en", self.keys)
        with self.app.test_request_context():
            organizer.username, organizer.password = username, hash_password(PASSWORD)
        totp = self.app.extensions["accounts"].totp_factory
        organizer.tf_primary_method, organizer.tf_totp_secret = "authenticator", totp.generate_totp_secret()
        for campaign_id in campaign_ids:
            member = membership(campaign_id, organizer.id)
            assert member is not None
            member.since -= SETTLED_AFTER + timedelta(days=1)
        db.session.commit()
        return Account(organizer.id, username, totp.get_totp_b32_key(organizer.tf_totp_secret))

    def client(self, account: Account, *, fresh: bool = True) -> FlaskClient:
        """A client with the session of somebody who has just signed in; not `fresh`: an hour ago."""
        client = self.app.test_client()
        token = f"token of {account.username} {time.monotonic_ns()}"
        organizer = db.session.get_one(Organizer, account.id)
        sign_in(organizer, token, clock.now())
        db.session.commit()
        with client.session_transaction(base_url=self.app.config["PUBLIC_URL"]) as session:
            session["_user_id"], session["_fresh"] = organizer.fs_uniquifier, True
            session["sign_in"], session["fs_paa"] = token, time.time() - (0 if fresh else 3600)
        return client

    def as_role(self, role: Role, *campaign_ids: int) -> FlaskClient:
        """A client of a new organizer with this role."""
        return self.client(self.add(f"{role.value}{'-'.join(map(str, campaign_ids))}", role, *campaign_ids))


def token_in(page: str) -> str:
    """The token of the first form of a console page, which every POST carries."""
    return page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
