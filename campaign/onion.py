"""The site's onion address: who comes by Tor is told of it, and stays there.

What goes out into the world (letters, feeds, cards, `rel=canonical`) names the public address.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from flask import Flask, Response, request

from campaign.config import Config

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def own_hosts(config: Config) -> list[str]:
    """The names under which the site is to be reached."""
    names = (urlsplit(url).hostname for url in (config.public_url, config.onion_url) if url)
    return [name for name in names if name]


def init_onion(app: Flask, config: Config) -> None:
    """Where there is an onion address, name it on the public pages, and keep those who use it there."""
    if not config.onion_url:
        return
    app.wsgi_app = OnionLocation(app.wsgi_app, config.onion_url)  # type: ignore[method-assign]
    onion, public = urlsplit(config.onion_url).netloc, urlsplit(config.public_url).netloc

    @app.after_request
    def stay(response: Response) -> Response:
        """A redirect that the framework makes by the public name (for a missing slash) goes on by path alone."""
        to = urlsplit(response.location or "")
        if request.environ.get("HTTP_HOST") == onion and to.netloc == public:
            response.location = to._replace(scheme="", netloc="").geturl()
        return response


class OnionLocation:
    """Says on each page where it is to be had by Tor (https://community.torproject.org/onion-services/advanced/).

    Tor Browser heeds that only over https, and not on an onion address. It stands before the kept pages, which are the
    same whatever the name is under which they are asked for.
    """

    def __init__(self, app: "WSGIApplication", onion_url: str) -> None:
        self._app = app
        self._onion_url = onion_url
        self._host = urlsplit(onion_url).netloc

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        is_told = environ["wsgi.url_scheme"] == "https" and environ.get("HTTP_HOST") != self._host
        if not is_told or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._app(environ, start_response)
        place = self._onion_url + _path(environ)

        def begin(status: str, headers: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], object]:
            is_page = any(name.lower() == "content-type" and kind.startswith("text/html") for name, kind in headers)
            return start_response(status, [*headers, ("Onion-Location", place)] if is_page else headers, error)

        return self._app(environ, begin)


def _path(environ: "WSGIEnvironment") -> str:
    """The path and the query of a request, percent-encoded."""
    path = quote(environ["PATH_INFO"], safe="/;=,:@!$&'()*+~", encoding="latin-1")
    query = quote(environ.get("QUERY_STRING", ""), safe="/;=,:@!$&'()*+~?%", encoding="latin-1")
    return f"{path}?{query}" if query else path
