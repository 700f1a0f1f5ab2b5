"""The worker's entry: which name wakes which drain, and the sweep that heals lost wake-ups."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import structlog
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from campaign import clock
from campaign.app import create_app
from campaign.config import Config
from campaign.db import db
from campaign.delivery.tasks import export_contacts
from campaign.ledger.tasks import append_entries
from campaign.limits import forget_keys
from campaign.logs import told
from campaign.mailing.letters import LetterKind
from campaign.mailing.operations import forget_allowances, forget_unconfirmed
from campaign.mailing.pacing import forget_paces
from campaign.mailing.sending import Sender
from campaign.mailing.tasks import scrub, spread_mailings, tidy
from campaign.opening import Keyring
from campaign.organizers import letters as organizer_letters
from campaign.organizers.operations import forget_errands
from campaign.organizers.tasks import invite, mail_reset, run_errands
from campaign.signing import letters as signing_letters
from campaign.signing.counting.tasks import count_changes, count_signatures
from campaign.signing.invalidating.tasks import invalidate, preview_invalidation, restore
from campaign.signing.models import Signature
from campaign.signing.operations import forget_old
from campaign.signing.paper.operations import forget_files
from campaign.signing.paper.tasks import check_paper, import_paper
from campaign.signing.reminding.queries import Patience
from campaign.signing.reminding.tasks import remind
from campaign.signing.tasks import ANSWERS, find_signature, open_intake, resend_confirmation, unveil_names
from campaign.statements import letters as statement_letters
from campaign.statements.operations import (
    OneStatementEach,
    endorse,
    endorse_again,
    forget_old_endorsements,
    mail_lost_link,
    propose,
)
from campaign.statements.tasks import open_endorsements
from campaign.timeline import letters as timeline_letters
from campaign.timeline.digest.letters import week as week_letter
from campaign.timeline.digest.tasks import post_digests
from campaign.timeline.tasks import publish_due
from campaign.watching.tasks import Heart
from campaign.webhooks.operations import forget_earlier_secrets
from campaign.webhooks.tasks import WebhookSender
from campaign.work import Drain, Engine

SWEEP_SECONDS = 1.0
THREADS = 3
WEBHOOK_SECONDS = 2.0
"""Webhooks have a thread of their own: whoever receives them may be slow, and nothing else waits for that."""
STOP_SECONDS = 20.0
"""Letters that are on their way when the worker is told to stop get this time to be settled."""

SWEPT = (
    "intake", "names", "endorsements", "ledger", "publishing", "mailings", "reminders", "letters", "errands", "tidy",
)  # fmt: skip
OFTEN = timedelta(minutes=1)
SELDOM = timedelta(minutes=10)

LETTERS = {
    "confirm_signature": LetterKind(signing_letters.confirm_signature, is_shared=True),
    "confirm_follow": LetterKind(signing_letters.confirm_follow, is_shared=True),
    "remind_signature": LetterKind(signing_letters.remind_signature, is_shared=True),
    "remind_follow": LetterKind(signing_letters.remind_follow, is_shared=True),
    "already_signed": LetterKind(signing_letters.already_signed, is_shared=True),
    "already_follows": LetterKind(signing_letters.already_follows, is_shared=True),
    "statement_published": LetterKind(statement_letters.statement_published),
    "confirm_endorsement": LetterKind(statement_letters.confirm_endorsement, is_shared=True),
    "endorsement_published": LetterKind(statement_letters.endorsement_published),
    "update": LetterKind(timeline_letters.update),
    "digest": LetterKind(week_letter),
    **timeline_letters.TESTS,
    "invitation": LetterKind(organizer_letters.invitation, is_shared=True),
    "added": LetterKind(organizer_letters.added),
    "reset_password": LetterKind(organizer_letters.reset_password),
    "approval_asked": LetterKind(organizer_letters.approval_asked),
}

ERRANDS = {
    "export_contacts": export_contacts,
    "invite": invite,
    "reset_password": mail_reset,
    "find_signature": find_signature,
    "resend_confirmation": resend_confirmation,
    "preview_invalidation": preview_invalidation,
    "invalidate": invalidate,
    "restore": restore,
    "check_paper": check_paper,
    "import_paper": import_paper,
}
"""What the console asks for: see organizers/tasks.py."""

ANSWERS_ABOVE = {"endorse": endorse, "endorse again": endorse_again, "link": mail_lost_link}
"""What answers the requests that rooms above signing have a say in."""

log = structlog.get_logger()


class Worker:
    """What the private side does: each drain by its name. All of them may run at any time, in any number."""

    def __init__(self, config: Config) -> None:
        self.app = create_app(config)
        self.keys = Keyring.read(config)
        self.patience = Patience(timedelta(config.remind_after_days), timedelta(config.forget_after_days))
        with self.app.app_context():
            self.sender = Sender(config, self.keys, LETTERS)
            self.webhook_sender = WebhookSender(config, self.keys)
            _settle_for_less_than_every_flush()
        self.often_at = self.seldom_at = clock.now()
        self.engine: Engine = self.app.extensions["work"]
        self.heart = Heart(self.app, self._doing)
        self.engine.drains = {name: Drain(self._in_context(name, run)) for name, run in self.runs().items()}

    def runs(self) -> dict[str, Callable[[], object]]:
        """What each name runs, in an app context."""
        return {
            "intake": self._answer,
            "names": lambda: unveil_names(self.keys, _propose),
            "endorsements": lambda: open_endorsements(self.keys),
            "ledger": append_entries,
            "publishing": self._publish,
            "digests": self._post_digests,
            "reminders": lambda: remind(self.keys, self.patience),
            "mailings": self._spread,
            "errands": self._run_errands,
            "letters": self.sender.send_due,
            "scrub": scrub,
            "tidy": tidy,
            "webhooks": self.webhook_sender.run,
            "forget": lambda: _forget(self.patience.forget_after),
            "statistics": count_signatures,
            "countries": count_changes,
        }

    def _doing(self) -> list[str]:
        """The drains that are at work."""
        return [name for name, drain in self.engine.drains.items() if drain.is_running]

    def _in_context(self, name: str, run: Callable[[], object]) -> Callable[[], None]:
        """A drain in its own app context; what goes wrong is logged without its text, and swept up later."""

        def drain() -> None:
            with self.app.app_context():
                try:
                    run()
                except Exception as error:
                    level = log.warning if isinstance(error, OperationalError) else log.error
                    level("drain failed", drain=name, **told(error))
                    self.heart.failed(name, error)
                    db.session.rollback()

        return drain

    def _answer(self) -> None:
        while open_intake(self.keys, ANSWERS | ANSWERS_ABOVE):
            self.engine.wake("letters", each_time=True)

    def _publish(self) -> None:
        if publish_due():
            self.engine.wake("mailings")
            self.engine.wake("webhooks")

    def _post_digests(self) -> None:
        if post_digests():
            self.engine.wake("mailings")

    def _spread(self) -> None:
        spread_mailings()
        self.engine.wake("letters")

    def _run_errands(self) -> None:
        run_errands(ERRANDS, self.keys)
        self.engine.wake("letters")

    def sweep(self) -> None:
        """Run the drains once: where a wake-up came through this finds nothing, where one was lost it heals."""
        for name in SWEPT:
            self.engine.drains[name]()
        if clock.now() >= self.often_at:
            self.often_at = clock.now() + OFTEN
            self.engine.wake("countries")  # it may take long: not in the sweep's own thread
        if clock.now() >= self.seldom_at:
            self.seldom_at = clock.now() + SELDOM
            self.engine.drains["digests"]()
            self.engine.drains["forget"]()
            self.engine.drains["scrub"]()

    def run(self) -> None:
        """Work until told to stop (SIGINT, SIGTERM)."""
        stopping = threading.Event()
        for name, sweep, seconds in (
            ("sweep", self.sweep, SWEEP_SECONDS),
            ("webhooks", self.engine.drains["webhooks"], WEBHOOK_SECONDS),
        ):
            threading.Thread(target=_repeat, args=(sweep, seconds, stopping), name=name, daemon=True).start()
        self.heart.start()
        print("worker ready", flush=True)
        consumer = self.engine.huey.create_consumer(
            workers=THREADS,
            periodic=False,
            initial_delay=0.05,
            max_delay=0.4,
            graceful_signal="TERM",
            shutdown_timeout=STOP_SECONDS,
        )
        self.sender.stopping = self.webhook_sender.stopping = consumer.stop_flag
        consumer.run()
        stopping.set()
        self.engine.drains["letters"].wait(STOP_SECONDS)
        self.engine.drains["webhooks"].wait(STOP_SECONDS)
        self.heart.stop()


def _repeat(sweep: Callable[[], object], seconds: float, stopping: threading.Event) -> None:
    sweep()
    while not stopping.wait(seconds):
        sweep()


def _settle_for_less_than_every_flush() -> None:
    """In the worker, a power cut may undo the last commits together; it then does them again (SQLite's NORMAL)."""

    @event.listens_for(db.engine, "connect")
    def relax(connection: object, _record: object) -> None:
        if db.engine.dialect.name == "sqlite":
            connection.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]


def _propose(signature: Signature, body: str) -> None:
    """Pass a statement on that was typed with a signing, unless the signer has left another one since."""
    with suppress(OneStatementEach):
        propose(signature, body, clock.now())


def _forget(lasts: timedelta) -> None:
    """Forget what has had its day: rate-limit keys, allowances, and whoever never confirmed."""
    forget_keys()
    forget_allowances(clock.now())
    forget_paces(clock.now())
    forget_unconfirmed(clock.now(), lasts)
    forget_old(clock.now(), lasts)
    forget_errands(clock.now())
    forget_old_endorsements(clock.now(), lasts)
    forget_files(clock.now())
    forget_earlier_secrets(clock.now())
    db.session.commit()
