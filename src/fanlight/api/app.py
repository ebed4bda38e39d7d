"""Puts the HTTP edge together: `create_app`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry

from fanlight import __version__
from fanlight.errors import HostError
from fanlight.store import Store
from fanlight.tools import ListedTool

from . import (
    devices,
    events,
    health,
    keys,
    pages,
    preflight,
    problems,
    sessions,
    signalling,
    signin,
    stream,
    tickets,
    vnc,
    whep,
)
from .controls import Controls
from .guard import Guard
from .health import Figures, Measured
from .parts import Limits, Parts
from .passes import Passes
from .rates import Rate
from .resources import Resources
from .settings import ApiSettings

log = structlog.get_logger()

PRUNE_EVERY_S = 60.0
ROOMS = (
    signin,
    keys,
    sessions,
    events,
    signalling,
    whep,
    preflight,
    tickets,
    stream,
    vnc,
    devices,
    health,
)


def create_app(
    controller: Controls,
    store: Store,
    settings: ApiSettings,
    *,
    tools: Callable[[], Sequence[ListedTool]],
    clock: Callable[[], float] = time.time,
    registry: CollectorRegistry | None = None,
) -> FastAPI:
    """Give the ASGI application.

    Args:
        tools: lists the catalogue (`Catalogue.list`).
        clock: seconds since the epoch.
        registry: where the application's figures go, next to those of others.
    """
    app = FastAPI(
        title="Fanlight",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    rates = settings.rates
    app.state.parts = Parts(
        controller=controller,
        store=store,
        settings=settings,
        tools=tools,
        clock=clock,
        limits=Limits(
            sign_in=Rate("sign-ins", rates.sign_in),
            device=Rate("device requests", rates.device),
            ticket=Rate("tickets", rates.ticket),
            offer=Rate("offers", rates.offer),
            preflight=Rate("checked connections", rates.preflight),
        ),
        resources=Resources(),
        passes=Passes(),
    )
    app.state.figures = Figures(registry or CollectorRegistry())
    problems.install(app)
    for room in ROOMS:
        app.include_router(room.router)
    app.router.routes.extend(pages.page_routes(settings))
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Measured, figures=app.state.figures)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        pruning = tasks.create_task(_prune(app.state.parts))
        yield
        pruning.cancel()


async def _prune(parts: Parts) -> None:
    while True:
        try:
            await parts.store.prune(parts.clock())
        except HostError as error:
            log.warning("the store was not pruned", code=error.code)
        await asyncio.sleep(PRUNE_EVERY_S)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document, with the problem's schema that every route refers to."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description="Everything the page and `fanlight connect` use.",
            routes=app.routes,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = problems.Problem.model_json_schema()
        app.openapi_schema = document
    return app.openapi_schema
