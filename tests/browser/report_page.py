"""A page for the machine's browser that tells the test what reached it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, cast

NAME = "page.test"

PAGE = b"""<!doctype html><meta charset="utf-8"><title>Report</title>
<style>
html, body { height: 100%; margin: 0; background: #f00; }
textarea { display: block; width: 60%; height: 40%; font-size: 20px; }
#tick { position: fixed; right: 0; top: 0; width: 80px; height: 80px; }
</style>
<textarea id="field" autofocus></textarea><div id="tick"></div>
<script>
const queue = [];
let sending = false;
async function flush() {
  if (sending) return;
  sending = true;
  while (queue.length) {
    await fetch("/report", { method: "POST", body: JSON.stringify(queue.splice(0)) });
  }
  sending = false;
}
function say(kind, data) { queue.push({ kind, ...data }); flush(); }
for (const kind of ["pointermove", "pointerdown", "pointerup"]) {
  addEventListener(kind, (e) => say(kind, { x: e.screenX, y: e.screenY, button: e.button,
    ctrl: e.ctrlKey, shift: e.shiftKey, alt: e.altKey }));
}
addEventListener("wheel", (e) => say("wheel", { dx: e.deltaX, dy: e.deltaY }));
for (const kind of ["keydown", "keyup"]) {
  addEventListener(kind, (e) => say(kind, { key: e.key, ctrl: e.ctrlKey, shift: e.shiftKey }));
}
field.addEventListener("input", () => say("text", { text: field.value }));
document.addEventListener("selectionchange", () => say("selection", {
  selected: field.value.slice(field.selectionStart, field.selectionEnd) }));
// The colour of the page says how long the text is: what is typed can be seen from afar.
field.addEventListener("input", () => {
  document.body.style.background = ["#f00", "#0f0", "#00f"][field.value.length % 3];
  document.documentElement.style.background = document.body.style.background;
});
let on = false;
setInterval(() => { on = !on; tick.style.background = on ? "#000" : "#fff"; }, 200);
// Chromium drops clicks before a page's first paint, so this is said after it.
requestAnimationFrame(() => requestAnimationFrame(() => say("loaded", {})));
</script>"""

Event = dict[str, Any]


class ReportPage:
    """The page's server, and what the page has said so far."""

    def __init__(self, page: bytes = PAGE) -> None:
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.report, self._server.page = self._take, page
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> ReportPage:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def pins(self) -> dict[str, str]:
        """The egress pin by which machines reach the page as http://page.test/."""
        return {f"{NAME}:80": f"127.0.0.1:{self._server.server_address[1]}"}

    @property
    def events(self) -> list[Event]:
        """Everything said since `forget`."""
        with self._changed:
            return list(self._events)

    def forget(self) -> None:
        """Start anew."""
        with self._changed:
            self._events.clear()

    def expect(
        self, kind: str, fits: Callable[[Event], object] = bool, timeout_s: float = 20.0
    ) -> Event:
        """Give the first event of that kind that fits, waiting for it.

        Raises:
            AssertionError: none came; the message has what did.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                for event in self._events:
                    if event["kind"] == kind and fits(event):
                        return event
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise AssertionError(f"no such {kind} came; last: {self._events[-12:]}")

    def _take(self, events: list[Event]) -> None:
        with self._changed:
            self._events += events
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    report: Callable[[list[Event]], None]
    page: bytes


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/" or self.path.startswith("/?")
        self._answer(200 if found else 404, cast(_Server, self.server).page if found else b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        cast(_Server, self.server).report(json.loads(body))
        self._answer(204, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests read what the page says."""
