"""A server whose machines are virtual, an identity provider, and a person's browser.

In a process of its own: what drives a browser keeps an event loop of its own running.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from playwright.sync_api import Page
from tests.browser import signing_in, tool_cache
from tests.browser.conftest import browser_context_args as browser_context_args
from tests.browser.conftest import browser_type_launch_args as browser_type_launch_args
from tests.browser.login_world import LoginWorld
from tests.browser.login_world import owner as owner
from tests.machines.images import TOOL, data_with
from tests.providers import start_idp

from fanlight.image import Image
from fanlight.testing.server import RunningServer

PATIENCE_S = 480.0
"""For a page: Node, Chromium and the tool run on emulated processors."""
SNAPSHOT_S = 600
PREPARED = re.compile("machines are prepared")


@pytest.fixture(autouse=True)
def no_blocking_calls() -> None:
    """Nothing is watched here: our loops run in other processes, the loop here is Playwright's."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person waits longer for an emulated desktop."""
    monkeypatch.setattr(signing_in, "PAGE_S", PATIENCE_S)


@pytest.fixture(scope="session")
def login_world(golden: Image) -> Iterator[LoginWorld]:
    """The world of the login tests, with virtual machines and one tool."""
    tool_cache.install((TOOL,))
    ca = trustme.CA()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fl-", dir="/tmp")))
        idp = stack.enter_context(start_idp(place, ca))
        ca_file = place / "ca.pem"
        ca_file.write_bytes(ca.cert_pem.bytes())
        server = RunningServer(
            {
                "provider": "qemu",
                "pause_after_s": 8,
                "warm_machines": 0,  # or their processes would be counted
                "boot_timeout_s": SNAPSHOT_S,  # the first session may wait for its snapshot
                "egress_pins": dict(idp.pins),
                "machine_ca_file": str(ca_file),
            }
        )
        tool_cache.link_into(server.data)
        data_with(golden, server.data)
        with server:
            yield LoginWorld(server, {TOOL: idp}, ca_file)


@pytest.fixture(scope="session")
def said() -> list[str]:
    """What the server said already."""
    return []


@pytest.fixture
def prepared(owner: Page, login_world: LoginWorld, said: list[str]) -> Page:
    """The owner's page, once the server has its snapshots: making one takes all processors."""
    while len(said) < len(("with a login", "without")):
        said.append(login_world.server.wait_for_line(PREPARED, SNAPSHOT_S))
    return owner
