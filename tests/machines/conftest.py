"""Virtual machines for real. Nothing here is played but, where said, the agent in the machine.

Emulated processors are slow, and the first test of a kind waits until its snapshot is made; so
limits are minutes, and no test says how fast anything is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.machines import images
from tests.machines.world import VmHost, vm_host

from fanlight.image import Image

TIMEOUT_S = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        is_ours = Path(__file__).parent in item.path.parents
        if is_ours and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def golden() -> Image:
    """The image that `fanlight image build` makes of these sources."""
    return images.golden()


@pytest.fixture(scope="session")
def stand_in(golden: Image) -> Image:
    """The same with an agent that does what a test tells it."""
    return images.with_stand_in(golden)


@pytest.fixture
async def host(stand_in: Image) -> AsyncIterator[VmHost]:
    async with vm_host(stand_in) as running:
        yield running
