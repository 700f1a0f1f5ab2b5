"""Signatures leave the count in the open, come back when that is undone, and every sum agrees at every step."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from campaign import clock
from campaign.db import db
from campaign.ledger.models import LedgerEntry
from campaign.links import YOURS, link_signer
from campaign.mailing.queries import reach
from campaign.opening import Keyring
from campaign.organizers.models import AuditEntry, Errand, Role
from campaign.organizers.operations import Order, send_errand
from campaign.signing.invalidating import tasks
from campaign.signing.invalidating.models import Invalidation, InvalidationKind
from campaign.signing.invalidating.operations import UndoneAlready, Verdict, begin, undo
from campaign.signing.invalidating.queries import Criteria
from campaign.signing.models import Signature
from campaign.signing.operations import withdraw
from campaign.signing.queries import listed_signatures
from tests.organizers_in import Organizers, token_in
from tests.servers import SmtpSink
from tests.signers_in import Work, agreed_count, settle, signs, the_campaign, working
from tests.stack import Stack

pytestmark = pytest.mark.usefixtures("app", "stack")

CALL = (f"p{number}@farm.example" for number in count())


@pytest.fixture
def work(app: Flask, installation: Stack) -> Iterator[Work]:
    """The worker in this process."""
    with working(app, installation) as work:
        yield work


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two signatures a transaction."""
    monkeypatch.setattr(tasks, "BATCH", 2)


class Killed(BaseException):
    """What kill -9 is like from inside: nothing catches it."""


def run(keys: Keyring, kind: str, **payload: Any) -> dict[str, Any]:
    """Carry an errand out, as the worker does."""
    sent = send_errand(Order(kind, the_campaign().id, payload), keys.sealer, None, clock.now())
    db.session.commit()
    done: dict[str, Any] = getattr(tasks, kind)(sent, payload, keys)
    db.session.commit()
    return done


def preview(keys: Keyring, **criteria: str) -> Criteria:
    """The criteria as the worker counted them."""
    return Criteria.of(run(keys, "preview_invalidation", criteria=Criteria(**criteria).kept())["criteria"])


def begun(criteria: Criteria) -> int:
    """An invalidation that is noted and not carried out."""
    verdict = Verdict(InvalidationKind.FORGED, "Typed in by a machine.", criteria)
    number = begin(the_campaign().id, verdict, "Sana", clock.now()).id
    db.session.commit()
    return number


def undone(number: int) -> None:
    """Its undoing asked for."""
    undo(db.session.get_one(Invalidation, number), "Sana", clock.now())
    db.session.commit()


def a_farm(keys: Keyring, size: int = 5) -> list[int]:
    """Some who are meant, two who are not."""
    ids = [signs(keys, f"p{number}@mail.farm.example", name=f"Farm {number}") for number in range(size)]
    signs(keys, "ada@example.org", name="Ada Example", news="all")
    signs(keys, "eve@notfarm.example", name="Eve Example")
    settle(keys)
    return ids


