"""EmailAddress, parsed once, and sealing with the public key (HPKE, RFC 9180)."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from email_validator import EmailNotValidError, validate_email

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
PUBLIC_KEY = "sealing.public"

_GMAIL = ("gmail.com", "googlemail.com")


@dataclass(frozen=True, repr=False)
class EmailAddress:
    """An address that has been parsed. Its repr never shows it, so that no log can."""

    local: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> "EmailAddress":
        """Parse what a person typed; raises ValueError. Asks no DNS: resolvers lie, and the web must not wait."""
        try:
            found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise ValueError("not an e-mail address") from error
        if found.ascii_email is None:
            raise ValueError("needs SMTPUTF8, which few relays speak")
        local, _, domain = found.ascii_email.rpartition("@")
        return cls(local, domain)

    @property
    def canonical(self) -> str:
        """One spelling for the many that reach the same inbox; for fingerprints only, never to write to."""
        local = self.local.lower()
        local = local.partition("+")[0] or local
        domain = self.domain.lower()
        if domain in _GMAIL:
            return f"{local.replace('.', '')}@gmail.com"
        return f"{local}@{domain}"

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    def __repr__(self) -> str:
        return "EmailAddress(…)"


class Sealer:
    """Seals with the public key; only the worker's private key opens."""

    def __init__(self, public_key: bytes) -> None:
        self._key = X25519PublicKey.from_public_bytes(public_key)

    def seal(self, plain: bytes, info: bytes) -> bytes:
        """Seal `plain`, bound to `info`: it opens only with the same info (RFC 9180, section 5.1.1)."""
        return SUITE.encrypt(plain, self._key, info)


def binding(what: str, campaign_id: int, row: bytes) -> bytes:
    """The `info` that binds a sealed value to its kind, its campaign and its row."""
    return b"campaign/1|%s|%d|" % (what.encode(), campaign_id) + row
