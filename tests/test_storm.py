"""A mailing through a storm: nobody is lost, nobody told twice, wishes are heeded; and the checks see what is wrong."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from campaign.db import db
from tests import storm
from tests.servers import Databases, Postgres, Redis, SmtpSink
from tests.stack import Stack
from tests.storm import inside
from tests.tally import Course, calm


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_storm_on_one_machine(stack: Stack, sink: SmtpSink) -> None:
    """SQLite and one worker."""
    _brave(stack, sink, Course(readers=600, kills=7, stops=1, wishes=40, rate=60), None)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_storm_on_many_machines(stack: Stack, sink: SmtpSink, postgres: Databases, redis: Redis) -> None:
    """PostgreSQL, which is killed, too; Redis and three workers."""
    stack.settings["CAMPAIGN_TASKS_URL"] = redis.url
    server = postgres if isinstance(postgres, Postgres) else None
    _brave(stack, sink, Course(readers=600, kills=7, stops=1, wishes=40, workers=3, rate=60), server)


def _brave(stack: Stack, sink: SmtpSink, course: Course, server: Postgres | None) -> None:
    tally = storm.run(stack, sink, course, server)
    print(tally)
    assert not tally.complaints, tally
    assert tally.spared > 10
    assert len(tally.strikes) == course.kills + course.stops


# Each check sees what it is there for


WRONG = {
    "settles_nothing": (calm(30, settled=15), {"repeated"}),
    "settles_late": (calm(90, kills=1, rate=60, aimed=1), {"repeated"}),
    "settles_before": (calm(90, kills=1, rate=60, aimed=1, settled=9), {"lost"}),
    # What was sent is due again: it goes a second time, unless the mailing was over when the stopped worker went on.
    "fences_nothing": (calm(240, stops=1, workers=2, rate=60, aimed=1), {"repeated", "states"}),
    "ignores_wishes": (calm(150, wishes=8, rate=25), {"wishes"}),
}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_worker_is_found_out(stack: Stack, sink: SmtpSink, wrong: str) -> None:
    """The same judge, over a worker that is wrong on purpose."""
    course, complaints = WRONG[wrong]
    tally = storm.run(stack, sink, replace(course, wrong=wrong))
    print(tally)
    assert complaints & tally.complaints, tally
    assert tally.kept, "nothing was sent at all"
    assert "drain failed" not in stack.all_output, "it is wrong in another way than it was meant to be"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_right_worker_is_not(stack: Stack, sink: SmtpSink) -> None:
    """What finds the wrong ones out says nothing of the right one."""
    tally = storm.run(stack, sink, calm(240, kills=1, stops=1, wishes=8, workers=2, rate=60))
    print(tally)
    assert not tally.complaints, tally


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_mailing_that_can_be_posted_twice_is_found_out(stack: Stack, sink: SmtpSink) -> None:
    """Without the constraint, each reader is told twice."""
    with inside(stack):
        db.session.execute(text("ALTER TABLE mailings DROP CONSTRAINT uq_mailings_update_id"))
        db.session.commit()
    tally = storm.run(stack, sink, calm(60, is_published_again=True, settled=30))
    print(tally)
    assert {"published again", "told twice"} <= tally.complaints, tally
