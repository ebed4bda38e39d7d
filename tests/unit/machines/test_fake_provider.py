"""The fake provider passes the suite that real ones pass."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanlight.errors import MachineRefused
from fanlight.testing.conformance import Conformance, fresh_spec
from fanlight.testing.machines import REFUSED, FakeProvider


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


class TestFakeProvider(Conformance):
    @pytest.fixture
    def provider(self, directory: Path) -> FakeProvider:
        return FakeProvider(directory)


async def test_a_machine_that_is_told_to_refuse_refuses(directory: Path) -> None:
    provider = FakeProvider(directory, lambda spec: REFUSED)

    with pytest.raises(MachineRefused, match="full"):
        await provider.start(fresh_spec())

    assert await provider.list() == ()
