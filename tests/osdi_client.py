"""A program of another site that knows OSDI and nothing of ours: it is given the entry point and follows links."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

HELPER = "osdi:record_signature_helper"

Resource = dict[str, Any]


@dataclass(frozen=True)
class OsdiClient:
    """Starts at the entry point; `language` is sent as Accept-Language."""

    entry_url: str
    language: str = "en"

    def petitions(self) -> Iterator[Resource]:
        """Each petition, page by page."""
        url = self.get(self.entry_url)["_links"]["osdi:petitions"]["href"]
        while url:
            page = self.get(url)
            yield from page["_embedded"]["osdi:petitions"]
            url = page["_links"].get("next", {}).get("href")

    def petition(self, title: str) -> Resource:
        """The petition with this title."""
        return next(petition for petition in self.petitions() if petition["title"] == title)

    def sign(self, petition: Resource, signature: Mapping[str, Any]) -> tuple[int, Resource]:
        """Record a signature; the status and what came back."""
        return self._ask("POST", petition["_links"][HELPER]["href"], json.dumps(signature))

    def get(self, url: str) -> Resource:
        """What is at an address; raises AssertionError when it is not HAL."""
        status, found = self._ask("GET", url)
        assert status == HTTPStatus.OK, (url, status, found)
        assert found["_links"]["self"]["href"].split("?")[0] == url.split("?")[0]
        return found

    def _ask(self, method: str, url: str, body: str | None = None) -> tuple[int, Resource]:
        parts = urlsplit(url)
        assert (parts.scheme, parts.hostname) == ("http", "127.0.0.1"), url
        connection = HTTPConnection(parts.netloc, timeout=30)
        try:
            headers = {"Content-Type": "application/json", "Accept-Language": self.language}
            connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), body, headers)
            answer = connection.getresponse()
            media_type = "application/hal+json" if answer.status == HTTPStatus.OK else "application/problem+json"
            assert answer.headers["Content-Type"] == media_type
            return answer.status, json.load(answer)
        finally:
            connection.close()
