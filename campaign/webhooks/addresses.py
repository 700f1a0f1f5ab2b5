"""Where a webhook may go: how its address is spelt, and to which machines it may lead (no forged requests, SSRF)."""

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

PORTS = {"https": 443, "http": 80}
LOWEST_PORT = 1024
"""Below it only 443: the others are those of mail, shells and the like."""

LONGEST = 2000

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)+(?=[a-z]){_LABEL}")
"""A name in DNS. The last part begins with a letter, so that no spelling of a number passes (RFC 3696, section 2)."""

_HERE = re.compile(r"localhost|127\.0\.0\.1")
_URL = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>[A-Za-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?(?P<target>/[!\"$-\[\]-~]*)?", re.ASCII
)
"""All that may stand in one, from end to end: no user, no password, no fragment, nothing that is read in two ways."""

_NAT64 = ip_network("64:ff9b::/96")
_UNICAST = ip_network("2000::/3")
_NOT_GLOBAL = [ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")]
"""What the library of this Python takes for global and the registries of IANA do not."""

Resolve = Callable[[str, int], Iterable[str]]
"""The IP addresses of a name; raises OSError."""


class NotReachable(Exception):
    """The name has no address, or one that not everybody could reach. Which of the two is not told: it is a probe."""


@dataclass(frozen=True, repr=False)
class Destination:
    """An address that was taken apart once. Its repr does not show it: a path may be a secret."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def netloc(self) -> str:
        """Host and port, as the header Host and the console show them."""
        return self.host if self.port == PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.netloc}{self.target}"

    @classmethod
    def parse(cls, text: str, *, to_loopback: bool = False) -> "Destination":
        """Take an address apart; raises ValueError. `to_loopback`: this machine may be meant, without TLS too."""
        found = _URL.fullmatch(text) if len(text) <= LONGEST else None
        if found is None:
            raise ValueError("not an address")
        scheme, host = found["scheme"].lower(), found["host"].lower()
        is_here = to_loopback and _HERE.fullmatch(host) is not None
        port = int(found["port"]) if found["port"] else PORTS[scheme]
        if not is_here:
            _check_public(scheme, host, port)
        if not 0 < port < 2**16:
            raise ValueError("not a port")
        return cls(scheme, host, port, found["target"] or "/")


def _check_public(scheme: str, host: str, port: int) -> None:
    if scheme != "https":
        raise ValueError("not encrypted")
    if not _NAME.fullmatch(host):
        raise ValueError("not a name")
    if port != PORTS["https"] and port < LOWEST_PORT:
        raise ValueError("not a port for this")


def look_up(host: str, port: int) -> list[str]:
    """Ask the system's resolver; raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def checked_addresses(destination: Destination, resolve: Resolve, *, to_loopback: bool = False) -> list[str]:
    """The IP addresses to connect to, looked up once: every one of them is public. Raises NotReachable.

    Whoever connects uses these and asks no more: a name that answers otherwise the next time wins nothing by it.
    """
    try:
        addresses = [ip_address(text) for text in dict.fromkeys(resolve(destination.host, destination.port))]
    except (OSError, ValueError, UnicodeError):
        raise NotReachable from None
    is_here = to_loopback and all(address.is_loopback for address in addresses)
    is_there = destination.scheme == "https" and all(is_public(address) for address in addresses)
    if not addresses or not (is_here or is_there):
        raise NotReachable
    return [str(address) for address in addresses]


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is one machine's that everybody could reach; an IPv4 address within an IPv6 one is looked at, too."""
    if isinstance(address, IPv6Address):
        if inner := _embedded(address):
            return all(is_public(each) for each in inner)
        if address not in _UNICAST:
            return False
    is_odd = address.is_multicast or address.is_reserved or any(address in net for net in _NOT_GLOBAL)
    return address.is_global and not is_odd


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """What it stands for: IPv4-mapped (RFC 4291), 6to4 (RFC 3056), Teredo (RFC 4380), NAT64 (RFC 6052)."""
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    found = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
    return [inner for inner in found if inner is not None]
