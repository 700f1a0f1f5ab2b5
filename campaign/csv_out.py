"""CSV for spreadsheet programs: quoted, and no cell is a formula (OWASP ASVS 5.0, 1.2.10; RFC 4180)."""

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

BOM = "\ufeff"
"""What a file begins with, so that spreadsheet programs read it as UTF-8."""

CHUNK = 64 * 1024
"""Characters: pieces of about this size go out, not one a row."""

_LIVE = frozenset("=+-@\u2212")
"""What makes a cell a formula: in any width, as NFKC folds them (U+2212 is the minus that a small hyphen becomes)."""


def rows_as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The rows under their header, in pieces; lines end with CRLF, every cell stands in quotes."""
    piece = StringIO(newline="")
    writer = csv.writer(piece, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
        if piece.tell() >= CHUNK:
            yield piece.getvalue()
            piece.seek(0)
            piece.truncate()
    yield piece.getvalue()


def harmless(cell: object) -> str:
    """The cell's text; with an apostrophe before it if a spreadsheet program might run it. None is empty."""
    text = "" if cell is None else str(cell)
    if isinstance(cell, int | float) or not _is_live(text):
        return text
    return f"'{text}"


def _is_live(text: str) -> bool:
    """Whether it begins with a sign of a formula, be it after what does not show, or with a tab or a line break."""
    if text[:1] in ("\t", "\r", "\n"):
        return True
    seen = (char for char in text if unicodedata.category(char)[0] not in "CZ")
    return unicodedata.normalize("NFKC", next(seen, "."))[:1] in _LIVE
