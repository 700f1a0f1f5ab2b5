"""The worker's part: publish what is scheduled when its time has come."""

from campaign import clock
from campaign.db import db
from campaign.errors import Refusal
from campaign.i18n import speaking
from campaign.organizers.models import Organizer
from campaign.organizers.operations import log_act
from campaign.timeline.drafting.operations import publish_draft, put_off
from campaign.timeline.drafting.queries import due_draft
from campaign.timeline.models import Draft


def publish_due() -> int:
    """Publish each draft whose time has come, in a transaction of its own; says how many were published."""
    count = 0
    while draft := due_draft(clock.now()):
        with speaking(draft.campaign.locale):
            count += _publish(draft)
        db.session.commit()
    return count


def _publish(draft: Draft) -> bool:
    """Publish it, in the name of who scheduled it, or say in the console why not."""
    by = db.session.get(Organizer, draft.publisher_id) if draft.publisher_id else None
    now = clock.now()
    try:
        with db.session.begin_nested():
            update = publish_draft(draft, now)
            facts: dict[str, str | int] = {"number": update.number, "draft": draft.id, "scheduled": "yes"}
            log_act("update.published", draft.campaign_id, by.name if by else None, now, **facts)
    except Refusal as error:
        put_off(draft, error)
        return False
    return True
