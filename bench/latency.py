"""Glass to glass and key to photon, next to noVNC on the same display in the same run.

A painter draws the time in a window of the machine's own display; a meter reads it back from what
the page shows, every animation frame. Latency is the page's clock less the painted one: both are
this host's. It stops at the page's readback: no physical screen is in it.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import visitor
from .report import describe_host, figure

METER = (Path(__file__).parent / "meter.js").read_text().split("\n", 1)[1]
SECONDS = 12.0
KEYS = 24
SAYS = "document.querySelector('fanlight-viewer').quality?.latencyMs ?? null"
RESET = "() => { Object.assign(fanlightMeter, {glass: [], keys: [], waiting: []}); }"


def main() -> None:
    """Measure Fanlight and noVNC, still and busy, and print the figures."""
    describe_host(bench="latency", seconds=SECONDS, keys=KEYS)
    with RunningServer() as server, visitor.signed_in(server.link) as page:
        session = visitor.start_desktop(page)
        page.goto(f"{server.url}/dashboard/session?session={session}")
        page.wait_for_selector("fanlight-viewer[data-state=live]", timeout=60_000)
        socket = machine_display()
        for scene in ("still", "busy"):
            _measure(page, "fanlight", scene, socket)
        page.get_by_role("button", name="Use noVNC").click()
        page.wait_for_selector("fanlight-viewer[data-state=vnc]", timeout=30_000)
        for scene in ("still", "busy"):
            _measure(page, "novnc", scene, socket)


def machine_display() -> Path:
    """Give the X socket of the newest machine, as the host sees it."""
    servers = [p for p in Path("/proc").glob("[0-9]*") if _is_xvnc(p)]
    if not servers:
        raise SystemExit(
            "no machine's display found; run the bench as root or as the machines' uid"
        )
    newest = max(servers, key=lambda process: int(process.name))
    return next((newest / "root/tmp/.X11-unix").iterdir())


def _is_xvnc(process: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes()
        return b"Xvnc" in command.split(b"\0")[0] and (process / "root/run/fanlight").exists()
    except OSError:
        return False


@contextlib.contextmanager
def painting(socket: Path, *, is_busy: bool) -> Iterator[None]:
    """Paint on a machine's display meanwhile, busily or not."""
    command = [sys.executable, str(Path(__file__).parent / "painter.py"), str(socket)]
    command += ["--busy"] if is_busy else []
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _measure(page: Page, peer: str, scene: str, socket: Path) -> None:
    with painting(socket, is_busy=scene == "busy"):
        page.evaluate(METER)
        page.wait_for_function("fanlightMeter.clock >= 0 && fanlightMeter.count >= 0")
        page.locator("fanlight-viewer").click(position={"x": 400, "y": 400})
        started = time.monotonic()
        page.evaluate(RESET)
        said = []
        for _ in range(KEYS):
            page.keyboard.press("a")
            page.wait_for_timeout(1000 * SECONDS / KEYS)
            said.append(page.evaluate(SAYS))
        seconds = time.monotonic() - started
        result = page.evaluate("() => { fanlightMeter.on = false; return fanlightMeter; }")
    prefix = f"latency.{peer}" if scene == "still" else f"latency.{peer}.busy"
    figure(f"{prefix}.glass_to_glass", result["glass"])
    figure(f"{prefix}.key_to_photon", result["keys"])
    # What the viewer itself makes of clocks: without the wait for the next capture, which the
    # painter's clock has in it. noVNC has none.
    if known := [each for each in said if each is not None]:
        figure(f"{prefix}.viewer_says", known)
    figure(f"{prefix}.page_frames_per_s", [result["frames"] / seconds], unit="1/s")
