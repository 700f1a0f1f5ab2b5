"""The private key and the pepper: open, fingerprint, link tokens. The worker's side only."""

import base64
import hmac
import os
from datetime import date
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from campaign.config import Config
from campaign.links import SESSION_KEY
from campaign.sealing import PUBLIC_KEY, SUITE, EmailAddress, Sealer

PRIVATE_KEY = "sealing.private"
PEPPER = "pepper"
MAC = 14
"""Bytes of the HMAC in a token that stands in an address: as many as a local part has room for."""
MOST_TOKEN = 64
"""Characters of a local part (RFC 5321, section 4.5.3.1.1)."""


class CannotOpen(Exception):
    """A sealed value was made for another key, another campaign or another row, or was changed."""


class Keyring:
    """What only the worker and the command line hold."""

    def __init__(self, private_key: bytes, pepper: bytes) -> None:
        self._private_key = X25519PrivateKey.from_private_bytes(private_key)
        self._pepper = pepper
        self.sealer = Sealer(self._private_key.public_key().public_bytes_raw())

    @classmethod
    def read(cls, config: Config) -> "Keyring":
        """Read the keys of the instance; raises Misconfigured when they are not there."""
        return cls(config.secret(PRIVATE_KEY), config.secret(PEPPER))

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Open what `Sealer.seal` sealed with the same info; raises CannotOpen."""
        try:
            return SUITE.decrypt(sealed, self._private_key, info)
        except (InvalidTag, ValueError) as error:
            raise CannotOpen from error

    def fingerprint(self, address: EmailAddress, campaign_id: int) -> bytes:
        """32 bytes that are the same for one inbox in one campaign, and say nothing without the pepper."""
        return self._mac("fingerprint", str(campaign_id), address.canonical)

    def suppression_key(self, address: EmailAddress) -> bytes:
        """32 bytes that stand for an address not to be written to, in any campaign."""
        return self._mac("suppression", address.canonical)

    def allowance_key(self, address: EmailAddress, day: date) -> bytes:
        """32 bytes that stand for an address on one day, to count the letters it got."""
        return self._mac("allowance", day.isoformat(), address.canonical)

    def domain_key(self, domain: str) -> bytes:
        """32 bytes that stand for a receiving domain, to keep its pace; "" stands for the relay."""
        return self._mac("domain", domain.lower())

    def link_token(self, purpose: str, seed: bytes) -> str:
        """The unguessable token of a mailed link.

        It is drawn from a keyed PRF instead of the system's generator, so that a letter which is sent again
        after a crash carries the same link, and the token itself need not be kept anywhere.
        """
        return base64.urlsafe_b64encode(self._mac("link", purpose, seed.hex())).decode().rstrip("=")

    def message_id(self, delivery_id: int) -> str:
        """The left part of a delivery's Message-ID: the same at every attempt, telling nothing."""
        return self._mac("message-id", str(delivery_id)).hex()[:32]

    def address_token(self, purpose: str, content: bytes) -> str:
        """What the local part of an address of ours carries: content and an HMAC, in base32, as relays fold case."""
        mac = self._mac(purpose, content.hex())[:MAC]
        return base64.b32encode(content + mac).decode().rstrip("=").lower()

    def read_address_token(self, purpose: str, token: str) -> bytes | None:
        """The content of a token of ours, in whatever case it came back; None for any other."""
        if len(token) > MOST_TOKEN or not token.isascii():
            return None
        try:
            plain = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        except ValueError:
            return None
        content, mac = plain[:-MAC], plain[-MAC:]
        return content if hmac.compare_digest(mac, self._mac(purpose, content.hex())[:MAC]) else None

    def _mac(self, purpose: str, *parts: str) -> bytes:
        text = "\0".join((purpose, *parts))
        return hmac.digest(self._pepper, text.encode(), "sha256")


def make_keys(folder: Path) -> bool:
    """Make the keys of an installation, mode 0600, unless any is there; says whether it made them."""
    if any((folder / name).exists() for name in (PUBLIC_KEY, PRIVATE_KEY, PEPPER, SESSION_KEY)):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    private_key = X25519PrivateKey.generate()
    _write(folder / PRIVATE_KEY, private_key.private_bytes_raw())
    _write(folder / PEPPER, os.urandom(32))
    _write(folder / SESSION_KEY, os.urandom(32))
    _write(folder / PUBLIC_KEY, private_key.public_key().public_bytes_raw())
    return True


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
