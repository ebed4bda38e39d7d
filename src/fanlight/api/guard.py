"""The first thing every request meets: Host, Origin, size, type; and the headers every answer has.

Host is compared with a list, whatever the route (a name that an attacker points at 127.0.0.1 is
not on it). Origin is compared with a list too, never with Host, which the attacker chooses.
The body is read here, up to its limit, so that no route ever holds more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fanlight import errors

from .headers import EVERY_ANSWER
from .problems import problem
from .settings import ApiSettings

UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
ALLOWED_METHODS = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = "Authorization, Content-Type, If-Match, Last-Event-ID"
EXPOSED_HEADERS = "Location, ETag, Link, Retry-After, Accept-Post"
PREFLIGHT_AGE_S = 600


@dataclass(frozen=True, slots=True)
class Guard:
    """ASGI middleware around everything else."""

    app: ASGIApp
    settings: ApiSettings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with the body read and the answer's headers added."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        answer = self._refusal(scope, headers, origin)
        send = self._with_headers(send, origin)
        if answer is None and scope["type"] == "http":
            try:
                receive = await self._body_read(scope, headers, receive)
            except errors.RequestRefused as error:
                answer = problem(error)
        if answer is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await answer(scope, receive, send)
        else:
            await refuse_websocket(answer, scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, origin: str | None) -> Response | None:
        host = headers.getlist("host")
        if len(host) != 1 or host[0].lower() not in self.settings.hosts:
            return problem(errors.HostRefused())
        if scope["type"] == "websocket":
            if origin not in self.settings.origins:
                return problem(errors.OriginRefused())
            return None
        method = scope["method"]
        if method == "OPTIONS" and origin and "access-control-request-method" in headers:
            return self._preflight(origin)
        known = origin in self.settings.origins or origin in self.settings.cors_origins
        if method in UNSAFE_METHODS and origin is not None and not known:
            return problem(errors.OriginRefused())
        return None

    def _preflight(self, origin: str) -> Response:
        if origin not in self.settings.cors_origins:
            return problem(errors.OriginRefused())
        allowed = {
            "access-control-allow-methods": ALLOWED_METHODS,
            "access-control-allow-headers": ALLOWED_HEADERS,
            "access-control-max-age": str(PREFLIGHT_AGE_S),
            "accept-post": "application/sdp",
        }
        return Response(status_code=200, headers=allowed)

    async def _body_read(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        path: str = scope["path"]
        checked = path.startswith("/api/webrtc/preflight")
        signalling = checked or path.startswith("/api/webrtc/session/")
        limit = self.settings.max_offer_bytes if signalling else self.settings.max_body_bytes
        length = headers.get("content-length", "")
        if length.isdigit() and len(length) > 12:
            raise errors.TooLarge
        if length.isdigit() and int(length) > limit:
            raise errors.TooLarge(f"the body has {length} bytes, the limit is {limit}")
        if scope["method"] not in UNSAFE_METHODS:
            return receive
        messages = await _messages(receive, limit)
        sized = any(message.get("body") for message in messages)
        described = checked or (signalling and "/whep" in path)
        if sized and not described and path.startswith("/api/") and not _is_json(headers):
            raise errors.MediaTypeUnsupported
        return _replay(messages, receive)

    def _with_headers(self, send: Send, origin: str | None) -> Send:
        shared = origin in self.settings.cors_origins

        async def with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in EVERY_ANSWER.items():
                    headers.setdefault(name, value)
                headers.add_vary_header("Origin")
                if shared and origin:
                    headers["access-control-allow-origin"] = origin
                    headers["access-control-expose-headers"] = EXPOSED_HEADERS
                    headers["cross-origin-resource-policy"] = "cross-origin"
            await send(message)

        return with_headers


async def refuse_websocket(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a WebSocket's handshake with an HTTP error, where the server can; else with 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        await answer(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})


def _is_json(headers: Headers) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json"


async def _messages(receive: Receive, limit: int) -> list[Message]:
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > limit:
            raise errors.TooLarge(f"the body has more than {limit} bytes")
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


def _replay(messages: Iterable[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def replayed() -> Message:
        for message in waiting:
            return message
        return await receive()

    return replayed
