"""Errors become `application/problem+json` (RFC 9457), all of them: ours, the framework's, and
those that nobody expected, which say nothing of the inside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from fanlight import errors
from fanlight.errors import FanlightError

from .headers import EVERY_ANSWER

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = {429: 10, 503: 1}
FULL_RETRY_AFTER_S = 10
"""Viewers leave, and sessions end, more slowly than a gateway comes back."""
SHOWN_ERRORS = 10

_ROUTING = {
    400: errors.MalformedBody,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.TooLarge,
    415: errors.MediaTypeUnsupported,
}


class Problem(BaseModel):
    """The body of every error."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str


def problem(
    error: FanlightError,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    **members: object,
) -> Response:
    """Render an error; `members` are further fields of the body."""
    code = status or error.status
    body: dict[str, Any] = {
        "type": f"/docs/problems/{error.code}",
        "title": error.title,
        "status": code,
        "detail": str(error),
        "code": error.code,
        "hint": error.hint,
        **members,
    }
    all_headers = {"cache-control": "no-store", **(headers or {})}
    if code in RETRY_AFTER_S:
        is_full = isinstance(error, errors.TooManyViewers | errors.HostFull)
        after_s = FULL_RETRY_AFTER_S if is_full else RETRY_AFTER_S[code]
        all_headers.setdefault("retry-after", str(after_s))
    if code == errors.NotSignedIn.status:
        all_headers.setdefault("www-authenticate", 'Bearer realm="fanlight"')
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
    return Response(text, status_code=code, headers=all_headers, media_type=MEDIA_TYPE)


def responses(*kinds: type[FanlightError]) -> dict[int | str, dict[str, Any]]:
    """Describe these errors for the OpenAPI document, one entry for each status."""
    common: tuple[type[FanlightError], ...] = (
        errors.HostRefused,
        errors.TooLarge,
        errors.InvalidRequest,
        errors.MalformedBody,
        errors.OriginRefused,
        errors.LimitReached,
        errors.HostError,
    )
    titles: dict[int, list[str]] = {}
    for kind in (*kinds, *common):
        titles.setdefault(kind.status, []).append(f"`{kind.code}`: {kind.title}")
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": ". ".join(dict.fromkeys(lines)), "content": content}
        for status, lines in titles.items()
    }


def install(app: FastAPI) -> None:
    """Make `app` answer every error with a problem."""

    async def ours(_request: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, FanlightError)
        if error.status >= 500:
            log.warning("request failed", code=error.code, detail=str(error))
        return problem(error)

    async def routing(_request: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = _ROUTING.get(error.status_code, errors.RequestRefused)
        return problem(kind(), status=error.status_code, headers=error.headers)

    async def invalid(_request: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _invalid(error.errors())

    async def unexpected(request: Request, _error: Exception) -> Response:
        log.error("request failed unexpectedly", method=request.method, path=request.url.path)
        return problem(FanlightError("the reason is in the server's log"), headers=EVERY_ANSWER)

    app.add_exception_handler(FanlightError, ours)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unexpected)


def _invalid(found: Sequence[Any]) -> Response:
    if any(item["type"] == "json_invalid" for item in found):
        return problem(errors.MalformedBody("the body is not JSON"))
    # What was sent is not sent back: it may be a secret in the wrong field.
    fields = [
        {"field": _field(item["loc"]), "message": str(item["msg"])[:200]}
        for item in found[:SHOWN_ERRORS]
    ]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in fields)
    return problem(errors.InvalidRequest(detail), errors=fields)


def _field(location: Sequence[object]) -> str:
    return ".".join(str(part)[:64] for part in location)
