"""The addresses by which what comes back is known: a letter's return path, and that for unsubscribing by mail."""

import re
from dataclasses import dataclass
from email.utils import parseaddr

from campaign.config import Config
from campaign.opening import Keyring

BOUNCE, LEAVE = "bounce", "leave"
LEAVING = "unsubscribe"
NUMBER = 6
"""Bytes of a delivery's number."""


@dataclass(frozen=True)
class Subject:
    """Whom an address of ours stands for: a delivery by its number, or a reader by the handle."""

    delivery_id: int | None = None
    handle: bytes | None = None


class ReturnAddresses:
    """Makes and reads the addresses of one installation. Only who holds the pepper can make one that is believed.

    They are in lower case, and read in any: relays fold it. The local part is 64 octets at most (RFC 5321, 4.5.3.1.1).
    """

    def __init__(self, config: Config, keys: Keyring) -> None:
        self.keys = keys
        self.sender = parseaddr(config.mail_from)[1]
        self.local, _at, self.domain = config.bounce_address.partition("@")
        self._ours = re.compile(rf"({re.escape(self.local)}|{LEAVING})\+([^@]*)@{re.escape(self.domain)}")

    @property
    def is_set(self) -> bool:
        """Whether there is an address to which letters come back."""
        return bool(self.domain)

    def return_path(self, delivery_id: int) -> str:
        """The envelope sender of a delivery (VERP); without an address for bounces the sender of the letters."""
        if not self.is_set:
            return self.sender
        token = self.keys.address_token(BOUNCE, delivery_id.to_bytes(NUMBER, "big"))
        return f"{self.local}+{token}@{self.domain}"

    def leave_by_mail(self, handle: bytes) -> str:
        """What List-Unsubscribe says beside the link (RFC 2369, section 3.2); nothing without an address."""
        token = self.keys.address_token(LEAVE, handle) if self.is_set else ""
        return f", <mailto:{LEAVING}+{token}@{self.domain}>" if token else ""

    def read(self, address: str) -> Subject | None:
        """Whom an address stands for; None when it is none of ours, or forged."""
        match self._parts(address):
            case (local, token) if local == self.local:
                number = self.keys.read_address_token(BOUNCE, token)
                return Subject(delivery_id=int.from_bytes(number, "big")) if number else None
            case (_, token):
                handle = self.keys.read_address_token(LEAVE, token)
                return Subject(handle=handle) if handle else None
        return None

    def is_forged(self, address: str) -> bool:
        """Whether an address looks like one of ours and is not."""
        return self._parts(address) is not None and self.read(address) is None

    def _parts(self, address: str) -> tuple[str, str] | None:
        """(what it is for, token), as lower-cased as they were made."""
        found = self._ours.fullmatch(address.lower()) if self.is_set else None
        return (found[1], found[2]) if found else None
