"""Cards that were drawn: a file each, in a folder of the instance, the newest of each card."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import structlog

from campaign.logs import told

log = structlog.get_logger()

FOLDER = "cards"
BEGINNING, END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
"""What a whole PNG begins and ends with (PNG, third edition, 5.2 and 11.2.5)."""

MOST_IN_MEMORY = 32


class Shelf:
    """Keeps the newest file of each card. Where the folder cannot be written, some cards are kept in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unwritten: dict[str, bytes] = {}

    def card(self, name: str, digest: str, draw: Callable[[], bytes]) -> bytes:
        """The card of this name (without a hyphen) that shows what the digest stands for; drawn if it is not there."""
        file = self.folder / f"{name}-{digest}.png"
        kept = self._unwritten.get(file.name) or _read(file)
        if kept is None:
            kept = draw()
            self._keep(file, kept)
        return kept

    def _keep(self, file: Path, content: bytes) -> None:
        try:
            _write(file, content)
            self._forget_others(file)
        except OSError as error:
            log.warning("a card cannot be kept", folder=str(self.folder), **told(error))
            if len(self._unwritten) >= MOST_IN_MEMORY:
                self._unwritten.clear()
            self._unwritten[file.name] = content

    def _forget_others(self, file: Path) -> None:
        """Remove what this card showed before; not what another process writes of the same at this moment."""
        name, _hyphen, _digest = file.stem.partition("-")
        for old in self.folder.glob(f"{name}-*"):
            if not old.name.startswith(file.stem):
                old.unlink(missing_ok=True)


def _read(file: Path) -> bytes | None:
    """A whole file, or None: it may be anything, and another process may take it away."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    return content if content.startswith(BEGINNING) and content.endswith(END) else None


def _write(file: Path, content: bytes) -> None:
    """All of it or nothing; raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(content)
        os.replace(beside, file)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise
