"""Whether the server is well, and its figures for Prometheus."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fanlight.controller.metrics import Described
from fanlight.errors import HostError, NotSignedIn
from fanlight.store import OWNER

from .identity import find_asker
from .parts import SharedParts
from .problems import responses
from .schemas import Health

router = APIRouter(tags=["health"])

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})


HTTP_METRICS = (
    Described(
        "fanlight_http_requests_total",
        "counter",
        ("method", "route", "status"),
        "Answered requests",
    ),
    Described(
        "fanlight_http_request_seconds",
        "histogram",
        ("route",),
        "From a request to the start of its answer",
    ),
)


class Figures:
    """What is counted of each request. One for each application."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        requests, seconds = HTTP_METRICS
        self._requests = Counter(requests.name, requests.text, requests.labels, registry=registry)
        self._seconds = Histogram(seconds.name, seconds.text, seconds.labels, registry=registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. Labels are few: routes as declared, methods as known."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


@dataclass(frozen=True, slots=True)
class Measured:
    """ASGI middleware that counts."""

    app: ASGIApp
    figures: Figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; count when the answer starts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                seconds = time.perf_counter() - begun
                self.figures.count(scope["method"], route, message["status"], seconds)
            await send(message)

        await self.app(scope, receive, counted)


@router.get("/healthz", responses=responses(HostError))
async def healthz(parts: SharedParts) -> Health:
    """Say that the server answers and its store can be read."""
    await parts.store.principal(OWNER)
    return Health(status="ok")


@router.get(
    "/metrics",
    response_class=Response,
    responses=responses(NotSignedIn)
    | {200: {"description": "The figures", "content": {"text/plain": {}}}},
)
async def metrics(request: Request, parts: SharedParts) -> Response:
    """Give the figures as Prometheus reads them; off this computer, only to who has a key."""
    is_public = parts.settings.public_url.startswith("https:")
    if is_public and await find_asker(request, parts) is None:
        raise NotSignedIn
    figures: Figures = request.app.state.figures
    return Response(generate_latest(figures.registry), media_type=CONTENT_TYPE_LATEST)
