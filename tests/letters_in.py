"""Letters as they come in: read as a person's mail program would read them."""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Letter:
    """A letter; the name of a header in `headers[…]` may be in either case."""

    to: str
    subject: str
    text: str
    html: str
    headers: EmailMessage
    raw: bytes

    @property
    def raw_headers(self) -> list[bytes]:
        """The lines of the headers as they came, folded or not."""
        return self.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")

    @property
    def links(self) -> list[str]:
        """Every address in the text part, in order."""
        return re.findall(r"https?://[^\s<>]+", self.text)

    def link(self, containing: str) -> str:
        """The one address in the text part whose path holds this piece, such as "/confirm/"."""
        found = {link for link in self.links if containing in urlsplit(link).path}
        assert len(found) == 1, f"{len(found)} links with {containing!r} in the letter {self.subject!r}: {self.links}"
        return found.pop()


def read(raw: bytes) -> Letter:
    """Read a letter; raises AssertionError when it is not well-formed, or lacks a text or an HTML part."""
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    defects = [defect for part in message.walk() for defect in part.defects]
    assert not defects, f"not well-formed: {defects}"
    return Letter(message["To"], message["Subject"], _part(message, "plain"), _part(message, "html"), message, raw)


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None, f"no text/{kind} in the letter {message['Subject']!r}"
    return str(part.get_content())
