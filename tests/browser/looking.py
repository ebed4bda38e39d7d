"""What a person does with a desktop in the page, and sees there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from .report_page import NAME, ReportPage

SIZE = (1280, 720)
"""Pixels of a machine's display."""
ADDRESS_BAR = (700, 65)
PICTURE_MS = 25_000
RESULTS = Path(__file__).parents[2] / "test-results"

START = """async (fields) => {
  const answer = await fetch("/api/auth/start", { method: "POST",
    headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}"""
END = """async (id) => { await fetch(`/api/auth/session/${id}`, { method: "DELETE" }); }"""
LOOK = """async (id) => (await fetch(`/api/auth/session/${id}`)).json()"""
NEW_KEY = """async () => (await (await fetch("/api/keys", { method: "POST",
  headers: { "Content-Type": "application/json" },
  body: '{"label": "a program"}' })).json()).key"""

# Notes when an offer leaves and when the page learns that the machine is ready.
WATCH = """
window.seen = [];
const ask = window.fetch;
window.fetch = (what, how) => {
  if (/\\/whep$/.test(String(what)) && how?.method === "POST") window.seen.push("offer");
  return ask(what, how);
};
addEventListener("fanlight-session", (event) => {
  window.seen.push(event.detail.status);
}, true);
"""

VIEWER = "document.querySelector('fanlight-viewer')"
PIXEL = """([x, y]) => {
  const { picture } = document.querySelector("fanlight-viewer");
  if (!picture) return null;
  const [width, height] = [picture.videoWidth ?? picture.width,
                           picture.videoHeight ?? picture.height];
  if (!width || !height) return null;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const at = [Math.round(x * width), Math.round(y * height)];
  const [red, green, blue] = context.getImageData(...at, 1, 1).data;
  if (red > 190 && green < 90 && blue < 90) return "red";
  if (green > 190 && red < 90 && blue < 90) return "lime";
  if (blue > 190 && red < 90 && green < 90) return "blue";
  if (red > 235 && green > 235 && blue > 235) return "white";
  return `rgb(${red}, ${green}, ${blue})`;
}"""


def start(page: Page, **fields: Any) -> dict[str, Any]:
    """Ask for a session as the page does; a plain desktop without `provider`."""
    session: dict[str, Any] = page.evaluate(START, fields)
    return session


def end(page: Page, session: str) -> None:
    """End it."""
    page.evaluate(END, session)


def look_up(page: Page, session: str) -> dict[str, Any]:
    """Give the session as the API tells it."""
    found: dict[str, Any] = page.evaluate(LOOK, session)
    return found


def wait_for_status(page: Page, session: str, status: str, timeout_s: float = 30.0) -> None:
    """Wait until the API says so."""
    deadline = time.monotonic() + timeout_s
    while look_up(page, session)["status"] != status:
        assert time.monotonic() < deadline, f"not {status}: {look_up(page, session)}"
        page.wait_for_timeout(50)


def watch(page: Page) -> Page:
    """From its next address on, let the page note offers and statuses in `window.seen`."""
    page.add_init_script(WATCH)
    return page


def open_viewer(page: Page, session: str) -> Page:
    """Open the page of a desktop, without waiting for anything in it."""
    page.goto(f"/dashboard/session?session={session}")
    return page


def wait_for_state(page: Page, state: str, timeout_ms: float = PICTURE_MS) -> None:
    """Wait until the viewer says that it is `live`, `failed`, `ended` ..."""
    page.wait_for_selector(f"fanlight-viewer[data-state={state}]", timeout=timeout_ms)


def wait_for_rung(page: Page, rung: str, timeout_ms: float = PICTURE_MS) -> None:
    """Wait until the viewer shows a live picture by this rung: `udp`, `websocket`, `vnc` ..."""
    page.wait_for_selector(
        f"fanlight-viewer[data-state=live][data-rung={rung}]", timeout=timeout_ms
    )


def wait_for_cause(page: Page, cause: str, timeout_ms: float = PICTURE_MS) -> None:
    """Wait until the viewer names this cause."""
    page.wait_for_selector(f"fanlight-viewer[data-cause={cause}]", timeout=timeout_ms)


