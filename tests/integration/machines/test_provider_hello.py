"""A provider outside the package, installed by its entry point, keeps the contract.

Each class runs in the interpreter that has it installed: `uv pip install --target` of the example
into a directory of the test's, which is put on the path, as an installed distribution is.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.machines.running import RunningHost, restarted, running_host

from fanlight.controller.opening import provider_named
from fanlight.errors import SettingRejected
from fanlight.host import KeeperClient
from fanlight.machines import Provider
from fanlight.testing.conformance import Conformance, Restart
from fanlight.testing.guest_conformance import GuestConformance

EXAMPLE = Path(__file__).parents[3] / "examples" / "provider-hello"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the example, without network, and put it where this interpreter finds it."""
    target = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source") / "provider-hello"
    shutil.copytree(EXAMPLE, source)
    command = ["uv", "pip", "install", "--offline", "--no-deps", "--quiet"]
    subprocess.run([*command, "--target", str(target), str(source)], check=True, timeout=60)
    sys.path.insert(0, str(target))
    importlib.invalidate_caches()
    yield target
    sys.path.remove(str(target))
    sys.modules.pop("fanlight_provider_hello", None)
    importlib.invalidate_caches()


@pytest.fixture
async def host() -> AsyncIterator[RunningHost]:
    async with running_host() as running:
        yield running


@pytest.fixture
def make(installed: Path, host: RunningHost) -> Callable[[KeeperClient], Provider]:
    hello = provider_named("hello")
    return lambda client: hello(client, host.data)


class TestHello(Conformance):
    @pytest.fixture
    def provider(self, host: RunningHost, make: Callable[[KeeperClient], Provider]) -> Provider:
        return make(host.client)

    @pytest.fixture
    def restart(self, host: RunningHost, make: Callable[[KeeperClient], Provider]) -> Restart:
        return restarted(host, make)


class TestHelloGuest(GuestConformance):
    @pytest.fixture
    def provider(self, host: RunningHost, make: Callable[[KeeperClient], Provider]) -> Provider:
        return make(host.client)


def test_whoever_names_another_hears_which_there_are(installed: Path) -> None:
    with pytest.raises(SettingRejected) as refused:
        provider_named("goodbye")

    assert {"hello", "sandbox"} <= set(re.findall(r"\w+", refused.value.hint))


async def test_the_server_takes_it_by_its_name(installed: Path, tmp_path: Path) -> None:
    # A server's own process: what counts is what its interpreter finds on its path.
    program = "from fanlight.controller.opening import provider_named as n; print(n('hello'))"
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert "fanlight_provider_hello.HelloProvider" in done.stdout
