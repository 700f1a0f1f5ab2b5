"""A DNS server on the loopback, which knows what a test tells it."""

import socket
import threading
from contextlib import suppress
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.servers import LOOPBACK

Records = dict[tuple[str, str], list[str]]


class NameServer:
    """Answers over UDP from `records`: by (name, type) the data as a zone file has it. `rcode`: fail with this one.

    `failing`: names to fail for.
    """

    def __init__(self, records: Records) -> None:
        self.records = records
        self.rcode: dns.rcode.Rcode | None = None
        self.failing: set[str] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._thread = threading.Thread(target=self._run, name="names", daemon=True)

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{LOOPBACK}:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                wire, peer = self._socket.recvfrom(4096)
                if not wire:
                    return
                self._socket.sendto(self._answer(dns.message.from_wire(wire)).to_wire(), peer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        if self.rcode is not None:
            answer.set_rcode(self.rcode)
        elif name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.records:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, self.records[name, kind]))
        elif not any(known == name for known, _kind in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
