"""A page that shows rising numbers as stripes, and what reads them out of a viewer's picture.

Each number stands for 400 ms, many times as long as the display takes to be read, so that a
number that the viewer never saw is a picture that was lost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from playwright.sync_api import Page

from . import looking
from .report_page import PAGE, ReportPage

BITS = 12
"""Of the number; four more are its check. The scripts below have the figures again."""

BEGIN_KEY = "F9"
NUMBERS = """<script>
function begin() {
const bars = document.createElement("div");
bars.style.cssText = "position:fixed;left:0;right:0;bottom:0;height:50%;display:flex";
const columns = Array.from({ length: 16 }, () => {
  const column = document.createElement("div");
  column.style.flex = "1";
  return bars.appendChild(column);
});
document.body.append(bars);
let number = 0;
setInterval(() => {
  number = (number + 1) % (1 << 12);
  const check = (number ^ (number >> 4) ^ (number >> 8) ^ 0b1010) & 0b1111;
  const shown = (number << 4) | check;
  columns.forEach((column, at) => {
    column.style.background = (shown >> at) & 1 ? "#fff" : "#000";
  });
}, 400);
say("numbers", {});
}
addEventListener("keydown", (event) => { if (event.key === "F9") begin(); });
</script>"""

# Runs in the person's page: every shown picture is read, at a row where only stripes are.
READER = """
(() => {
  const viewer = document.querySelector("fanlight-viewer");
  const video = viewer.video;
  const row = new OffscreenCanvas(1280, 1);
  const context = row.getContext("2d", { willReadFrequently: true });
  window.seen = [];
  const read = (now) => {
    context.drawImage(video, 0, video.videoHeight * 0.85, video.videoWidth, 1, 0, 0, 1280, 1);
    const { data } = context.getImageData(0, 0, 1280, 1);
    let shown = 0;
    for (let at = 0; at < 16; at++) {
      const x = Math.round(((at + 0.5) * 1280) / 16);
      if (data[4 * x] > 127) shown |= 1 << at;
    }
    const number = shown >> 4;
    const check = (number ^ (number >> 4) ^ (number >> 8) ^ 0b1010) & 0b1111;
    if ((shown & 0b1111) === check) window.seen.push([now, number]);
    video.requestVideoFrameCallback(read);
  };
  video.requestVideoFrameCallback(read);
})()
"""

# What the browser counts itself, of the connection whose picture is shown.
COUNTS = """
async () => {
  const viewer = document.querySelector("fanlight-viewer");
  const report = await viewer.connection.stats();
  for (const item of report.values()) {
    if (item.type === "inbound-rtp" && item.kind === "video") {
      return { name: viewer.connection.name, decoded: item.framesDecoded,
               dropped: item.framesDropped ?? 0, lost: item.packetsLost,
               freezes: item.freezeCount ?? 0, received: item.framesReceived };
    }
  }
  return null;
}
"""


@dataclass(frozen=True)
class Seen:
    """What a viewer saw, in its order: milliseconds of the page's clock, and numbers."""

    shown: list[tuple[float, int]]

    @property
    def numbers(self) -> list[int]:
        """Each number once."""
        return [n for at, (_, n) in enumerate(self.shown) if at == 0 or self.shown[at - 1][1] != n]

    @property
    def lost(self) -> int:
        """How many numbers were never seen between the first and the last."""
        steps = ((b - a) % (1 << BITS) for a, b in pairwise(self.numbers))
        return sum(step - 1 for step in steps)

    def longest_gap_ms(self) -> float:
        """The longest time between two pictures."""
        return max((b[0] - a[0] for a, b in pairwise(self.shown)), default=0.0)


def numbers_page() -> ReportPage:
    """Give the report page, with numbers as soon as a key asks for them."""
    return ReportPage(PAGE + NUMBERS.encode())


def show(page: Page, report: ReportPage) -> None:
    """Have the machine's browser show the numbers, and the keyboard in the page's field."""
    looking.visit(page, report)
    report.forget()
    page.keyboard.press(BEGIN_KEY)
    report.expect("numbers")
    page.evaluate(READER)
    page.wait_for_function("() => window.seen.length > 10", timeout=looking.PICTURE_MS)


def seen(page: Page) -> Seen:
    """Give all that was seen since the numbers began."""
    return Seen([(float(at), int(n)) for at, n in json.loads(page.evaluate(SEEN))])


SEEN = "() => JSON.stringify(window.seen)"


def wait_for_numbers(page: Page, more: int) -> None:
    """Wait until so many more numbers were seen."""
    page.wait_for_function(
        "(most) => window.seen.at(-1)[1] >= most",
        arg=seen(page).numbers[-1] + more,
        timeout=looking.PICTURE_MS,
    )


def counts(page: Page) -> dict[str, Any]:
    """Give what the browser counted of the shown connection, by name."""
    found: dict[str, Any] = page.evaluate(COUNTS)
    return found