def test_taken_undone_and_taken_again(keys: Keyring) -> None:
    """A domain goes, comes back, and a right filter that overlaps takes part of it: names, news and sums follow."""
    ids = a_farm(keys)
    criteria = preview(keys, domain="farm.example")
    assert (criteria.expected, agreed_count()) == (5, 7)
    wrong = begun(criteria)
    assert run(keys, "invalidate", invalidation_id=wrong) == {"taken": 5}
    assert agreed_count() == 2
    assert [one.public_name for one in listed_signatures(the_campaign().id, None)] == ["Eve Example", "Ada Example"]
    assert {one.public_name for one in db.session.query(Signature).filter(Signature.id.in_(ids))} == {None}
    undone(wrong)
    assert run(keys, "restore", invalidation_id=wrong) == {"restored": 5}
    settle(keys)
    assert agreed_count() == 7
    assert len(listed_signatures(the_campaign().id, None)) == 7
    right = begun(preview(keys, domain="mail.farm.example", country="GB"))
    run(keys, "invalidate", invalidation_id=right)
    assert agreed_count() == 2
    undone(right)
    run(keys, "restore", invalidation_id=right)
    assert agreed_count() == 7
    entries = db.session.execute(select(LedgerEntry.change, LedgerEntry.round)).all()
    assert sum(1 for change, turn in entries if (change, turn) == ("restored", 1)) == 5


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("at", range(4))
def test_killed_in_the_middle(keys: Keyring, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Killed at any commit, begun again: the same numbers as without; run a third time, nothing more."""
    a_farm(keys)
    number = begun(preview(keys, domain="farm.example"))
    for kind, left in (("invalidate", 2), ("restore", 7)):
        if kind == "restore":
            undone(number)
        broken_off(keys, monkeypatch, kind, number, at)
        run(keys, kind, invalidation_id=number)
        assert agreed_count() == left
        run(keys, kind, invalidation_id=number)
        run(keys, "invalidate", invalidation_id=number)
        assert agreed_count() == left


def broken_off(keys: Keyring, monkeypatch: pytest.MonkeyPatch, kind: str, number: int, at: int) -> None:
    """Run it until the commit of this number, then die before it."""
    hold, calls = tasks.hold, count()

    def die(errand: Errand, done: int) -> None:
        if next(calls) == at:
            raise Killed
        hold(errand, done)

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "hold", die)
        try:
            run(keys, kind, invalidation_id=number)
        except Killed:
            db.session.rollback()


def test_only_what_was_previewed(keys: Keyring) -> None:
    """Who confirms after the preview is not meant by it; and criteria that mean everybody are refused."""
    a_farm(keys)
    criteria = preview(keys, domain="farm.example")
    signs(keys, "late@farm.example", name="Late")
    assert run(keys, "invalidate", invalidation_id=begun(criteria)) == {"taken": 5}
    assert agreed_count() == 3
    with pytest.raises(Exception, match="which signatures"):
        begun(Criteria())


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_each_criterion(keys: Keyring) -> None:
    """Country, language, source and times; all that are given must hold."""
    with time_machine.travel("2026-03-01T10:30:00Z", tick=False):
        signs(keys, "a@example.org", name="A", country="PK", source="rally")
    with time_machine.travel("2026-03-01T11:00:00Z", tick=False):
        signs(keys, "b@example.org", name="B", country="PK", locale="ur")
    for criteria, expected in (
        ({"country": "PK"}, 2),
        ({"locale": "ur"}, 1),
        ({"source": "rally"}, 1),
        ({"source": "rally", "locale": "ur"}, 0),
        ({"since": "2026-03-01T10:00:00+00:00", "until": "2026-03-01T11:00:00+00:00"}, 1),
        ({"since": "2026-03-01T11:00:00+00:00"}, 1),
        ({"domain": "example.org"}, 2),
        ({"domain": "ample.org"}, 0),
    ):
        assert preview(keys, **criteria).expected == expected, criteria


def test_signers_meanwhile(keys: Keyring, client: FlaskClient) -> None:
    """Whoever was invalidated is told so, gets no news, cannot sign around it, may leave; the rest comes back."""
    ids = a_farm(keys)
    reached = sum(reach(the_campaign().id, is_status=True).values())
    first = signs(keys, "all@farm.example", name="All", news="all")
    settle(keys)
    number = begun(preview(keys, domain="farm.example"))
    run(keys, "invalidate", invalidation_id=number)
    assert sum(reach(the_campaign().id, is_status=True).values()) == reached
    signs(keys, "all@farm.example", confirms=False, name="All again")
    assert db.session.query(Signature).filter_by(state="pending").count() == 0
    handle = db.session.get_one(Signature, first).reader.handle
    yours = f"/en/yours/{link_signer().sign(YOURS, handle)}"
    page = client.get(yours).get_data(as_text=True)
    assert "does not count at the moment" in page
    assert "Typed in by a machine." in page
    assert client.post(yours, data={"action": "withdraw"}).status_code == 200
    db.session.expire_all()
    withdraw(db.session.get_one(Signature, ids[0]))
    assert agreed_count() == 2
    undone(number)
    assert run(keys, "restore", invalidation_id=number) == {"restored": 4}
    assert agreed_count() == 6


def test_undone_once(keys: Keyring) -> None:
    """Twice is refused; undone before it ran, it takes nothing."""
    a_farm(keys)
    number = begun(preview(keys, country="GB"))
    undone(number)
    with pytest.raises(UndoneAlready):
        undone(number)
    run(keys, "invalidate", invalidation_id=number)
    run(keys, "restore", invalidation_id=number)
    shown = db.session.get_one(Invalidation, number)
    assert (shown.taken, shown.restored, shown.is_under_way) == (0, 0, False)
    assert agreed_count() == 7


def test_the_ledger_still_refuses() -> None:
    """The table was written anew on SQLite: nothing in it is changed or deleted, still."""
    entry = LedgerEntry(
        campaign_id=the_campaign().id, number=1, change="added", commitment=b"c", count=1, entered_at=clock.now()
    )
    db.session.add(entry)
    db.session.commit()
    for statement in ("UPDATE ledger_entries SET round = 5", "DELETE FROM ledger_entries"):
        with pytest.raises(DBAPIError, match="append-only"):
            db.session.execute(text(statement))
        db.session.rollback()


def test_the_journey(keys: Keyring, organizers: Organizers, client: FlaskClient, work: Work, sink: SmtpSink) -> None:
    """Choose, see how many, give the reason, see it in public, undo, see that, too; each act is in the log."""
    a_farm(keys)
    root = f"/console/{the_campaign().id}/signatures"
    console = organizers.as_role(Role.EDITOR, the_campaign().id)
    token = token_in(console.get(f"{root}/invalidate/").get_data(as_text=True))
    assert console.post(f"{root}/invalidate/", data={"csrf_token": token}).status_code == 422
    chosen = {"csrf_token": token, "domain": "@FARM.example", "since": "2020-01-01T00:00", "locale": "en"}
    shown = console.post(f"{root}/invalidate/", data=chosen).location
    assert 'http-equiv="refresh"' in console.get(shown).get_data(as_text=True)
    work()
    page = console.get(shown).get_data(as_text=True)
    assert "5 signatures would not count any more" in page
    assert "Farm 4" in page
    assert "mail.farm" not in page
    assert console.post(shown, data={"csrf_token": token}).status_code == 422
    verdict = {"csrf_token": token, "kind": "forged", "reason": "Typed in by a machine."}
    done = console.post(shown, data=verdict).location
    work()
    assert agreed_count() == 2
    public = client.get("/en/release-test/ledger/").get_data(as_text=True)
    assert "5 signatures" in public
    assert "Typed in by a machine." in public
    token = token_in(console.get(f"{done}undo").get_data(as_text=True))
    assert console.post(f"{done}undo", data={"csrf_token": token}).location == done
    work()
    assert agreed_count() == 7
    assert "5 signatures count again" in client.get("/en/release-test/ledger/?2").get_data(as_text=True)
    assert "undone" in console.get(f"{root}/invalidations/").get_data(as_text=True)
    acts = db.session.scalars(select(AuditEntry.act).where(AuditEntry.act.startswith("signatures."))).all()
    assert acts == ["signatures.invalidation_previewed", "signatures.invalidated", "signatures.restored"]
    assert sink.letters is not None


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_who_may(keys: Keyring, organizers: Organizers) -> None:
    """Another campaign's pages are not there; a moderator looks and does not touch; an old session is asked again."""
    number = begun(Criteria(country="GB", expected=1))
    other_id, here_id = a_second_campaign(), the_campaign().id
    shown = f"/console/{here_id}/signatures/invalidations/{number}/"
    elsewhere = organizers.as_role(Role.OWNER, other_id)
    for path in (shown, f"{shown}undo"):
        assert elsewhere.get(path).status_code == 404
        assert elsewhere.get(path.replace(f"/{here_id}/", f"/{other_id}/", 1)).status_code == 404
    assert elsewhere.get(f"/console/{other_id}/signatures/invalidate/{uuid4()}/").status_code == 404
    moderator = organizers.as_role(Role.MODERATOR, here_id)
    assert moderator.get(shown).status_code == 200
    assert moderator.get(f"{shown}undo").status_code == 403
    assert organizers.as_role(Role.TRANSLATOR, here_id).get(shown).status_code == 403
    stale = organizers.client(organizers.add("stale", Role.OWNER, here_id), fresh=False)
    assert stale.get(f"{shown}undo").status_code == 302
    assert stale.post(f"{shown}undo").status_code == 403
    assert db.session.get_one(Invalidation, number).undone_at is None


def a_second_campaign() -> int:
    """Another campaign."""
    from campaign.importing import import_campaign
    from tests.test_state_machine import FACTS

    added = import_campaign(FACTS | {"slug": "another"}, clock.now())
    db.session.commit()
    return added.id


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_worker_gave_up(keys: Keyring, organizers: Organizers, work: Work) -> None:
    """An errand that ended without its end is sent again by a button."""
    a_farm(keys)
    number = begun(preview(keys, domain="farm.example"))
    shown = f"/console/{the_campaign().id}/signatures/invalidations/{number}/"
    console = organizers.as_role(Role.OWNER, the_campaign().id)
    token = token_in(console.get(shown).get_data(as_text=True))
    assert console.post(f"{shown}again", data={"csrf_token": token}).location == shown
    work()
    assert agreed_count() == 2
    assert clock.now() - db.session.get_one(Invalidation, number).at < timedelta(minutes=5)
