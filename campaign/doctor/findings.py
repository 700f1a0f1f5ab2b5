"""What the doctor finds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

REPORT = "Please report this."


class Verdict(StrEnum):
    """How a finding is to be taken. Only what is wrong makes `campaign doctor` end with 1."""

    GOOD = "good"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line: of which part, how it is, and the remedy where one is needed. No address of a reader, no secret."""

    verdict: Verdict
    part: str
    sentence: str
    remedy: str = ""

    def __str__(self) -> str:
        """The line as it is printed."""
        return f"{self.verdict:<5}  {self.part:<9}  {self.sentence} {self.remedy}".rstrip()


class Part:
    """Makes the findings of one part of an installation."""

    def __init__(self, name: str) -> None:
        self.name = name

    def good(self, sentence: str) -> Finding:
        """As it should be."""
        return Finding(Verdict.GOOD, self.name, sentence)

    def note(self, sentence: str, remedy: str = "") -> Finding:
        """Worth knowing, and perhaps meant so."""
        return Finding(Verdict.NOTE, self.name, sentence, remedy)

    def wrong(self, sentence: str, remedy: str) -> Finding:
        """To be mended."""
        return Finding(Verdict.WRONG, self.name, sentence, remedy)


def examine(part: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings of a check; one that breaks is a finding, too, and does not keep the others from being made."""
    try:
        yield from check()
    except Exception as error:
        yield Part(part).wrong(f"This could not be looked at: {type(error).__name__}.", REPORT)
