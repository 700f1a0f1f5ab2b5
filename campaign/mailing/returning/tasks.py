"""What comes back is taken in: whose it is by its address alone, then noted, and followed. Commits."""

from collections.abc import Sequence
from enum import StrEnum

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from campaign import clock, links
from campaign.config import Config
from campaign.db import db
from campaign.links import link_signer
from campaign.mailing.models import Bounce, Delivery, Reader
from campaign.mailing.operations import suppress
from campaign.mailing.returning.addresses import ReturnAddresses, Subject
from campaign.mailing.returning.operations import is_soft_too_often, note_bounce, unsubscribe
from campaign.mailing.returning.reading import Reading, read
from campaign.mailing.tasks import open_address
from campaign.opening import CannotOpen, Keyring

REASONS = {Bounce.HARD: "hard bounce", Bounce.SOFT: "soft bounces", Bounce.COMPLAINT: "complaint"}
"""Why an address is suppressed."""

log = structlog.get_logger()


class Taken(StrEnum):
    """What became of a mail that came back."""

    HARD = Bounce.HARD
    SOFT = Bounce.SOFT
    POLICY = Bounce.POLICY
    COMPLAINT = Bounce.COMPLAINT
    UNSUBSCRIBED = "unsubscribed"
    REPEATED = "repeated"
    """Known already, or of an old letter."""
    FORGED = "forged"
    """To an address that we never made."""
    NOTHING = "nothing"
    """No report, or of no letter of ours."""

    @property
    def is_done(self) -> bool:
        """Whether nobody need look at the mail again."""
        return self not in (Taken.FORGED, Taken.NOTHING)


class Later(Exception):
    """The database cannot be written to now; the mail is to be kept, and given again."""


class Returns:
    """Takes in what comes back. Needs an app context."""

    def __init__(self, config: Config, keys: Keyring) -> None:
        self.keys = keys
        self.addresses = ReturnAddresses(config, keys)

    def take(self, content: bytes, recipients: Sequence[str] = ()) -> Taken:
        """Do what a mail asks for, and commit; twice has the effect of once. `recipients`: the envelope's, if known.

        Raises Later.
        """
        try:
            taken = self._take(read(content), recipients)
            db.session.commit()
        except DBAPIError as error:
            db.session.rollback()
            raise Later(type(error).__name__) from error
        return taken

    def _take(self, reading: Reading, recipients: Sequence[str]) -> Taken:
        addressed = recipients or reading.addressed
        subject = self._subject(reading, addressed)
        if subject is not None:
            return self._follow(reading, subject)
        is_forged = any(map(self.addresses.is_forged, (*addressed, *reading.enclosed)))
        return Taken.FORGED if is_forged else Taken.NOTHING

    def _subject(self, reading: Reading, addressed: Sequence[str]) -> Subject | None:
        """Whom a mail is about: a complaint that comes to us by another address says so in the letter it encloses."""
        known = (self.addresses.read(address) for address in (*addressed, *reading.enclosed))
        linked = (_handle(link) for link in reading.links)
        subjects = [subject for subject in known if subject] + [Subject(handle=handle) for handle in linked if handle]
        return next(iter(subjects), None)

    def _follow(self, reading: Reading, subject: Subject) -> Taken:
        if subject.delivery_id is not None:
            return self._note(reading.says, subject.delivery_id) if reading.says else Taken.NOTHING
        if subject.handle is None or (reading.is_by_machine and reading.says is not Bounce.COMPLAINT):
            return Taken.NOTHING  # who is away, or has no inbox, has not asked for anything
        if reading.says is not Bounce.COMPLAINT:
            unsubscribe(subject.handle, clock.now())
            return Taken.UNSUBSCRIBED
        reader = db.session.scalar(select(Reader).where(Reader.handle == subject.handle))
        if reader is None or reader.unsubscribed_at is not None:
            return Taken.REPEATED
        self._end(reader, Bounce.COMPLAINT)
        return Taken.COMPLAINT

    def _note(self, bounce: Bounce, delivery_id: int) -> Taken:
        if not note_bounce(delivery_id, bounce, clock.now()):
            return Taken.REPEATED
        delivery = db.session.get_one(Delivery, delivery_id)
        is_ending = bounce in (Bounce.HARD, Bounce.COMPLAINT) or (bounce is Bounce.SOFT and is_soft_too_often(delivery))
        if is_ending and delivery.reader is not None:  # else the reader had everything erased meanwhile
            self._end(delivery.reader, bounce)
        return Taken(bounce)

    def _end(self, reader: Reader, bounce: Bounce) -> None:
        """Never write to the reader's address again."""
        if bounce is Bounce.COMPLAINT:
            reader.unsubscribe(clock.now())
        try:
            suppress(self.keys.suppression_key(open_address(reader, self.keys)), REASONS[bounce], clock.now())
        except CannotOpen:
            log.error("address does not open", reader=reader.id)


def _handle(link: str) -> bytes | None:
    """The reader whom a link for unsubscribing stands for."""
    return link_signer().read(links.UNSUBSCRIBE, link.rpartition("/")[2])
