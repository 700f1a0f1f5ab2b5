"""The whole examination, part after part."""

from collections.abc import Iterator
from dataclasses import dataclass

from campaign.app import create_app
from campaign.config import Config
from campaign.db import db
from campaign.doctor import database, machine, names, relay
from campaign.doctor.findings import Finding, Part, Verdict, examine
from campaign.errors import Misconfigured


@dataclass(frozen=True)
class Wishes:
    """What is asked of the doctor besides. `resolver`: HOST:PORT of a DNS server, else the machine's."""

    letter_to: str | None = None
    resolver: str | None = None
    dkim_selector: str | None = None


def look_over(wishes: Wishes) -> Iterator[Finding]:
    """All findings; without settings or keys that can be read, only those."""
    try:
        config = Config.read()
    except Misconfigured as error:
        yield Part("settings").wrong(str(error), "Then ask again.")
        return
    yield from examine("settings", lambda: machine.check_settings(config))
    found = list(examine("keys", lambda: machine.check_keys(config)))
    yield from found
    yield from examine("cards", lambda: machine.check_cards(config))
    if not any("not in" in finding.sentence for finding in found if finding.verdict is Verdict.WRONG):
        yield from _inside(config, wishes)


def _inside(config: Config, wishes: Wishes) -> Iterator[Finding]:
    app = create_app(config)
    with app.app_context():
        found = list(examine("database", database.check_database))
        yield from found
        if all(finding.verdict is not Verdict.WRONG for finding in found):
            yield from _kept()
        yield from examine("tasks", lambda: database.check_tasks(config, app.extensions["work"]))
        yield from examine("relay", lambda: relay.check_relay(config, app.extensions["mail"], wishes.letter_to))
        db.session.remove()
        db.engine.dispose()
    selector = wishes.dkim_selector or config.dkim_selector
    yield from examine("dns", lambda: names.check_names(config, wishes.resolver, selector))


def _kept() -> Iterator[Finding]:
    """What the tables say, if they are the ones that this code knows."""
    found = list(examine("schema", database.check_migrations))
    yield from found
    if all(finding.verdict is not Verdict.WRONG for finding in found):
        yield from examine("worker", database.check_worker)
        yield from examine("letters", database.check_letters)
