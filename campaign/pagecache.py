"""Whole pages kept for some seconds in front of Flask: what says the same to everybody is rendered once for all."""

import hashlib
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import Response, current_app, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEEP = "campaign.keep_seconds"
PAGES = 1000
"""At most so many pages are kept: whoever makes up addresses only empties the cache."""

PUBLIC = "public, max-age=5, s-maxage=10, stale-while-revalidate=30, stale-if-error=86400"


View = Callable[..., str]


def cached_page(
    stamp: Callable[..., Hashable] | None = None, mimetype: str = "text/html"
) -> Callable[[View], Callable[..., Response]]:
    """A page that says the same to everybody: kept by us and by any cache for some seconds, revalidated by its ETag.

    `stamp(**values)` says, by a quick look, which state of things a page would show: while that is the same, the page
    is not rendered again.
    """

    def decorate(view: View) -> Callable[..., Response]:
        @wraps(view)
        def answer(**values: Any) -> Response:
            present = stamp(**values) if stamp else None
            rendered: dict[str, tuple[Hashable, bytes, str]] = current_app.extensions.setdefault("rendered", {})
            known = rendered.get(request.full_path)
            if known is None or present is None or known[0] != present:
                body = view(**values).encode()
                known = present, body, hashlib.sha256(body).hexdigest()[:32]
                _keep(rendered, request.full_path, known)
            return _public(known[1], known[2], mimetype)

        return answer

    return decorate


def _public(body: bytes, etag: str, mimetype: str) -> Response:
    response = Response(body, mimetype=mimetype)
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = PUBLIC
    request.environ[KEEP] = current_app.config["PAGE_SECONDS"]
    return response


def _keep(pages: dict[Any, Any], key: object, page: object) -> None:
    if len(pages) >= PAGES:
        pages.clear()
    pages[key] = page


@dataclass(frozen=True)
class _Page:
    headers: list[tuple[str, str]]
    body: bytes
    etag: str
    fresh_until: float

    def answer(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """The page, or 304 to whoever has it (RFC 9110, section 13.1.2)."""
        if _has(environ.get("HTTP_IF_NONE_MATCH", ""), self.etag):
            start_response("304 NOT MODIFIED", [pair for pair in self.headers if pair[0] not in _OF_A_BODY])
            return [b""]
        start_response("200 OK", self.headers)
        return [self.body if environ["REQUEST_METHOD"] == "GET" else b""]


_OF_A_BODY = ("Content-Length", "Content-Type")


def _has(if_none_match: str, etag: str) -> bool:
    known = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return bool(if_none_match) and any(tag in (etag.removeprefix("W/"), "*") for tag in known)


class PageCache:
    """Answers with a kept page while it is fresh, else asks the app, and keeps what `cached_page` made."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._pages: dict[tuple[str, str], _Page] = {}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._app(environ, start_response)
        key = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        page = self._pages.get(key)
        if page is not None and page.fresh_until > time.monotonic():
            return page.answer(environ, start_response)
        return self._ask(key, environ, start_response)

    def _ask(
        self, key: tuple[str, str], environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        began: list[tuple[str, list[tuple[str, str]]]] = []

        def begin(status: str, headers: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], object]:
            began.append((status, headers))
            return start_response(status, headers, error) if KEEP not in environ else _written_nowhere

        answer = self._app(environ, begin)
        if KEEP not in environ:
            return answer
        body = b"".join(answer)
        page = _Page(began[-1][1], body, dict(began[-1][1]).get("ETag", ""), time.monotonic() + environ[KEEP])
        if environ["REQUEST_METHOD"] == "GET" and environ[KEEP]:
            _keep(self._pages, key, page)
        return page.answer(environ, start_response)


def _written_nowhere(_data: bytes) -> None:
    """WSGI's old way to write, which Flask does not use."""
