"""The long kill run: `python -m benchmarks.kills [--kills N] [--database sqlite|postgresql] [--seed N]`.

tests/test_kills.py runs the same driver in short; not a part of `make bench`, as it takes a second or two a kill.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import kills
from tests.servers import Postgres, SmtpSink
from tests.stack import Stack, campaign_file


def main() -> int:
    """Print what came of it; exits with 1 when something was lost or came twice."""
    options = _options()
    with ExitStack() as running:
        sink = running.enter_context(SmtpSink())
        server = running.enter_context(Postgres(fsync=True)) if options.database == "postgresql" else None
        stack = running.enter_context(_stack(running, sink, server))
        tally = kills.run(stack, sink, options.kills, postgres=server, seed=options.seed)
        agrees = "DIFFER" not in stack.run("audit")
    print(tally)
    is_whole = _is_whole(tally) and agrees
    print("nothing lost, nothing counted twice" if is_whole else "NOT WHOLE")
    return 0 if is_whole else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _stack(running: ExitStack, sink: SmtpSink, server: Postgres | None) -> Stack:
    folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="kills-")))
    stack = Stack(folder, sink.url, server.fresh_database() if server else None)
    stack.prepare(campaign_file(folder))
    return stack


def _is_whole(tally: kills.Tally) -> bool:
    """The same that tests/test_kills.py asserts."""
    is_kept = not tally.lost_signatures and not tally.lost_letters and tally.counted == tally.confirmed
    return is_kept and tally.repeated <= tally.kills["worker"] + tally.kills["database"]


if __name__ == "__main__":
    sys.exit(main())
