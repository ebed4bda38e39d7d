"""What a page's player says to a server and hears from it, as the browser itself sees it.

Preflights are among it: the browser makes them, and no script can see them. Tickets, ICE
passwords and the like are left out; only headers that the protocol knows are shown.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import CDPSession, Page

SENT = {"content-type", "if-match", "origin", "authorization", "accept"}
SENT |= {"access-control-request-method", "access-control-request-headers"}
HEARD = {"content-type", "location", "etag", "link", "retry-after", "accept-post", "accept-patch"}
HEARD |= {"access-control-allow-origin", "access-control-expose-headers"}
HEARD |= {"access-control-allow-methods", "access-control-allow-headers"}

STATES = """
window.states = [];
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(...given) {
    super(...given);
    (window.peers ??= []).push(this);
    this.addEventListener("connectionstatechange", () => window.states.push(this.connectionState));
  }
};
"""


@dataclass
class Exchange:
    """A request and its answer."""

    request: str
    sent: dict[str, str]
    status: int = 0
    heard: dict[str, str] = field(default_factory=dict)


class Transcript:
    """Writes down what `page` says from now on to addresses that have `part` in them."""

    def __init__(self, page: Page, part: str) -> None:
        self._page, self._part = page, part
        self._by_id: dict[str, Exchange] = {}
        page.add_init_script(STATES)
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._cdp.on("Network.requestWillBeSent", self._asked)
        self._cdp.on("Network.requestWillBeSentExtraInfo", self._asked_more)
        self._cdp.on("Network.responseReceived", self._answered)
        self._cdp.on("Network.responseReceivedExtraInfo", self._answered_more)
        self._cdp.send("Network.enable")

    @property
    def exchanges(self) -> list[Exchange]:
        """Every exchange so far, in the order of the requests."""
        return list(self._by_id.values())

    def statuses(self, method: str) -> list[int]:
        """The statuses of the answers to requests of this method."""
        return [each.status for each in self.exchanges if each.request.startswith(method + " ")]

    def sent(self, method: str) -> dict[str, str]:
        """The headers of the last request of this method."""
        return self._last(method).sent

    def header(self, method: str, name: str) -> str:
        """A header of the answer to the last request of this method, or nothing."""
        return self._last(method).heard.get(name, "")

    def _last(self, method: str) -> Exchange:
        return [each for each in self.exchanges if each.request.startswith(method + " ")][-1]

    def write(self, to: Path, played: dict[str, Any], **first: Any) -> None:
        """Write it as JSON lines: who played, every exchange, states, what was `played`."""
        to.parent.mkdir(exist_ok=True)
        lines: list[dict[str, Any]] = [first]
        lines += [
            {"request": each.request, "headers": each.sent, "status": each.status}
            | {"answered": each.heard}
            for each in self.exchanges
        ]
        lines.append({"states": self._page.evaluate("window.states")})
        lines.append(played)
        to.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def _asked(self, event: dict[str, Any]) -> None:
        request = event["request"]
        url = urlsplit(request["url"])
        if self._part in url.path:
            headers = _kept(request["headers"], SENT)
            self._by_id[event["requestId"]] = Exchange(
                f"{request['method']} {url.path}", headers, 0
            )

    def _asked_more(self, event: dict[str, Any]) -> None:
        if (known := self._by_id.get(event["requestId"])) is not None:
            known.sent |= _kept(event["headers"], SENT)

    def _answered(self, event: dict[str, Any]) -> None:
        if (known := self._by_id.get(event["requestId"])) is not None:
            known.status = event["response"]["status"]
            known.heard |= _kept(event["response"]["headers"], HEARD)

    def _answered_more(self, event: dict[str, Any]) -> None:
        if (known := self._by_id.get(event["requestId"])) is not None:
            known.status = event["statusCode"]
            known.heard |= _kept(event["headers"], HEARD)


FRAMES = """async () => {
  let frames = 0, size = [0, 0];
  for (const peer of window.peers ?? []) {
    if (peer.connectionState === "closed") continue;
    for (const item of (await peer.getStats()).values()) {
      if (item.type !== "inbound-rtp" || item.kind !== "video") continue;
      frames += item.framesDecoded ?? 0;
      size = [item.frameWidth ?? 0, item.frameHeight ?? 0];
    }
  }
  return { frames, size };
}"""


def _kept(headers: dict[str, str], names: set[str]) -> dict[str, str]:
    found = {name.lower(): value for name, value in headers.items()}
    kept = {name: value for name, value in found.items() if name in names}
    if "link" in kept:
        kept["link"] = re.sub(r'((?:username|credential)=)"[^"]*"', r'\1"..."', kept["link"])
    if "authorization" in kept:
        is_bearer = kept["authorization"].startswith("Bearer ")
        kept["authorization"] = "Bearer (a ticket)" if is_bearer else "(a ticket)"
    return kept
