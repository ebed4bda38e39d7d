"""The two that are compared, each put into the same page and taken out again."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Page, Route

ROOT = Path(__file__).parents[2]
NOVNC = ROOT / "web" / "node_modules" / "@novnc" / "novnc"
NOVNC_ADDRESS = "/novnc-itself/"
"""Where the page loads noVNC from: served by the bench, not over the measured network."""

WHOLE_WINDOW = "position: fixed; inset: 0; z-index: 9999; background: #000"

CONNECT_FANLIGHT = """([session, style]) => {
  const viewer = document.createElement("fanlight-viewer");
  viewer.setAttribute("session", session);
  viewer.setAttribute("base", "/");
  viewer.setAttribute("style", style);
  fanlightMeter.began = performance.timeOrigin + performance.now();
  document.body.append(viewer);
}"""

LOAD_NOVNC = """async (address) => {
  window.RFB = (await import(`${address}core/rfb.js`)).default;
}"""

# As noVNC's own page does: the default quality and compression, scaled to the window.
CONNECT_NOVNC = """([session, style]) => {
  const place = document.createElement("div");
  place.setAttribute("style", style);
  document.body.append(place);
  fanlightMeter.began = performance.timeOrigin + performance.now();
  const note = (state) => fanlightMeter.states.push(
    [performance.timeOrigin + performance.now(), {state, rung: "vnc", cause: "", reason: ""}]);
  const connect = async () => {
    const answer = await fetch("/api/tickets", {method: "POST",
      headers: {"Content-Type": "application/json"}, body: JSON.stringify({session, use: "vnc"})});
    const {ticket} = await answer.json();
    const address = `wss://${location.host}/api/auth/session/${session}/vnc?ticket=${ticket}`;
    const rfb = new RFB(place, address, {wsProtocols: ["binary"]});
    rfb.scaleViewport = true;
    rfb.addEventListener("connect", () => note("vnc"));
    rfb.addEventListener("disconnect", () => note("lost"));
  };
  connect().catch(() => note("lost"));
}"""


class Peer(Protocol):
    """One way of seeing the desktop."""

    name: str

    def load(self, page: Page) -> None:
        """Get its code into the page, while the network is still good."""

    def connect(self, page: Page, session: str) -> None:
        """Press Connect, so to speak. The meter's `began` is this moment."""


class Fanlight:
    """Our own viewer, as the dashboard puts it into its page."""

    name = "fanlight"

    def load(self, page: Page) -> None:
        """The dashboard's page has the viewer's code."""
        page.wait_for_function("() => customElements.get('fanlight-viewer')")

    def connect(self, page: Page, session: str) -> None:
        """Put the viewer into the page."""
        page.evaluate(CONNECT_FANLIGHT, [session, WHOLE_WINDOW])


class NoVnc:
    """noVNC's client from npm as it is, to the same Xvnc, through the same HTTPS port."""

    name = "novnc"

    def load(self, page: Page) -> None:
        """Import it from a path that the bench answers itself."""
        page.route(f"**{NOVNC_ADDRESS}**", _from_disk)
        page.evaluate(LOAD_NOVNC, NOVNC_ADDRESS)

    def connect(self, page: Page, session: str) -> None:
        """Ask for a ticket and open the RFB connection."""
        page.evaluate(CONNECT_NOVNC, [session, WHOLE_WINDOW])


def _from_disk(route: Route) -> None:
    path = NOVNC / route.request.url.partition(NOVNC_ADDRESS)[2]
    kind, _ = mimetypes.guess_type(path.name)
    route.fulfill(path=path, content_type=kind or "text/javascript")
