"""Whole pages kept in front of Flask: rendered once for all, compressed once, and shown while the app has no answer."""

import gzip
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import brotli
from flask import Response, current_app, request
from werkzeug.http import parse_accept_header

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEEP = "campaign.keep_seconds"

PAGES = 1000
QUERIES = 200
"""So many pages are kept, and of those with a query so many: whoever makes up queries pushes out no other pages."""

PUBLIC = "public, max-age=5, s-maxage=10, stale-while-revalidate=30, stale-if-error=86400"
STALE_SECONDS = 86_400
"""So long a page may stand in for one that the app cannot make (RFC 5861, section 4)."""

HOLD_SECONDS = 5
"""So long an app that failed is not asked for the same page again."""

View = Callable[..., str]
Headers = list[tuple[str, str]]
V = TypeVar("V")


class Shelf(OrderedDict[Hashable, V]):
    """The newest so many; what was not asked for longest goes first."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: Hashable, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)


@dataclass(frozen=True)
class _Rendered:
    stamp: Hashable
    body: bytes
    etag: str


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
            shelf: Shelf[_Rendered] = current_app.extensions.setdefault("rendered", Shelf(PAGES))
            known = shelf.get(request.full_path)
            if known is None or present is None or known.stamp != present:
                body = view(**values).encode()
                known = shelf[request.full_path] = _Rendered(present, body, hashlib.sha256(body).hexdigest()[:32])
            return _public(known, mimetype)

        return answer

    return decorate


def _public(page: _Rendered, mimetype: str) -> Response:
    response = Response(page.body, mimetype=mimetype)
    response.set_etag(page.etag, weak=True)
    response.headers["Cache-Control"] = PUBLIC
    response.headers["Vary"] = "Accept-Encoding"
    request.environ[KEEP] = current_app.config["PAGE_SECONDS"]
    return response


@dataclass
class _Page:
    headers: Headers
    body: bytes
    etag: str
    made_at: float
    fresh_until: float
    variants: dict[str, tuple[Headers, bytes]] = field(default_factory=dict)

    def answer(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """The page, compressed as the browser takes it, or 304 to whoever has it (RFC 9110, section 13.1.2)."""
        if _has(environ.get("HTTP_IF_NONE_MATCH", ""), self.etag):
            start_response("304 NOT MODIFIED", [pair for pair in self.headers if pair[0] not in _OF_A_BODY])
            return [b""]
        headers, body = self._as(_coding(environ.get("HTTP_ACCEPT_ENCODING", "")))
        start_response("200 OK", headers)
        return [body if environ["REQUEST_METHOD"] == "GET" else b""]

    def _as(self, coding: str) -> tuple[Headers, bytes]:
        if coding not in self.variants:
            self.variants[coding] = self._as("") if coding and self._is_picture else self._coded(coding)
        return self.variants[coding]

    def _coded(self, coding: str) -> tuple[Headers, bytes]:
        body = _CODERS[coding](self.body)
        kept = [pair for pair in self.headers if pair[0] != "Content-Length"]
        named = [("Content-Encoding", coding)] if coding else []
        return [*kept, *named, ("Content-Length", str(len(body)))], body

    @property
    def _is_picture(self) -> bool:
        """Pictures are as small as they get."""
        return dict(self.headers).get("Content-Type", "").startswith("image/")


_OF_A_BODY = ("Content-Length", "Content-Type")

_CODERS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: gzip.compress(body, compresslevel=6, mtime=0),
    "": bytes,
}
"""These pages hold no secret and nothing of whoever asks, so their length tells nobody anything (CVE-2013-3587)."""


@lru_cache(maxsize=256)
def _coding(accepted: str) -> str:
    """The best of ours that a browser takes (RFC 9110, section 12.5.3); "" for none."""
    taken = parse_accept_header(accepted)
    return next((coding for coding in ("br", "gzip") if taken[coding] > 0), "")


def _has(if_none_match: str, etag: str) -> bool:
    known = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return bool(if_none_match) and any(tag in (etag.removeprefix("W/"), "*") for tag in known)


class PageCache:
    """Answers with a kept page while it is fresh, else asks the app, and keeps what `cached_page` made.

    Where the app fails, the page that was kept last stands in for it: whoever reads does not see that the database is
    away for a minute.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._shelves: tuple[Shelf[_Page], Shelf[_Page]] = Shelf(PAGES), Shelf(QUERIES)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._app(environ, start_response)
        query = environ.get("QUERY_STRING", "")
        shelf, key = self._shelves[bool(query)], (environ["PATH_INFO"], query)
        page = shelf.get(key)
        if page is None or page.fresh_until <= time.monotonic():
            return self._ask(shelf, key, environ, start_response)
        return page.answer(environ, start_response)

    def _ask(
        self, shelf: Shelf[_Page], key: Hashable, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        began: list[tuple[str, Headers, Any]] = []

        def begin(status: str, headers: Headers, error: Any = None) -> Callable[[bytes], object]:
            began.append((status, headers, error))
            return _written_nowhere

        answer = self._app(environ, begin)
        status, headers, error = began[-1]
        if KEEP in environ:
            page = _page(headers, _whole(answer), environ[KEEP])
            if environ["REQUEST_METHOD"] == "GET" and environ[KEEP]:
                shelf[key] = page
            return page.answer(environ, start_response)
        if status.startswith("5") and (standing_in := _stale(shelf.get(key))):
            _whole(answer)
            return standing_in.answer(environ, start_response)
        start_response(status, headers, error)
        return answer


def _whole(answer: Iterable[bytes]) -> bytes:
    """All of an answer, which is closed as WSGI asks (PEP 3333)."""
    try:
        return b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close:
            close()


def _page(headers: Headers, body: bytes, seconds: float) -> _Page:
    now = time.monotonic()
    return _Page(headers, body, dict(headers).get("ETag", ""), now, now + seconds)


def _stale(page: _Page | None) -> _Page | None:
    """The page that was kept last, unless it is too old; it stands in for some seconds."""
    now = time.monotonic()
    if page is None or now - page.made_at > STALE_SECONDS:
        return None
    page.fresh_until = now + HOLD_SECONDS
    return page


def _written_nowhere(_data: bytes) -> None:
    """WSGI's old way to write, which Flask does not use."""
