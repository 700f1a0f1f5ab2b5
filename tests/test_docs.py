"""The documents: what they point at is there, and the commands that they name are commands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from campaign.cli import main
from tests.programs import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)|<img[^>]*\ssrc=\"([^\"]+)\"")
COMMAND = re.compile(r"(?:^(?: {4,}|\t)|`)(?:\S*[/ ])?campaign ([a-z][^`\n]*)", re.MULTILINE)
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)

IMAGES = ROOT / "docs" / "images"
LARGEST = 150_000


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """(file, anchor) of each link that leads to a place of ours."""
    for found in LINK.finditer(FENCE.sub("", document.read_text("utf-8"))):
        target = found[1] or found[2]
        if not re.match(r"[a-z]+:", target):
            path, _hash, anchor = target.partition("#")
            yield (document.parent / path if path else document).resolve(), anchor


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as its readers' sites make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(document: Path) -> Iterator[list[str]]:
    """The words of each `campaign …` that a document names."""
    for found in COMMAND.finditer(document.read_text("utf-8")):
        yield shlex.split(found[1], comments=True)


def problem(words: list[str]) -> str | None:
    """What is wrong with a command: a name that is none, an option that it does not know."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return next((f"no option {word}" for word in words if word.startswith("--") and word not in known), None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Each link and each picture is there; each anchor is a heading."""
    for path, anchor in links(document):
        assert path.exists(), path
        assert not anchor or anchor in anchors(path), (path.name, anchor)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    """Each command that is named, with each of its options."""
    wrong = [(words, problem(words)) for words in commands(document) if problem(words)]
    assert not wrong


def test_every_command_is_explained() -> None:
    """Each command of ours stands somewhere, but for those that a service starts."""
    named = {tuple(words[:depth]) for document in DOCUMENTS for words in commands(document) for depth in (1, 2)}
    ours = {(name,) for name in main.commands if name not in ("worker", "inbox")}
    for name, group in main.commands.items():
        if isinstance(group, click.Group):
            ours |= {(name, inner) for inner in group.commands}
    assert not ours - named


def test_pictures_are_shown_and_small() -> None:
    """No picture lies about unused, and none makes a page slow."""
    shown = {path for document in DOCUMENTS for path, _anchor in links(document)}
    for picture in IMAGES.iterdir():
        assert picture in shown, picture.name
        assert picture.stat().st_size < LARGEST, picture.name
