"""Signed and random links, one purpose each, and the public addresses they stand in."""

import hashlib
from functools import cache

from flask import current_app, url_for
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

SESSION_KEY = "session"

YOURS = "yours"
UNSUBSCRIBE = "unsubscribe"


class LinkSigner:
    """Signs what a mailed link stands for; a link made for one purpose fits no other."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, purpose: str, handle: bytes) -> str:
        """The token of a link that stands for `handle`."""
        return _signer(self._key, purpose).sign(base64_encode(handle)).decode()

    def read(self, purpose: str, token: str) -> bytes | None:
        """The handle that the token stands for, or None. Never compare tokens: one has several spellings."""
        try:
            return base64_decode(_signer(self._key, purpose).unsign(token))
        except (BadData, ValueError):
            return None


@cache
def _signer(key: bytes, purpose: str) -> Signer:
    """A signer for one purpose; its key is derived once a process, not with each request or signature."""
    derived = Signer(key, salt=f"link {purpose}", digest_method=hashlib.sha256).derive_key()
    return Signer(derived, key_derivation="none", digest_method=hashlib.sha256)


def link_signer() -> LinkSigner:
    """The signer of the present app."""
    return LinkSigner(current_app.config["SECRET_KEY"])


def token_hash(token: str) -> bytes:
    """What is stored of a random link's token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def public_url(endpoint: str, **values: object) -> str:
    """The address under the configured public URL; never made from the request's Host."""
    path = url_for(endpoint, **values, _external=False)  # type: ignore[arg-type]
    return f"{current_app.config['PUBLIC_URL']}{path}"
