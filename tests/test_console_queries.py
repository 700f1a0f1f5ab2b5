"""A page of the console asks the database as often for many rows as for one."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from campaign import clock
from campaign.db import db
from campaign.mailing.models import Delivery, DeliveryState, Mailing, MailingState, Reader
from campaign.organizers.models import Approval, Membership, Organizer, Role
from campaign.organizers.operations import log_act
from campaign.signing.counting.tasks import count_signatures
from campaign.signing.models import Appear, Signature, SignatureState, new_secret
from campaign.statements.models import Decision, Statement
from campaign.timeline.drafting.operations import Content, begin_draft
from campaign.timeline.models import Draft, StatusChange, Update, UpdateText
from tests.organizers_in import Organizers, token_in
from tests.signers_in import the_campaign

pytestmark = [
    pytest.mark.usefixtures("stack"),
    pytest.mark.parametrize("backend", ["sqlite"], indirect=True),
]

FEW, MANY = 3, 60
PAGES = (
    "/console/", "", "text/", "text/en/", "people/", "updates/", "updates/2/", "updates/2/progress",
    "updates/draft/{draft}/", "updates/draft/{draft}/look", "updates/draft/{draft}/publish",
    "moderation/", "moderation/?tab=decided", "signatures/", "signatures/chart/day.svg", "signatures/search/",
    "signatures/invalidations/", "delivery/", "delivery/contacts/", "members/", "approvals/", "settings/", "state/",
    "log/", "log/?act=statement",
)  # fmt: skip
"""Below the campaign's own page; each with what was added in add_rows()."""


class Rows:
    """Adds rows of every kind, numbered on."""

    def __init__(self, owner_id: int) -> None:
        self.campaign_id = the_campaign().id
        self.person_id = the_campaign().people[0].id
        self.owner_id = owner_id
        self.count = 0

    def fill_up_to(self, count: int) -> None:
        """Add until there are so many of each."""
        for number in range(self.count + 1, count + 1):
            signer = self._signer(number)
            self._statements(signer, number)
            self._update(signer, number)
            self._organizer(number)
            begin_draft(the_campaign(), self.owner_id, clock.now(), Content(sources=[f"Source {number}"]))
            log_act("statement.rejected", self.campaign_id, "rosa", clock.now(), number=number)
        self.count = count
        db.session.commit()

    def _signer(self, number: int) -> Signature:
        now, (secret, commitment) = clock.now(), new_secret()
        shared = {"campaign_id": self.campaign_id, "locale": "en", "news": "all", "confirmed_at": now}
        reader = Reader(sealed_address=b"", fingerprint=b"%d" % number, created_at=now, **shared)
        signature = Signature(
            reader=reader, state=SignatureState.CONFIRMED, appear=Appear.NAME, public_name=f"Ada {number}",
            country="GB", sealed=b"", is_veiled=False, secret=secret, commitment=commitment, signed_at=now, **shared,
        )  # fmt: skip
        db.session.add(signature)
        return signature

    def _statements(self, signer: Signature, number: int) -> None:
        """Of those who signed, one waits, and one is decided on."""
        now = clock.now()
        state, decided_at = ("waiting", None) if number % 2 else ("rejected", now)
        statement = Statement(
            campaign_id=self.campaign_id, signature=signer, body="With you.", locale="en",
            state=state, made_at=now, decided_at=decided_at,
        )  # fmt: skip
        db.session.add(statement)
        if decided_at:
            decision = Decision(
                campaign_id=self.campaign_id, statement=statement, act="rejected", reason="spam",
                organizer_id=self.owner_id, made_at=now,
            )  # fmt: skip
            db.session.add(decision)

    def _update(self, signer: Signature, number: int) -> None:
        """An update of a status, with a mailing."""
        now = clock.now()
        update = Update(
            campaign_id=self.campaign_id, number=number + 1, kind="status", occurred_on=now.date(), published_at=now,
            sources=["A newspaper"], texts=[UpdateText(locale="en", title="News", body="It went on.")],
            changes=[StatusChange(person_id=self.person_id, status="detained")],
        )  # fmt: skip
        db.session.add(update)
        db.session.flush()
        mailing = Mailing(
            campaign_id=self.campaign_id, update_id=update.id, is_status=True, state=MailingState.SENDING,
            spread_until=0, spread_count=1, created_at=now,
        )  # fmt: skip
        db.session.add(mailing)
        db.session.flush()
        db.session.add(
            Delivery(
                mailing_id=mailing.id, reader=signer.reader, letter="update", state=DeliveryState.DUE, not_before=now
            )
        )

    def _organizer(self, number: int) -> None:
        """A member, who waits for a second organizer."""
        now = clock.now()
        reader = Reader(
            sealed_address=b"", fingerprint=b"organizer %d" % number, locale="en", news="none", created_at=now
        )
        organizer = Organizer(username=f"member-{number}", locale="en", reader=reader, invited_at=now)
        db.session.add(organizer)
        db.session.flush()
        db.session.add_all(
            (
                Membership(organizer_id=organizer.id, campaign_id=self.campaign_id, role=Role.EDITOR, since=now),
                Approval(
                    campaign_id=self.campaign_id, act="publish", subject_id=number, digest=b"", payload={},
                    asked_by_id=organizer.id, asked_at=now,
                ),
            )
        )  # fmt: skip


@contextmanager
def selects() -> Iterator[list[str]]:
    """The SELECTs that are asked meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield asked
    event.remove(db.engine, "before_cursor_execute", note)


def asked_by(client: FlaskClient, path: str) -> list[str]:
    """The SELECTs of a page, after one look: the first one notes that the session is used."""
    with selects() as asked:
        answer = client.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status}"
    return asked


def test_pages(app: Flask, organizers: Organizers) -> None:
    """Each page that lists or counts something."""
    account = organizers.add("Rosa", Role.OWNER, the_campaign().id)
    client, rows = organizers.client(account), Rows(account.id)
    rows.fill_up_to(FEW)
    count_signatures()
    root = f"/console/{rows.campaign_id}/"
    draft = db.session.query(Draft.id).order_by(Draft.id).limit(1).scalar()
    paths = [page if page.startswith("/") else root + page.format(draft=draft) for page in PAGES]
    client.get(root)
    few = {path: asked_by(client, path) for path in paths}
    rows.fill_up_to(MANY)
    many = {path: asked_by(client, path) for path in paths}
    grown = {path: [len(few[path]), len(many[path])] for path in paths if len(few[path]) != len(many[path])}
    assert not grown


def test_search(app: Flask, organizers: Organizers) -> None:
    """By a name that few or many have."""
    account = organizers.add("Rosa", Role.OWNER, the_campaign().id)
    client, rows = organizers.client(account), Rows(account.id)
    path = f"/console/{rows.campaign_id}/signatures/search/"
    typed = {"by": "name", "name": "ada", "csrf_token": token_in(client.get(path).get_data(as_text=True))}
    counts = []
    for count in (FEW, MANY):
        rows.fill_up_to(count)
        with selects() as asked:
            page = client.post(path, data=typed).get_data(as_text=True)
        assert f">Ada {count}<" in page
        counts.append(len(asked))
    assert counts[0] == counts[1]
