"""How `fanlight serve` ends, and what it says when it cannot begin."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from fanlight.testing.server import RunningServer

from . import host_processes, looking
from .conftest import sign_in

FANLIGHT = str(Path(sys.executable).parent / "fanlight")


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running


@pytest.fixture
def desktop(browser: Browser, server: RunningServer) -> Iterator[Page]:
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    sign_in(page, server.link)
    looking.open_viewer(page, looking.start(page)["sessionId"])
    looking.wait_for_picture(page)
    yield page
    context.close()


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Try to serve where that cannot be."""
    return subprocess.run(
        [FANLIGHT, "serve", "--no-browser", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_control_c_leaves_nothing(server: RunningServer, desktop: Page) -> None:
    family = host_processes.family(server)
    assert len(family) > 5
    assert server.interrupt() in {0, 130}
    host_processes.wait_until(lambda: not any(map(host_processes.is_alive, family)), 5)
    assert "no machine of yours is left running" in "".join(server.output)
    run = server.data / "run"
    left = [path for path in run.rglob("*") if path.is_socket()]
    assert left == []
    assert list((run / "m").iterdir()) == []
    assert str(server.data) not in Path("/proc/mounts").read_text()
    looking.wait_for_state(desktop, "ended")
    assert "ended" in looking.cover(desktop)


def test_a_second_server_of_the_same_data_is_refused(server: RunningServer) -> None:
    second = serve("--port", "0", "--data", str(server.data))
    assert second.returncode not in {0, 130}
    assert str(server.data) in second.stderr
    assert "Traceback" not in second.stderr
    print(second.stderr)  # noqa: T201 - shown with -rP


def test_a_port_in_use_is_named(server: RunningServer, tmp_path: Path) -> None:
    port = server.url.rsplit(":", 1)[1]
    second = serve("--port", port, "--data", str(tmp_path / "other"))
    assert second.returncode not in {0, 130}
    assert port in second.stderr
    assert "--port" in second.stderr
    assert "Traceback" not in second.stderr
    print(second.stderr)  # noqa: T201 - shown with -rP
