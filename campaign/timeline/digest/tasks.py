"""The worker's part: on Mondays, owe the letters of the week."""

from campaign import clock
from campaign.db import db
from campaign.mailing.posting import post_digest
from campaign.mailing.queries import digest_of
from campaign.timeline.digest.queries import due_mondays, told_in_week


def post_digests() -> int:
    """Owe the letters of the last weeks where they are not owed yet; says for how many campaigns and weeks.

    Nothing happened, no letter. Nobody wants it, it is owed all the same: who chooses it later gets the next one.
    """
    now = clock.now()
    count = 0
    for monday in due_mondays(now):
        for campaign_id, told in told_in_week(monday).items():
            if digest_of(campaign_id, monday) is None:
                count += post_digest(campaign_id, monday, told, now)
                db.session.commit()
    db.session.commit()
    return count
