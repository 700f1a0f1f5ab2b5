"""Writing letters: the skeleton of each, kept for a minute, and what fills it for one reader."""

import time
from collections.abc import Mapping
from email.utils import format_datetime

from campaign import clock, links
from campaign.db import db
from campaign.i18n import speaking
from campaign.links import link_signer
from campaign.mailing import letters
from campaign.mailing.letters import LetterKind, Origin, Skeleton
from campaign.mailing.queries import Claimed
from campaign.mailing.returning.addresses import ReturnAddresses
from campaign.opening import Keyring
from campaign.sealing import EmailAddress

KEPT_SECONDS = 60.0
"""What a letter says may change; the next reader shall get it as it is by then."""


class Writer:
    """Writes letters of all kinds."""

    def __init__(self, sender: str, keys: Keyring, kinds: Mapping[str, LetterKind], returns: ReturnAddresses) -> None:
        self.sender = sender
        self.keys = keys
        self.returns = returns
        self.kinds = kinds
        self.links = link_signer()
        self._skeletons: dict[tuple[object, ...], Skeleton] = {}
        self._forget_at = 0.0

    def write(self, row: Claimed, address: EmailAddress) -> bytes:
        """The letter to one reader, as it goes over the wire."""
        values = {
            letters.TO: str(address),
            letters.DATE: format_datetime(clock.now()),
            letters.MESSAGE_ID: self.keys.message_id(row.delivery_id),
            letters.CONFIRM: self.keys.link_token(row.letter, row.link_seed) if row.link_seed else "",
            letters.YOURS: self.links.sign(links.YOURS, row.handle),
            letters.UNSUBSCRIBE: self.links.sign(links.UNSUBSCRIBE, row.handle),
            letters.LEAVE: self.returns.leave_by_mail(row.handle),
        }
        return self._skeleton(row).fill(values)

    def forget(self) -> None:
        """Keep no letter."""
        self._skeletons.clear()
        self._forget_at = time.monotonic() + KEPT_SECONDS

    def _skeleton(self, row: Claimed) -> Skeleton:
        if time.monotonic() > self._forget_at:
            self.forget()
        kind = self.kinds[row.letter]
        key = (row.letter, row.campaign_id, row.locale, None if kind.is_shared else row.subject_id)
        if key not in self._skeletons:
            with speaking(row.locale):
                self._skeletons[key] = Skeleton(
                    kind.write(row.campaign_id, row.subject_id), self.sender, Origin(row.letter, row.mailing_id)
                )
            db.session.rollback()  # no lock is held while the relay is spoken to
        return self._skeletons[key]
