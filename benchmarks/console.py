"""The console's pages with a million signatures, against those of a campaign that is small; asked in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from time import perf_counter

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from benchmarks.figures import Figure
from benchmarks.filling import FIRST_UPDATE, MILLION, Size, fill, inside
from benchmarks.installations import SLUG, ours
from campaign import clock
from campaign.campaigns.queries import campaign_by_slug
from campaign.config import Config
from campaign.db import db
from campaign.opening import Keyring
from campaign.organizers.models import Role
from campaign.signing.counting.tasks import count_signatures
from campaign.timeline.drafting.operations import begin_draft
from tests.organizers_in import Organizers, token_in
from tests.stack import Stack

FULL = Size(signatures=MILLION, updates=500, letters=MILLION, statements=5000, lines=10_000)
SMALL = Size(signatures=60, updates=20, letters=60, statements=26, lines=100)
"""One page of each list, so that a page is compared with as long a page: what is measured is what lies behind it."""

TIMES = 7
GOAL = 1 / 1.5

PAGES = {
    "home": "/console/",
    "overview": "",
    "texts": "text/",
    "text": "text/en/",
    "people": "people/",
    "updates": "updates/",
    "update with its letters": f"updates/{FIRST_UPDATE}/",
    "progress of its letters": f"updates/{FIRST_UPDATE}/progress",
    "composer": "updates/draft/1/",
    "composer, its look": "updates/draft/1/look",
    "publishing": "updates/draft/1/publish",
    "moderation, waiting": "moderation/",
    "moderation, decided": "moderation/?tab=decided",
    "signatures": "signatures/",
    "chart": "signatures/chart/day.svg",
    "delivery": "delivery/",
    "members": "members/",
    "approvals": "approvals/",
    "settings": "settings/",
    "log": "log/",
    "log, filtered": "log/?act=text&since=2020-01-01",
}
"""What is asked for, below the campaign's own page."""

SOUGHT = {"a common name": ("Ada", GOAL), "a rare name": ("Zenobia", None), "no name": ("Nobody", None)}
"""A rare one is sought among so many names as a search looks at, and they are read: that only informs."""


@dataclass
class Console:
    """A client of an owner in an installation; it notes the SELECTs of what it asks for."""

    client: FlaskClient
    public_url: str
    root: str
    engine: Engine
    token: str = ""
    selects: list[str] = field(default_factory=list)

    def get(self, path: str) -> str:
        """A page, below the campaign's own unless it is absolute."""
        return self._open(path, "GET", {})

    def search(self, name: str) -> str:
        """What the search by name shows."""
        self.token = self.token or token_in(self.get("signatures/search/"))
        return self._open("signatures/search/", "POST", {"by": "name", "name": name, "csrf_token": self.token})

    def _open(self, path: str, method: str, data: dict[str, str]) -> str:
        """Ask in a context of its own, as the web does."""
        self.selects.clear()
        whole = path if path.startswith("/") else f"{self.root}{path}"
        ask = Context().run
        answer = ask(self.client.open, whole, method=method, data=data, base_url=self.public_url)
        assert answer.status_code == 200, f"{whole}: {answer.status}"
        return answer.get_data(as_text=True)

    def note(self, _connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        """Note what is asked of the database."""
        if statement.startswith("SELECT"):
            self.selects.append(statement)


@contextmanager
def opened(size: Size) -> Iterator[Console]:
    """The console of a filled installation."""
    with ours() as stack:
        fill(stack, size)
        with inside(stack) as app:
            console = _signed_in(app, stack)
            event.listen(console.engine, "before_cursor_execute", console.note)
        yield console


def _signed_in(app: Flask, stack: Stack) -> Console:
    """Everything counted, an owner, a draft."""
    count_signatures()
    campaign = campaign_by_slug(SLUG)
    assert campaign is not None
    organizers = Organizers(app, Keyring.read(Config.read(stack.environ)))
    owner = organizers.add("Rosa", Role.OWNER, campaign.id)
    begin_draft(campaign, owner.id, clock.now())
    db.session.commit()
    return Console(organizers.client(owner), app.config["PUBLIC_URL"], f"/console/{campaign.id}/", db.engine)


def console_pages() -> Iterator[Figure]:
    """Each page of the console; searches, too."""
    with opened(SMALL) as small, opened(FULL) as full:
        for what, path in PAGES.items():
            yield _compared(what, partial(Console.get, path=path), small, full, GOAL)
        for what, (name, goal) in SOUGHT.items():
            yield _compared(f"search for {what}", partial(Console.search, name=name), small, full, goal)


def _compared(what: str, ask: Callable[[Console], object], small: Console, full: Console, goal: float | None) -> Figure:
    """Pages a second by the median time of a page, asked in turn; and how many SELECTs it takes."""
    times: dict[str, list[float]] = {"small": [], "full": []}
    for turn in range(TIMES + 1):
        for name, console in (("small", small), ("full", full)):
            began = perf_counter()
            ask(console)
            if turn:
                times[name].append(perf_counter() - began)
    floor, taken = (median(times[name]) for name in ("small", "full"))
    selects = f"{len(full.selects)} SELECTs, {taken * 1000:.1f} ms"
    return Figure(f"console with {MILLION:,} : small, {what} ({selects})", 1 / floor, 1 / taken, goal)
