"""A viewer and a Fanlight with an emulated network between them, and a desktop that is watched."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page, Playwright
from tests.networks import CLEAN, Conditions, Network
from tests.networks.browser import chromium
from tests.networks.server import served

from fanlight.testing.server import RunningServer

from . import looking
from .conftest import sign_in
from .report_page import ReportPage

FIRST_PICTURE_MS = 30_000
"""Generous: what it really took is recorded, not asserted."""

# Counts what is new in the picture, whichever element shows it: each frame a sum of its pixels.
WATCH_FRAMES = """() => {
  const canvas = new OffscreenCanvas(160, 90);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.changes = [];
  let before = "";
  const look = () => {
    requestAnimationFrame(look);
    const root = document.querySelector("fanlight-viewer")?.shadowRoot;
    const shown = [...(root?.querySelectorAll("canvas, video") ?? [])].filter((each) =>
      each.getClientRects().length > 0 && getComputedStyle(each).visibility !== "hidden" &&
      (each.videoWidth ?? each.width) > 300);
    const picture = shown.find((each) => each instanceof HTMLCanvasElement) ?? shown.at(-1);
    if (!picture) return;
    context.drawImage(picture, 0, 0, 160, 90);
    const now = context.getImageData(0, 0, 160, 90).data.join();
    if (now !== before) window.changes.push(Date.now());
    before = now;
  };
  look();
}"""


@dataclass
class World:
    """Who takes part. The page of a test is opened while the network is clean."""

    network: Network
    server: RunningServer
    context: BrowserContext
    session: str
    report: ReportPage

    @contextlib.contextmanager
    def page_before(self, conditions: Conditions) -> Iterator[Page]:
        """Give a page with a viewer that was put in when the network had become like this."""
        self.network.set(CLEAN)
        page = self.context.new_page()
        page.goto("/dashboard")
        page.evaluate("() => customElements.whenDefined('fanlight-viewer').then(() => null)")
        self.network.set(conditions)
        try:
            self.put_viewer_in(page)
            yield page
        finally:
            self.network.set(CLEAN)
            page.close()

    def put_viewer_in(self, page: Page) -> None:
        """Press Connect, so to speak; `began` in the page is when."""
        page.evaluate(
            """(session) => {
              const viewer = document.createElement("fanlight-viewer");
              viewer.setAttribute("session", session);
              Object.assign(viewer.style, { position: "fixed", inset: 0, zIndex: 9999 });
              window.began = performance.now();
              document.body.append(viewer);
            }""",
            self.session,
        )

    def type_and_see(self, page: Page) -> None:
        """Click into the report page's field, type, and see what comes of it in the picture."""
        looking.enter(page, self.report)
        page.keyboard.press("Control+a")
        page.keyboard.type("a")
        self.report.expect("text", lambda event: event["text"] == "a")
        looking.wait_for_colour(page, "lime")
        page.keyboard.type("b")
        self.report.expect("text", lambda event: event["text"] == "ab")
        looking.wait_for_colour(page, "blue")


@contextlib.contextmanager
def watched(
    playwright: Playwright, network: Network, settings: Mapping[str, object] | None = None
) -> Iterator[World]:
    """Give a world whose machine shows the report page, which moves and tells what it is sent."""
    # Made in the host's namespace, as the machine's way out ends there.
    with (
        network.host.call(ReportPage) as report,
        served(network, {"egress_pins": report.pins, **(settings or {})}) as server,
        chromium(playwright, network.viewer) as browser,
    ):
        context = browser.new_context(
            base_url=server.url,
            ignore_https_errors=True,
            viewport={"width": 1366, "height": 860},
            locale="en-US",
        )
        page = context.new_page()
        sign_in(page, server.link)
        session = looking.start(page)["sessionId"]
        looking.wait_for_status(page, session, "vm_created")
        looking.open_viewer(page, session)
        looking.wait_for_picture(page)
        looking.visit(page, report)
        page.close()
        yield World(network, server, context, session, report)


def wait_for_rung(page: Page, *rungs: str, timeout_ms: float = FIRST_PICTURE_MS) -> str:
    """Wait until the viewer is live on one of the rungs; give which.

    Raises:
        AssertionError: it did not come there; what the viewer said last is in the message.
    """
    wanted = [f"fanlight-viewer[data-state=live][data-rung={rung}]" for rung in rungs]
    _wait_for(page, ", ".join(wanted), timeout_ms)
    return said(page)["rung"]


def wait_for_failure(page: Page, timeout_ms: float) -> str:
    """Wait until the viewer says that it cannot be done; give the cause's code."""
    _wait_for(page, "fanlight-viewer[data-state=failed]", timeout_ms)
    return said(page)["cause"]


def said(page: Page) -> dict[str, str]:
    """Give what the viewer says of itself: `state`, `rung` and `cause`."""
    told: dict[str, str] = page.evaluate(
        "() => ({...document.querySelector('fanlight-viewer').dataset})"
    )
    return {"state": "", "rung": "", "cause": ""} | told


def since_connect_ms(page: Page) -> int:
    """Give the milliseconds since Connect."""
    return int(page.evaluate("() => performance.now() - window.began"))


def next_frame_ms(page: Page, since: float, timeout_ms: float = FIRST_PICTURE_MS) -> int:
    """Give after how many milliseconds the picture changed; `since` is a `time.time()`."""
    page.wait_for_function(
        "(since) => window.changes.some((at) => at > since)", arg=since * 1000, timeout=timeout_ms
    )
    at = page.evaluate("(since) => window.changes.find((at) => at > since)", since * 1000)
    return round(float(at) - since * 1000)


def now() -> float:
    """The clock that a page on this computer has, too."""
    return time.time()


def _wait_for(page: Page, selector: str, timeout_ms: float) -> None:
    # A poll of our own: on a dead network Playwright's own message would say only "Timeout".
    deadline = time.monotonic() + timeout_ms / 1000
    while page.locator(selector).count() == 0:
        assert time.monotonic() < deadline, f"no {selector}; the viewer says {said(page)}"
        page.wait_for_timeout(50)
