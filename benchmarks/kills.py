"""The long runs of kills: `python -m benchmarks.kills [--of signing|mailing] [--database sqlite|postgresql] …`.

Signing: people sign and confirm while web, worker and database are killed. Mailing: an update goes to many readers
through a storm (tests/storm.py), on PostgreSQL with Redis and three workers. The tests run the same drivers in short.
Not a part of `make bench`, as a run takes minutes.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import kills, storm
from tests.servers import Postgres, Redis, SmtpSink
from tests.stack import Stack, campaign_file
from tests.tally import Course

SECONDS_A_KILL = 3
"""The relay is so slow that a mailing lasts for all of its kills."""


def main() -> int:
    """Print what came of it; exits with 1 when something was lost or came twice."""
    options = _options()
    with ExitStack() as running:
        sink = running.enter_context(SmtpSink())
        server = running.enter_context(Postgres(fsync=True)) if options.database == "postgresql" else None
        stack = running.enter_context(_stack(running, sink, server))
        run = _sign if options.of == "signing" else _mail
        is_whole = run(options, stack, sink, server)
    print("whole" if is_whole else "NOT WHOLE")
    return 0 if is_whole else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--of", choices=("signing", "mailing"), default="mailing")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--readers", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _stack(running: ExitStack, sink: SmtpSink, server: Postgres | None) -> Stack:
    folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="kills-")))
    stack = Stack(folder, sink.url, server.fresh_database() if server else None)
    if server:
        stack.settings["CAMPAIGN_TASKS_URL"] = running.enter_context(Redis()).url
    stack.prepare(campaign_file(folder))
    return stack


def _sign(options: argparse.Namespace, stack: Stack, sink: SmtpSink, server: Postgres | None) -> bool:
    """The same that tests/test_kills.py asserts."""
    tally = kills.run(stack, sink, options.kills, postgres=server, seed=options.seed)
    print(tally)
    is_kept = not tally.lost_signatures and not tally.lost_letters and tally.counted == tally.confirmed
    is_counted = "DIFFER" not in stack.run("audit")
    return is_kept and is_counted and tally.repeated <= tally.may_repeat


def _mail(options: argparse.Namespace, stack: Stack, sink: SmtpSink, server: Postgres | None) -> bool:
    course = Course(
        readers=options.readers,
        kills=options.kills,
        stops=options.kills // 15,
        wishes=options.readers // 50,
        workers=3 if server else 1,
        seed=options.seed,
        rate=options.readers / (options.kills * SECONDS_A_KILL),
    )
    tally = storm.run(stack, sink, course, server)
    print(tally)
    return not tally.complaints


if __name__ == "__main__":
    sys.exit(main())
