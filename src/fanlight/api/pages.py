"""The page: one HTML shell for every address of ours, the built assets, and a page per problem.

Everything is read once, into memory: no path of a request ever names a file.
"""

from __future__ import annotations

import hashlib
import html
import inspect
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fanlight import errors
from fanlight.session.causes import WHOSE, Cause
from fanlight.session.host_causes import ALL
from fanlight.session.meanings import MEANINGS

from .headers import page_policy
from .settings import ApiSettings

SHELL_ADDRESSES = ("/", "/dashboard", "/dashboard/{rest:path}", "/signin", "/device")
IMMUTABLE = "public, max-age=31536000, immutable"
ASSET_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}

_HASHED = re.compile(r"-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
_PROBLEM_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title} - Fanlight</title>
<h1>{title}</h1>
<p>{meaning}</p>
<h2>What to do</h2>
<p>{hint}</p>
{more}<p>Code <code>{code}</code>{status}. <a href="/">Fanlight</a></p>
</html>
"""
_MORE = """<p>As the operator: {operator}</p>
<h2>How it is found out</h2>
<p>{found}</p>
<p>It lies with {whose}.</p>
"""


@dataclass(frozen=True, slots=True)
class Asset:
    """One built file."""

    content: bytes
    media_type: str
    cache: str
    etag: str


def page_routes(settings: ApiSettings) -> list[Route]:
    """Give the routes of the page, its assets and the problems."""
    assets = dict(_assets(settings.web))
    shell = assets.pop("/index.html", None)

    async def page(request: Request) -> Response:
        if shell is None:
            raise errors.PackageMissing(
                "the page is not built", hint="Run `./dev up`, or use a released wheel."
            )
        policy = page_policy(request.headers["host"], settings.frame_ancestors)
        return _sent(request, shell, {"content-security-policy": policy})

    async def asset(request: Request) -> Response:
        return _sent(request, assets[request.url.path], {})

    routes = [Route(address, page) for address in SHELL_ADDRESSES]
    routes += [Route(address, asset) for address in assets]
    return [*routes, Route("/docs/problems/{code}", _problem)]


def _sent(request: Request, asset: Asset, headers: dict[str, str]) -> Response:
    headers = {**headers, "cache-control": asset.cache, "etag": asset.etag}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


def _assets(directory: Path) -> Iterator[tuple[str, Asset]]:
    for path in sorted(directory.rglob("*")) if directory.is_dir() else ():
        if not path.is_file() or path.suffix == ".map":
            continue
        content = path.read_bytes()
        kind = ASSET_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        cache = IMMUTABLE if _HASHED.search(path.name) else "no-cache"
        etag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
        asset = Asset(content, kind or "application/octet-stream", cache, etag)
        yield f"/{path.relative_to(directory).as_posix()}", asset


async def _problem(request: Request) -> Response:
    words = _words(request.path_params["code"])
    if words is None:
        raise errors.NotFound("there is no problem of that name")
    cause = ALL.get(words["code"])
    page = _PROBLEM_PAGE.format_map({**_escaped(words), "more": _more(cause) if cause else ""})
    return Response(page, media_type="text/html")


def _more(cause: Cause) -> str:
    """Give what a page says of a cause beyond what it says of every problem."""
    words = {"operator": cause.operator, "found": cause.found, "whose": WHOSE[cause.whose]}
    return _MORE.format_map(_escaped(words))


def _escaped(words: dict[str, str]) -> dict[str, str]:
    return {name: html.escape(word) for name, word in words.items()}


def _words(code: str) -> dict[str, str] | None:
    """Give what a page says of a cause, an error, or a reason why something ended."""
    if cause := ALL.get(code):
        words = {"title": cause.title, "meaning": cause.text, "hint": cause.hint}
        return {**words, "code": code, "status": ""}
    if known := MEANINGS.get(code):
        words = {"title": known.title, "meaning": known.text, "hint": known.hint}
        return {**words, "code": code, "status": ""}
    kind = _problems().get(code)
    if kind is None:
        return None
    meaning = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
    words = {"title": kind.title, "meaning": meaning, "hint": kind.hint}
    return {**words, "code": code, "status": f", HTTP status {kind.status}"}


def _problems() -> dict[str, type[errors.FanlightError]]:
    found, waiting = {}, [errors.FanlightError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting += kind.__subclasses__()
    return found
