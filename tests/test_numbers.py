"""The number that a signer hears: the same, and right, whether the ledger has it already or not."""

from contextvars import Context

import pytest
from flask import Flask
from sqlalchemy import event

from campaign.db import db
from campaign.ledger.queries import signer_number
from campaign.ledger.tasks import append_entries
from campaign.opening import Keyring
from campaign.signing.models import Signature
from tests.signers_in import signs, the_campaign
from tests.stack import Stack


def numbers(ids: list[int]) -> list[int | None]:
    """Of these signatures, in their order."""
    signatures = [db.session.get_one(Signature, number) for number in ids]
    return [signer_number(signature.campaign_id, signature.commitment) for signature in signatures]


def test_foretold_and_then_entered(stack: Stack, app: Flask, keys: Keyring) -> None:
    """One is entered, two are owed; who has not confirmed has none."""
    ids = [signs(keys, "first@example.org")]
    append_entries()
    ids += [signs(keys, f"{name}@example.org") for name in ("second", "third")]
    ids.append(signs(keys, "fourth@example.org", confirms=False))
    assert numbers(ids) == [1, 2, 3, None]
    append_entries()
    assert numbers(ids) == [1, 2, 3, None]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite shows a transaction one state
def test_entered_while_somebody_asks(stack: Stack, app: Flask, keys: Keyring) -> None:
    """The worker enters it right after the first look into the database."""
    signature = db.session.get_one(Signature, signs(keys, "first@example.org"))
    campaign_id, commitment = the_campaign().id, signature.commitment

    def enter() -> None:
        with app.app_context():
            append_entries()

    @event.listens_for(db.engine, "after_cursor_execute", once=True)
    def looked(*_given: object) -> None:
        Context().run(enter)

    assert signer_number(campaign_id, commitment) == 1
    db.session.commit()
    assert signer_number(campaign_id, commitment) == 1
