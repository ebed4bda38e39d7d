"""The fake provider passes the suite that real ones pass."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fanlight.errors import MachineRefused
from fanlight.machines import Provider, Suspends
from fanlight.testing.conformance import Restart, fresh_spec
from fanlight.testing.guest_conformance import LinkConformance
from fanlight.testing.machines import REFUSED, FakeProvider, RestingProvider
from fanlight.testing.pooled import PooledConformance
from fanlight.testing.suspending import SuspendsConformance


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


class TestFakeProvider(PooledConformance, LinkConformance):
    @pytest.fixture
    def provider(self, directory: Path) -> FakeProvider:
        return FakeProvider(directory)

    @pytest.fixture
    def restart(self, provider: FakeProvider) -> Restart:
        @contextlib.asynccontextmanager
        async def again() -> AsyncIterator[Provider]:
            yield provider  # its machines live in this very process, and go on

        return again


class TestRestingProvider(SuspendsConformance):
    @pytest.fixture
    def suspends(self, directory: Path) -> Suspends:
        return RestingProvider(directory)


async def test_a_machine_that_is_told_to_refuse_refuses(directory: Path) -> None:
    provider = FakeProvider(directory, lambda spec: REFUSED)

    with pytest.raises(MachineRefused, match="full"):
        await provider.start(fresh_spec())

    assert await provider.list() == ()
