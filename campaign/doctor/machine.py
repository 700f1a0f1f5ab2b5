"""Settings and keys: what is on this machine."""

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from campaign.config import SETTINGS_FILE, Config
from campaign.doctor.findings import Finding, Part
from campaign.links import SESSION_KEY
from campaign.opening import PEPPER, PRIVATE_KEY
from campaign.sealing import PUBLIC_KEY
from campaign.sharing.cards.faces import can_shape
from campaign.sharing.cards.shelf import FOLDER

HERE = ("localhost", "127.0.0.1", "::1")
OTHERS = stat.S_IRWXG | stat.S_IRWXO
KEY_BYTES = 32

cards = Part("cards")
settings = Part("settings")
keys = Part("keys")


def check_settings(config: Config) -> Iterator[Finding]:
    """What can be read, but is hardly meant so."""
    yield settings.good(f"They can be read; the instance is {config.instance}.")
    yield from _user(config.instance)
    yield from _public_url(config)
    file = config.instance / SETTINGS_FILE
    if file.exists() and file.stat().st_mode & OTHERS:
        yield settings.wrong(f"Others can read {file}, which may hold passwords.", f"Run: chmod 600 {file}")
    url = urlsplit(config.smtp_url)
    if url.scheme == "smtp" and url.hostname not in HERE:
        yield settings.note(
            "Letters go to the relay in clear: CAMPAIGN_SMTP_URL begins with smtp://",
            "Where the worker runs, use smtp+starttls:// or smtps://, or a relay on the same machine.",
        )


def _user(instance: Path) -> Iterator[Finding]:
    owner = instance.stat().st_uid if instance.exists() else os.geteuid()
    if os.geteuid() == 0 and owner != 0:
        name = pwd.getpwuid(owner).pw_name
        yield settings.note(
            f"You are root, but the instance belongs to {name}.", f"Run this as {name}: runuser -u {name} -- campaign …"
        )


def _public_url(config: Config) -> Iterator[Finding]:
    url = urlsplit(config.public_url)
    is_here = url.hostname in HERE
    if config.is_demo and not is_here:
        yield settings.wrong(
            "CAMPAIGN_DEMO is yes: every visitor can read the local inbox.", "Take it out, and start the web again."
        )
    if url.scheme == "https":
        yield settings.good("CAMPAIGN_PUBLIC_URL is https.")
    elif is_here:
        yield settings.note("CAMPAIGN_PUBLIC_URL is this machine: links in letters lead nowhere else.")
    else:
        yield settings.wrong(
            "CAMPAIGN_PUBLIC_URL is http: what people type can be read on the way.",
            "Put TLS in front, and change http:// to https://.",
        )


def check_keys(config: Config) -> Iterator[Finding]:
    """Whether the keys are there, whole, one pair, and their owner's alone."""
    names = (SESSION_KEY, PUBLIC_KEY, PRIVATE_KEY, PEPPER)
    missing = [name for name in names if not (config.keys / name).exists()]
    present = [config.keys / name for name in names if name not in missing]
    if missing == [PRIVATE_KEY, PEPPER]:
        yield keys.note("Only the web's keys are here. That is right for a web machine; a worker needs all four.")
    elif missing:
        yield keys.wrong(
            f"{_listed(missing)} not in {config.keys}.",
            "Copy what is missing from the backup; only a new installation makes its keys with `campaign keys`.",
        )
    else:
        yield keys.good("All four are there.")
    yield from (finding for file in present for finding in _key(file))
    yield from _pair(config.keys / PRIVATE_KEY, config.keys / PUBLIC_KEY)


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _key(file: Path) -> Iterator[Finding]:
    if file.stat().st_mode & OTHERS:
        yield keys.wrong(f"Others can read {file.name}.", f"Run: chmod 600 {file}")
    if file.stat().st_size != KEY_BYTES:
        yield keys.wrong(f"{file.name} has not {KEY_BYTES} bytes.", "Copy it from the backup.")


def _pair(private: Path, public: Path) -> Iterator[Finding]:
    if any(not file.exists() or file.stat().st_size != KEY_BYTES for file in (private, public)):
        return
    own = X25519PrivateKey.from_private_bytes(private.read_bytes()).public_key().public_bytes_raw()
    if own == public.read_bytes():
        yield keys.good("The public key is the private key's.")
    else:
        yield keys.wrong(
            "The public key is not the private key's: nothing that people send now can be opened.",
            "Stop the web, and copy both from the same backup.",
        )


def check_cards(config: Config) -> Iterator[Finding]:
    """Whether share cards can be drawn, and kept."""
    folder = config.instance / FOLDER
    if not can_shape():
        yield cards.wrong(
            "There are no share cards: Pillow was built without its text shaper, raqm.",
            "Install Pillow from its wheels: pip install --force-reinstall --only-binary :all: pillow",
        )
    elif folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        yield cards.wrong(f"{folder} cannot be written: cards are drawn again and again.", "Give it to the web's user.")
    else:
        yield cards.good("Share cards can be drawn.")
