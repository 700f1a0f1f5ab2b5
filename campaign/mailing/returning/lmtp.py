"""What comes back, handed over by the mail server itself: an LMTP server (RFC 2033), on a port or a socket."""

import logging
from collections.abc import Callable
from typing import Any

from aiosmtpd.controller import Controller, UnixSocketController
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from campaign.errors import Refusal
from campaign.mailing.returning.addresses import ReturnAddresses
from campaign.mailing.returning.reading import LARGEST
from campaign.mailing.returning.tasks import Later, Taken

LATER = "451 4.3.0 Later, please"

logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)  # what aiosmtpd logs of a session holds addresses


class Door:
    """What the server answers. `take(content, recipients)` runs for each mail, one at a time; it may raise Later."""

    def __init__(self, addresses: ReturnAddresses, take: Callable[[bytes, list[str]], Taken]) -> None:
        self.addresses = addresses
        self.take = take

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """One recipient a mail, as each has an answer of its own after the data, and aiosmtpd gives one only."""
        if self.addresses.is_forged(address):
            return "550 5.1.1 No such address"
        if envelope.rcpt_tos:
            return "452 4.5.3 One at a time, please"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Yes"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        """Take a mail in; what it says is committed before it is accepted."""
        try:
            self.take(envelope.original_content or b"", [str(address) for address in envelope.rcpt_tos])
        except Later:
            return LATER
        return "250 2.0.0 Taken"

    async def handle_exception(self, error: Exception) -> str:
        """What the server says when it fails: nothing of what failed."""
        return LATER


class _Server(LMTP):
    """Takes long lines, too: letters that come back hold what their writers put into them."""

    line_length_limit = LARGEST


class _Port(Controller):
    """LMTP on a port."""

    def factory(self) -> LMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


class _Socket(UnixSocketController):
    """LMTP on a socket in the file system."""

    def factory(self) -> LMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


def open_door(where: str, door: Door, own_name: str) -> Controller | UnixSocketController:
    """Listen at HOST:PORT, or at a socket's path (it has a slash), in a thread until stopped. Raises Refusal."""
    host, _colon, port = where.rpartition(":")
    options: dict[str, Any] = {"server_hostname": own_name, "data_size_limit": LARGEST, "ident": "LMTP"}
    server: Controller | UnixSocketController
    try:
        if "/" in where:
            server = _Socket(door, where, **options)
        else:
            server = _Port(door, host.strip("[]") or "127.0.0.1", int(port), **options)
        server.start()
    except (OSError, ValueError) as error:
        raise Refusal(
            f"Cannot listen at {where}: {type(error).__name__}. Give HOST:PORT, or a socket's path."
        ) from None
    return server
