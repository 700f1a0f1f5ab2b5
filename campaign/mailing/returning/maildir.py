"""What comes back, from a Maildir: a folder into which the mail server puts each mail as a file."""

from collections import Counter
from contextlib import suppress
from pathlib import Path

from campaign.errors import Refusal
from campaign.mailing.returning.reading import LARGEST
from campaign.mailing.returning.tasks import Returns, Taken

SEEN = ":2,S"


def take_maildir(folder: Path, returns: Returns) -> Counter[Taken]:
    """Take in what is new. What was understood is deleted, as it holds addresses; the rest goes to cur/, to look at.

    Each mail stays in new/ until what it says is committed: whatever dies meanwhile, it is read again. Raises Refusal,
    and Later.
    """
    if not (folder / "new").is_dir():
        raise Refusal(f"{folder} is no Maildir: it has no folder “new”.")
    (folder / "cur").mkdir(exist_ok=True)
    counts: Counter[Taken] = Counter()
    for path in sorted((folder / "new").iterdir()):
        with suppress(FileNotFoundError):  # another process was faster
            taken = returns.take(_head(path))
            counts[taken] += 1
            _put_away(path, taken, folder / "cur")
    return counts


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST)


def _put_away(path: Path, taken: Taken, looked_at: Path) -> None:
    if taken.is_done:
        path.unlink()
    else:
        path.rename(looked_at / (path.name.partition(":")[0] + SEEN))
