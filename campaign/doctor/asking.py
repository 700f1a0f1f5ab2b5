"""Asking DNS."""

from typing import Any

import dns.exception
import dns.name
import dns.resolver
from dns.rdatatype import RdataType

SECONDS = 5.0


class NoDNS(Exception):
    """DNS does not answer here."""


class Names:
    """Asks a resolver: the machine's, or the one given as HOST:PORT."""

    def __init__(self, resolver: str | None) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=resolver is None)
        except dns.resolver.NoResolverConfiguration:
            raise NoDNS from None
        self._resolver.lifetime = SECONDS
        self._resolver.timeout = SECONDS / 2
        if resolver is not None:
            host, _colon, port = resolver.rpartition(":")
            self._resolver.nameservers, self._resolver.port = [host], int(port)

    def texts(self, name: str, beginning: str) -> list[str]:
        """The TXT records of a name that begin so; raises NoDNS."""
        found = [
            "".join(part.decode("utf-8", "replace") for part in row.strings) for row in self._ask(name, RdataType.TXT)
        ]
        return [text for text in found if text.lower().startswith(beginning)]

    def hosts(self, name: str) -> list[str]:
        """The hosts that take mail for a domain (RFC 5321, section 5.1); "." alone: none does (RFC 7505)."""
        return self.exchanges(name) or [name for _once in range(1) if self.has_address(name)]

    def exchanges(self, name: str) -> list[str]:
        """The hosts in the MX records of a domain."""
        return [str(row.exchange) for row in self._ask(name, RdataType.MX)]

    def has_address(self, name: str) -> bool:
        """Whether a name has an address."""
        return any(self._ask(name, kind) for kind in (RdataType.A, RdataType.AAAA))

    def _ask(self, name: str, kind: RdataType) -> list[Any]:
        try:
            whole = dns.name.from_text(name)
        except dns.exception.DNSException:
            return []  # no name at all
        try:
            return list(self._resolver.resolve(whole, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError):
            raise NoDNS from None
