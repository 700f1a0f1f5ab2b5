"""Errors as programs read them (RFC 9457), in the language of the request."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException, SecurityError

from campaign.errors import Refusal
from campaign.i18n import current_locale
from campaign.limits import retry_after
from campaign.web import error_page, explain, refusal_page

MIMETYPE = "application/problem+json"

_FOR_PROGRAMS = re.compile(r"/(api/.*|oembed|[^/]+\.json|[^/]+/count\.json)", re.DOTALL)

Faults = list[dict[str, str]]


class Fault(Schema):
    """One thing that is wrong with what was sent."""

    pointer = fields.String(metadata={"description": "Where it is in the body, as a JSON Pointer (RFC 6901)."})
    parameter = fields.String(metadata={"description": "The name of the parameter."})
    detail = fields.String(required=True, metadata={"description": "What is wrong, for people."})


class Problem(Schema):
    """What went wrong (RFC 9457), in the language that Accept-Language asks for."""

    title = fields.String(required=True, metadata={"description": "What kind of problem it is, for people."})
    status = fields.Integer(required=True, metadata={"description": "The status of the answer."})
    detail = fields.String(required=True, metadata={"description": "What happened, for people."})
    errors = fields.List(fields.Nested(Fault), metadata={"description": "What is wrong, one by one."})


class Invalid(Refusal):
    """What was sent cannot be taken; `faults` says why, field by field."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(_("Something is missing or not right yet"))
        self.faults = faults


def is_for_programs() -> bool:
    """Whether what was asked for is read by programs. By its path: behind an address that is not there, no view is."""
    return _FOR_PROGRAMS.fullmatch(request.path) is not None


def error(error: HTTPException) -> ResponseReturnValue:
    """An error: a problem for programs, a page for people."""
    status = error.code or 500
    if not is_for_programs() or error.response is not None or status < 400 or isinstance(error, SecurityError):
        return error_page(error)
    faults = list(_faults(getattr(error, "data", {}).get("messages", {}))) if status == 422 else []
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return problem(status, *_said(status), faults, headers | (retry_after() if status == 429 else {}))


def refusal(error: Refusal) -> ResponseReturnValue:
    """A rule said no: likewise."""
    if not is_for_programs():
        return refusal_page(error)
    faults = error.faults if isinstance(error, Invalid) else []
    return problem(error.status, _("That is not possible"), str(error.sentence), faults)


def problem(
    status: int, title: str, detail: str, faults: Faults | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer as RFC 9457 describes it."""
    body = {"title": title, "status": status, "detail": detail} | ({"errors": faults} if faults else {})
    response = Response(json.dumps(body, ensure_ascii=False), status, headers, content_type=MIMETYPE)
    response.headers["Content-Language"] = current_locale()
    response.vary.add("Accept-Language")
    return response


def _said(status: int) -> tuple[str, str]:
    known = {
        415: (_("That did not arrive whole"), _("Please send this as JSON.")),
        422: (_("That is not possible"), _("Something is missing or not right yet")),
        501: (_("That is not possible"), _("This comes as JSON only.")),
    }
    return known.get(status) or explain(status)


def _faults(messages: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Where what was sent has not the shape that is described. What the reader says of it is English, and left out."""
    for location, found in messages.items():
        for path in _leaves(found):
            place = {"pointer": f"#{path}"} if location == "json" else {"parameter": path.lstrip("/")}
            yield place | {"detail": _("This is not as the description says.")}


def _leaves(found: Any, path: str = "") -> Iterator[str]:
    if isinstance(found, Mapping):
        for name, inner in found.items():
            step = "" if name == "_schema" else f"/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield from _leaves(inner, path + step)
    else:
        yield path
