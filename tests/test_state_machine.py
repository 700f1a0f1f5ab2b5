"""Whatever people do, in whatever order: the count is the number of confirmed signatures, at every step."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from campaign import clock
from campaign.campaigns.queries import campaign_by_slug
from campaign.config import Config
from campaign.db import db
from campaign.importing import import_campaign
from campaign.ledger.queries import first_gap, public_count, recount
from campaign.signing.queries import count_confirmed
from campaign.timeline.operations import UpdateDraft, add_update, publish
from campaign.worker import Worker
from tests.letters_in import Letter, read
from tests.servers import SmtpSink
from tests.stack import SIGNER, Stack

ADDRESSES = st.sampled_from(
    ["a@example.org", "b@example.org", "A+tag@example.org", "c.d@gmail.com", "cd@googlemail.com"]
)
SAME_INBOX = {"A+tag@example.org": "a@example.org", "c.d@gmail.com": "cd", "cd@googlemail.com": "cd"}
FACTS = {
    "language": "en",
    "state": "open",
    "goal": 10,
    "texts": {"en": {"title": "Free them", "summary": "Taken.", "body": "Taken at night.", "demands": ["Free them."]}},
    "people": [{"name": {"en": "Tariq Example"}, "since": date(2024, 1, 2)}],
}
SLUGS = (f"campaign-{number}" for number in count())


class World:
    """An app, a worker and a relay in this process."""

    def __init__(self, client: FlaskClient, worker: Worker, sink: SmtpSink) -> None:
        self.client = client
        self.worker = worker
        self.sink = sink

    def work(self) -> None:
        """Let the worker do all that there is to do."""
        with self.worker.app.app_context():
            runs = self.worker.runs()
            for name in ("intake", "names", "endorsements", "ledger", "mailings", "letters", "tidy"):
                runs[name]()


@pytest.fixture
def world(client: FlaskClient, installation: Stack, sink: SmtpSink) -> Iterator[World]:
    """Everything but processes."""
    worker = Worker(Config.read(installation.environ))
    yield World(client, worker, sink)
    with worker.app.app_context():
        db.session.remove()
        db.engine.dispose()


class Signing(RuleBasedStateMachine):
    """People sign, confirm, withdraw, erase, sign again; organizers publish."""

    world: World

    @initialize()
    def open_a_campaign(self) -> None:
        """Each run has a campaign of its own."""
        self.slug = next(SLUGS)
        import_campaign(FACTS | {"slug": self.slug}, clock.now())
        db.session.commit()
        self.seen = len(self.world.sink.letters)
        self.confirmed: set[str] = set()
        self.asking: list[tuple[str, Letter]] = []
        self.yours: dict[str, str] = {}
        self.updates = count()

    @rule(address=ADDRESSES, appear=st.sampled_from(["name", "initials", "count"]))
    def sign(self, address: str, appear: str) -> None:
        """Whoever signed already gets no second question."""
        typed = SIGNER | {"email": address, "appear": appear}
        assert self.world.client.post(f"/en/{self.slug}/sign", data=typed).status_code == 303
        self.collect()

    @rule(which=st.integers(0, 100))
    def confirm(self, which: int) -> None:
        """Any letter of those that asked, old ones too; withdrawn since, it does nothing."""
        if not self.asking:
            return
        inbox, letter = self.asking[which % len(self.asking)]
        answer = self.world.client.post(letter.link("/confirm/"))
        assert answer.status_code in (303, 404)
        if answer.status_code == 303:
            self.confirmed.add(inbox)

    @rule(address=ADDRESSES, action=st.sampled_from(["withdraw", "erase"]))
    def leave(self, address: str, action: str) -> None:
        """By the link of a letter; a second time it is gone."""
        inbox = SAME_INBOX.get(address, address)
        if inbox in self.yours:
            answer = self.world.client.post(self.yours[inbox], data={"action": action})
            assert answer.status_code in (200, 410)
            self.confirmed.discard(inbox)
        if action == "erase":
            self.yours.pop(inbox, None)

    @rule()
    def publish(self) -> None:
        """Every update brings a link to "yours" to whoever reads."""
        campaign = campaign_by_slug(self.slug)
        assert campaign is not None
        draft = UpdateDraft("news", date(2024, 1, 3) + timedelta(next(self.updates)), {"en": ("News", "News.")})
        publish(add_update(campaign, draft), clock.now())
        db.session.commit()
        self.collect()

    def collect(self) -> None:
        """Let the worker work, and read what came."""
        self.world.work()
        for received in self.world.sink.letters[self.seen :]:
            letter = read(received.content)
            inbox = SAME_INBOX.get(letter.to, letter.to)
            if "/confirm/" in letter.text:
                self.asking.append((inbox, letter))
            else:
                self.yours[inbox] = letter.link("/yours/")
        self.seen = len(self.world.sink.letters)

    @invariant()
    def counts_agree(self) -> None:
        """The public count, the ledger's sum, the signatures, and what people did."""
        if not hasattr(self, "slug"):
            return
        self.world.work()
        campaign = campaign_by_slug(self.slug)
        assert campaign is not None
        counts = public_count(campaign.id), recount(campaign.id), count_confirmed(campaign.id), len(self.confirmed)
        gap = first_gap(campaign.id)
        db.session.rollback()
        assert len(set(counts)) == 1, counts
        assert gap is None


def test_the_count_is_right_at_every_step(world: World, backend: str) -> None:
    """On both databases."""
    machine = type("Machine", (Signing,), {"world": world})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine, settings=settings(max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=checks)
    )