def wait_for_picture(page: Page, timeout_ms: float = PICTURE_MS) -> None:
    """Wait until WebRTC's picture is live and has what a desktop has: pixels that differ."""
    wait_for_state(page, "live", timeout_ms)
    page.wait_for_function(
        """() => {
          const { video } = document.querySelector("fanlight-viewer");
          if (!video?.videoWidth || getComputedStyle(video).visibility === "hidden") return false;
          const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
          const context = canvas.getContext("2d");
          context.drawImage(video, 0, 0);
          const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
          const lights = new Set();
          for (let at = 0; at < data.length; at += 4 * 997) lights.add(data[at] >> 4);
          return lights.size > 1;
        }""",
        timeout=timeout_ms,
    )


def frames(page: Page) -> int:
    """Give how many frames the shown video has decoded."""
    count = page.evaluate(f"{VIEWER}.video.getVideoPlaybackQuality().totalVideoFrames")
    return int(count)


def wait_for_more_frames(page: Page, than: int, timeout_ms: float = PICTURE_MS) -> None:
    """Wait until the video has decoded more frames than that."""
    page.wait_for_function(
        f"(n) => {VIEWER}.video.getVideoPlaybackQuality().totalVideoFrames > n",
        arg=than,
        timeout=timeout_ms,
    )


def colour(page: Page, x: float = 0.3, y: float = 0.85) -> str | None:
    """Give the colour of the picture at a place, as shares of its width and height."""
    name: str | None = page.evaluate(PIXEL, [x, y])
    return name


def wait_for_colour(page: Page, name: str, timeout_ms: float = PICTURE_MS) -> None:
    """Wait until the lower part of the picture has this colour."""
    page.wait_for_function(
        f"([at, name]) => ({PIXEL})(at) === name", arg=[[0.3, 0.85], name], timeout=timeout_ms
    )


def place(page: Page, x: int, y: int) -> tuple[float, float]:
    """Give where in the page the display's pixel (x, y) is."""
    box = page.evaluate(
        """() => {
          const { picture } = document.querySelector("fanlight-viewer");
          return picture.getBoundingClientRect().toJSON();
        }"""
    )
    scale = min(box["width"] / SIZE[0], box["height"] / SIZE[1])
    left = box["x"] + (box["width"] - SIZE[0] * scale) / 2
    top = box["y"] + (box["height"] - SIZE[1] * scale) / 2
    return left + (x + 0.5) * scale, top + (y + 0.5) * scale


def click(page: Page, x: int, y: int) -> None:
    """Click the display's pixel (x, y)."""
    page.mouse.click(*place(page, x, y))


def visit(page: Page, report: ReportPage) -> None:
    """Type the report page's address into the machine's browser, and click into its field."""
    report.forget()
    for patience_s in (8, 12, 20):
        # Control+L would go through the page's renderer, and a text typed at once go past it.
        click(page, *ADDRESS_BAR)
        page.keyboard.press("Control+a")
        page.keyboard.type(f"http://{NAME}/")
        page.keyboard.press("Enter")
        try:
            report.expect("loaded", timeout_s=patience_s)
            break
        except AssertionError:
            RESULTS.mkdir(exist_ok=True)
            page.screenshot(path=RESULTS / f"visit-{patience_s}.png")
    report.expect("loaded", timeout_s=0.1)
    wait_for_colour(page, "red")
    enter(page, report)


def enter(page: Page, report: ReportPage) -> None:
    """Click into the report page's field, again if its browser was not ready for a click."""
    for patience_s in (4, 8, 16):
        report.forget()
        click(page, 300, 250)
        try:
            report.expect("pointerup", timeout_s=patience_s)
        except AssertionError:
            RESULTS.mkdir(exist_ok=True)
            page.screenshot(path=RESULTS / f"enter-{patience_s}.png")
        else:
            return
    raise AssertionError("no click reached the report page; see test-results/enter-*.png")


def bar(page: Page) -> str:
    """Give the words of the toolbar."""
    return page.get_by_role("toolbar", name="Viewer").inner_text()


def cover(page: Page) -> str:
    """Give the words over the picture."""
    text: str = page.evaluate(f"{VIEWER}.shadowRoot.querySelector('.cover').innerText")
    return text


def announced(page: Page) -> str:
    """Give what a screen reader was told last."""
    text: str = page.evaluate(f"{VIEWER}.shadowRoot.querySelector('[aria-live]').textContent")
    return text
