"""The double of Firecracker next to Firecracker, where that can be run (`./dev kvm`).

Before a guest is started: what the double takes the program takes, what it refuses that refuses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from tests.machines.firecracker_program import firecracker, lacks
from tests.property.test_firecracker_in_any_order import AFTER, ALL, WRECKS, said, wrecked

from fanlight.testing.firecracker import FirecrackerDouble
from fanlight.vmm.firecracker_api import FirecrackerApi, Request

Start = Callable[[Path], AbstractAsyncContextManager[FirecrackerApi]]
TAKEN = (
    *("log", "metrics", "kernel", "size", "disk", "vsock", "entropy", "balloon"),
    *("describe", "version", "config", "machine"),
)
"""What needs neither a tap nor a guest."""


@contextlib.asynccontextmanager
async def double(root: Path) -> AsyncIterator[FirecrackerApi]:
    async with FirecrackerDouble(root / "api.sock", root):
        api = await FirecrackerApi.open(root / "api.sock")
        yield api
        await api.close()


@pytest.fixture(params=["double", pytest.param("program", marks=pytest.mark.kvm)])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    for name, size in (("kernel", 0), ("disk", 4096)):
        (tmp_path / name).write_bytes(bytes(size))
    if request.param == "double":
        return double
    if wanting := lacks():
        pytest.skip("; ".join(wanting))
    return firecracker


def status_of(start: Start, root: Path, *requests: Request) -> int:
    """Give the status of the last."""

    async def work() -> int:
        status = 0
        async with start(root) as api:
            for each in requests:
                status, _ = await said(api, each)
        return status

    return asyncio.run(work())


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_well_said_before_the_start_is_taken(
    start: Start, tmp_path: Path, name: str
) -> None:
    status = status_of(start, tmp_path, Request(*ALL[name]))

    assert status == (200 if ALL[name][0] == "GET" else 204)


@pytest.mark.parametrize("name", sorted(AFTER))
def test_what_needs_a_guest_is_refused_before_the_start(
    start: Start, tmp_path: Path, name: str
) -> None:
    assert status_of(start, tmp_path, Request(*ALL[name])) == 400


BAD = {f"{name}: {how}": wrong for name in ALL for how in WRECKS if (wrong := wrecked(name, how))}


@pytest.mark.parametrize("wrong", BAD.values(), ids=BAD)
def test_what_is_badly_said_is_refused(start: Start, tmp_path: Path, wrong: Request) -> None:
    assert status_of(start, tmp_path, wrong) == 400


@pytest.mark.parametrize("name", sorted(set(TAKEN) & {"kernel", "size", "disk", "vsock"}))
def test_no_snapshot_is_loaded_after_a_part_was_configured(
    start: Start, tmp_path: Path, name: str
) -> None:
    assert status_of(start, tmp_path, Request(*ALL[name]), Request(*ALL["load"])) == 400
