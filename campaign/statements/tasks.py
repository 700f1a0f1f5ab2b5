"""The worker's part: open the endorsements that were confirmed."""

import structlog
from sqlalchemy import select

from campaign.db import db
from campaign.mailing.tasks import open_address
from campaign.opening import Keyring
from campaign.statements.models import Endorsement, EndorsementState
from campaign.statements.operations import open_endorsement, sealed_to
from campaign.statements.queries import is_in

BATCH = 50

log = structlog.get_logger()


def open_endorsements(keys: Keyring) -> None:
    """Show to the moderators what was confirmed, with the domain of the address that confirmed it."""
    confirmed = select(Endorsement).where(
        is_in(Endorsement, EndorsementState.WAITING.value), Endorsement.sealed.is_not(None)
    )
    while True:
        batch = db.session.scalars(confirmed.order_by(Endorsement.id).limit(BATCH).with_for_update(skip_locked=True))
        count = sum(1 for endorsement in batch.all() if _open_or_set_aside(endorsement, keys))
        db.session.commit()
        if count < BATCH:
            return


def _open_or_set_aside(endorsement: Endorsement, keys: Keyring) -> bool:
    try:
        with db.session.begin_nested():
            _open(endorsement, keys)
    except Exception as error:  # one bad row must not hold up the others: it is forgotten like one never confirmed
        log.error("endorsement does not open", endorsement=endorsement.id, error=type(error).__name__)
        endorsement.state = EndorsementState.UNCONFIRMED
        return False
    return True


def _open(endorsement: Endorsement, keys: Keyring) -> None:
    if endorsement.sealed is None or endorsement.reader is None:
        raise ValueError("nothing to open")
    plain = keys.open(endorsement.sealed, sealed_to(endorsement))
    open_endorsement(endorsement, plain, open_address(endorsement.reader, keys).domain)
