"""One request carried to where it goes: to the very IP address that was checked, over TLS, through no proxy."""

import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from socket import SHUT_RDWR, socket
from threading import Timer

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from campaign.webhooks.addresses import Destination, NotReachable, Resolve, checked_addresses, look_up

SECONDS = 15.0
"""So long an answer may take in all, from the first packet on (Standard Webhooks: 15 to 30 s)."""

TRIED_ADDRESSES = 3
READ_BYTES = 4096
"""So much of an answer is read, and thrown away."""

AGENT = "Campaign-Webhooks"


class Trouble(StrEnum):
    """Why there was no answer."""

    ADDRESS = "address"
    """There is no such name, or it leads to where a webhook may not go."""
    UNREACHED = "unreached"
    INSECURE = "insecure"
    """TLS failed: no certificate of this name that can be trusted."""
    SLOW = "slow"
    BROKEN = "broken"
    """The connection broke, or what came was no HTTP."""
    OURS = "ours"
    """It could not be written; that is our fault."""


@dataclass(frozen=True, repr=False)
class Parcel:
    """A request to carry; `until` (monotonic seconds): it must not go out later, for another may hold it then."""

    destination: Destination
    headers: Mapping[str, str]
    body: bytes
    until: float


@dataclass(frozen=True)
class Answer:
    """What came of a request: a status, or why there is none. Nothing of what the other side said is kept."""

    code: int | None = None
    trouble: Trouble | None = None
    retry_after: str | None = None
    seconds: float = 0.0

    @property
    def is_success(self) -> bool:
        """Whether it was taken."""
        return self.code is not None and 200 <= self.code < 300


class Carrier:
    """Carries requests; several threads may use one. It knows neither the database nor the keys.

    `to_loopback`: this machine may be meant. `context`: another trust than the system's, for tests.
    """

    def __init__(
        self, *, to_loopback: bool = False, resolve: Resolve = look_up, context: ssl.SSLContext | None = None
    ) -> None:
        self.to_loopback = to_loopback
        self.resolve = resolve
        self._context = context

    @cached_property
    def context(self) -> ssl.SSLContext:
        """Whom to trust; to read the system's certificates takes long, and most installations have no webhooks."""
        return self._context or ssl.create_default_context()

    def carry(self, parcel: Parcel) -> Answer:
        """Carry one request. Never raises: whatever goes wrong is an answer, too."""
        began = time.monotonic()
        answer = self._carry(parcel, began + SECONDS)
        return Answer(answer.code, answer.trouble, answer.retry_after, time.monotonic() - began)

    def _carry(self, parcel: Parcel, deadline: float) -> Answer:
        try:
            addresses = checked_addresses(parcel.destination, self.resolve, to_loopback=self.to_loopback)
            connection = self._connected(parcel.destination, addresses[:TRIED_ADDRESSES], min(deadline, parcel.until))
        except NotReachable:
            return Answer(trouble=Trouble.ADDRESS)
        except ssl.SSLError:
            return Answer(trouble=Trouble.INSECURE)
        except TimeoutError:
            return Answer(trouble=Trouble.SLOW)
        except (OSError, HTTPError) as error:
            is_late = isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError)
            return Answer(trouble=Trouble.SLOW if is_late else Trouble.UNREACHED)
        try:
            return _talk(connection, parcel, deadline)
        finally:
            connection.close()

    def _connected(self, destination: Destination, addresses: list[str], deadline: float) -> HTTPConnection:
        """A connection to the first of these that takes one; raises what the last of them said."""
        for address in addresses[:-1]:
            with suppress(NewConnectionError, ConnectTimeoutError):
                return self._connect(destination, address, deadline)
        return self._connect(destination, addresses[-1], deadline)

    def _connect(self, destination: Destination, address: str, deadline: float) -> HTTPConnection:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection = self._connection(destination, address, left)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _connection(self, destination: Destination, address: str, seconds: float) -> HTTPConnection:
        """urllib3 is given an IP address, so it asks nobody; the certificate must be that of the name.

        OpenSSL compares the name. `assert_hostname` is left out: it would switch that off, for all who use the context.
        """
        if destination.scheme == "http":
            return HTTPConnection(address, destination.port, timeout=seconds)
        return HTTPSConnection(
            address,
            destination.port,
            timeout=seconds,
            ssl_context=self.context,
            server_hostname=destination.host,
        )


def _talk(connection: HTTPConnection, parcel: Parcel, deadline: float) -> Answer:
    """Send and read what comes, for so long at most, however slowly it drips. Redirects are not followed."""
    guard = Timer(max(0.0, deadline - time.monotonic()), _hang_up, (connection.sock,))
    guard.daemon = True
    guard.start()
    try:
        headers = {"Host": parcel.destination.netloc, "User-Agent": AGENT, "Accept-Encoding": "identity"}
        connection.request(
            "POST", parcel.destination.target, parcel.body, {**headers, **parcel.headers}, preload_content=False
        )
        response = connection.getresponse()
        if time.monotonic() >= deadline:  # what was cut off in its headers looks like an answer
            return Answer(trouble=Trouble.SLOW)
        with suppress(Exception):
            response.read(READ_BYTES, decode_content=False)
        return Answer(response.status, retry_after=response.headers.get("Retry-After"))
    except Exception:  # whatever it is, what became of a request is to be known
        return Answer(trouble=Trouble.SLOW if time.monotonic() >= deadline else Trouble.BROKEN)
    finally:
        guard.cancel()


def _hang_up(wire: socket) -> None:
    with suppress(OSError):
        socket.shutdown(wire, SHUT_RDWR)
