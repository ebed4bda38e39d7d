"""The application under test, and who uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.unit.api.desk import Desk, make_desk


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with make_desk(tmp_path) as made:
        yield made


@pytest.fixture
async def owner(desk: Desk) -> httpx.AsyncClient:
    return await desk.browser()


@pytest.fixture
async def session(owner: httpx.AsyncClient) -> str:
    """A session of the owner's, started by the browser."""
    answer = await owner.post("/api/auth/start", json={})
    assert answer.status_code == 202
    started: str = answer.json()["sessionId"]
    return started
