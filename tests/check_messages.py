"""Says whether every sentence of the code and the templates is in every catalogue, translated. Exits with 1 if not."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from campaign.db import ROOT
from campaign.i18n import DEFAULT_LOCALE, LOCALES

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def extracted(path: Path) -> Catalog:
    """The sentences as they stand now."""
    options = ["--mapping-file=pyproject.toml", "--keywords=_l", f"--output-file={path}"]
    program = Path(sys.executable).with_name("pybabel")
    subprocess.run([program, "--quiet", "extract", *options, "campaign", "templates"], cwd=ROOT, check=True)
    with path.open("rb") as file:
        return read_po(file)


def faults(locale: str, sentences: Catalog) -> list[str]:
    """What is wrong in a catalogue."""
    path = ROOT / "campaign" / "translations" / locale / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        catalog = read_po(file, locale=locale)
    found = [fault for message in sentences if message.id for fault in _faults(message, catalog.get(message.id))]
    extra = [message.id for message in catalog if message.id and sentences.get(message.id) is None]
    return [*found, *(f"is used nowhere: {text!r}" for text in extra)]


def _faults(wanted: Message, there: Message | None) -> list[str]:
    texts = [] if there is None else list(there.string) if isinstance(there.string, tuple) else [there.string]
    if there is None or not all(texts) or there.fuzzy:
        return [f"is not translated: {wanted.id!r}"]
    ids = wanted.id if isinstance(wanted.id, tuple) else (wanted.id,)
    known = set(PLACEHOLDER.findall(" ".join(ids)))
    return [f"has other placeholders: {wanted.id!r}" for text in texts if not set(PLACEHOLDER.findall(text)) <= known]


def main() -> int:
    """Look through every catalogue but the original's."""
    with tempfile.TemporaryDirectory() as folder:
        sentences = extracted(Path(folder) / "messages.pot")
    found = {locale: faults(locale, sentences) for locale in LOCALES if locale != DEFAULT_LOCALE}
    for locale, wrong in found.items():
        for fault in wrong:
            print(f"{locale}: {fault}", file=sys.stderr)
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
