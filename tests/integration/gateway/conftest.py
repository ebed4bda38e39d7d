"""A gateway and machines for the tests of this directory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from .harness import GatewayProcess, running_gateway


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short path that others may pass through."""
    path = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def gateway(directory: Path) -> AsyncIterator[GatewayProcess]:
    async with running_gateway(directory) as running:
        yield running
