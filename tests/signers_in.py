"""Signers for tests, made in a moment as the worker makes them; and the worker's drains in this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import campaign_by_slug
from campaign.config import Config
from campaign.db import db
from campaign.ledger.queries import first_gap, public_count, recount
from campaign.ledger.tasks import append_entries
from campaign.opening import Keyring
from campaign.signing.models import Signature
from campaign.signing.operations import Request, confirm
from campaign.signing.queries import count_confirmed, count_unknown_to_ledger
from campaign.signing.tasks import answer, unveil_names
from campaign.worker import Worker
from tests.stack import Stack

NAMES = ("intake", "names", "ledger", "errands", "letters")


def the_campaign() -> Campaign:
    """The campaign of `stack`."""
    campaign = campaign_by_slug("release-test")
    assert campaign is not None
    return campaign


def signs(keys: Keyring, email: str, *, confirms: bool = True, **typed: str) -> int:
    """Somebody signs, and confirms; the signature's id."""
    request = Request(**{"kind": "sign", "locale": "en", "email": email, "country": "GB", "appear": "name"} | typed)  # type: ignore[arg-type]
    answer(request, the_campaign(), keys)
    signature = db.session.query(Signature).order_by(Signature.id.desc()).first()
    assert signature is not None
    if confirms:
        confirm(signature, clock.now())
    db.session.commit()
    return signature.id


def settle(keys: Keyring) -> None:
    """Names shown, ledger written."""
    unveil_names(keys, lambda _signature, _words: None)
    append_entries()


def agreed_count() -> int:
    """The count on which the ledger, its sum, and the signatures agree."""
    campaign_id = the_campaign().id
    append_entries()
    counts = {public_count(campaign_id), recount(campaign_id), count_confirmed(campaign_id)}
    assert len(counts) == 1, counts
    assert first_gap(campaign_id) is None
    assert count_unknown_to_ledger(campaign_id) == 0
    db.session.commit()
    return counts.pop()


class Work:
    """The worker in this process."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def __call__(self, *names: str) -> None:
        """Run these drains, or those of a sweep."""
        db.session.commit()
        with self.worker.app.app_context():
            runs = self.worker.runs()
            for name in names or NAMES:
                runs[name]()
            db.session.rollback()


@contextmanager
def working(_app: Flask, installation: Stack) -> Iterator[Work]:
    """A worker over the installation's database."""
    worker = Worker(Config.read(installation.environ))
    yield Work(worker)
    with worker.app.app_context():
        db.session.remove()
        db.engine.dispose()
