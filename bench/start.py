"""From `POST /api/auth/start` to the first frame on the screen in Chromium, stage by stage.

The page asks for a session and puts the viewer in at once, as the dashboard does; the first frame
is there when the viewer shows it. Kinds are providers, cold or from machines that wait; each is
measured by one client, then by five at once. The cold sandbox is the baseline of the others.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from fanlight.errors import FanlightError
from fanlight.image import open_image
from fanlight.testing.server import RunningServer

from . import visitor
from .report import describe_host, figure

WATCH_STARTS = """async (count) => {
  const drawn = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const watch = async () => {
    const began = performance.now();
    const response = await fetch("/api/auth/start", {
      method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"});
    const accepted = performance.now() - began;
    if (!response.ok) throw new Error(await response.text());
    const session = (await response.json()).sessionId;
    const viewer = document.createElement("fanlight-viewer");
    viewer.setAttribute("session", session);
    viewer.setAttribute("base", "/");
    document.body.append(viewer);
    let view;
    for (let frames = 0; !viewer.picture; frames++) {
      await drawn();
      if (frames % 60) continue;
      view = await (await fetch(`/api/auth/session/${session}`)).json();
      if (view.status === "ended") throw new Error(JSON.stringify(view.problem ?? view));
    }
    const firstFrame = performance.now() - began;
    do {
      view = await (await fetch(`/api/auth/session/${session}`)).json();
      await new Promise((resolve) => setTimeout(resolve, 50));
    } while (view.status !== "vm_created" && view.status !== "ended");
    const offers = performance.getEntriesByType("resource").filter(
      (entry) => entry.name.endsWith(`${session}/whep`) && entry.startTime >= began);
    viewer.remove();
    return {session, accepted, firstFrame, stages: view.stages,
            offers: offers.map((entry) => [entry.startTime - began, entry.duration])};
  };
  return Promise.all(Array.from({length: count}, watch));
}"""
CLIENTS = 5
PLACE = Path(f"/var/tmp/fanlight-bench-{os.geteuid()}")
"""Where the image and its snapshots are kept from run to run: they take minutes."""
READY_S, SETTLE_S = 600.0, 4.0
"""How long machines may take to wait, and how long one that has just begun to is left alone."""


_PREPARED = re.compile(r"machines are prepared .*with_login=False")


@dataclass(frozen=True)
class Kind:
    """A provider, cold or warm."""

    provider: str
    is_warm: bool

    @property
    def name(self) -> str:
        return f"{self.provider}_warm" if self.is_warm else self.provider

    def settings(self, clients: int) -> dict[str, object]:
        """What a server is started with to be measured by so many clients at once."""
        waiting = clients if self.is_warm else 0
        return {
            "provider": self.provider,
            "warm_machines": waiting,
            "warm_machines_most": max(1, waiting),
            "max_sessions_per_principal": 2 * CLIENTS,
        }


KINDS = {
    each.name: each
    for each in (Kind(p, is_warm=w) for p in ("sandbox", "qemu") for w in (False, True))
}


def main() -> None:
    """Start sessions and print the spread of each stage, for each kind and number of clients."""
    arguments = argparse.ArgumentParser(prog="./dev bench start", description=__doc__)
    arguments.add_argument("--count", type=int, default=20, help="sessions of each kind (20)")
    arguments.add_argument(
        "--kinds", default=",".join(KINDS), help=f"some of {', '.join(KINDS)} (all)"
    )
    arguments.add_argument("--clients", default=f"1,{CLIENTS}", help="at once (1,5)")
    given = arguments.parse_args()
    describe_host(bench="start", count=given.count)
    for name in given.kinds.split(","):
        kind = KINDS[name]
        if why := _lacking(kind):
            print(f'{{"name": "start.{name}", "skipped": "{why}"}}', flush=True)
            continue
        for clients in map(int, given.clients.split(",")):
            _measure(kind, clients, given.count)


def _lacking(kind: Kind) -> str:
    if kind.provider == "sandbox":
        return ""
    try:
        open_image(PLACE)
    except FanlightError:
        return f"no image: ./dev fanlight image build --data {PLACE}"
    return ""


def _measure(kind: Kind, clients: int, count: int) -> None:
    label = f"start.{kind.name}" + (f".clients_{clients}" if clients > 1 else "")
    runs: list[dict[str, Any]] = []
    with served(kind, clients) as server, visitor.signed_in(server.link) as page:
        page.set_default_timeout(READY_S * 1000)
        # What is made at the first session only, such as a snapshot, is not what is measured.
        _end(page, page.evaluate(WATCH_STARTS, 1))
        while len(runs) < count:
            if kind.is_warm:
                _until_waiting(page, clients)
            batch = page.evaluate(WATCH_STARTS, min(clients, count - len(runs)))
            _end(page, batch)
            runs += batch
            print(f"{label}: {len(runs)} of {count}", file=sys.stderr)
    figure(f"{label}.first_frame", [run["firstFrame"] for run in runs])
    figure(f"{label}.accepted", [run["accepted"] for run in runs])
    for name in {stage["name"]: None for run in runs for stage in run["stages"]}:
        times = [s["atMs"] for r in runs for s in r["stages"] if s["name"] == name and s["done"]]
        figure(f"{label}.stage.{name}", times)
    figure(f"{label}.offer_sent", [run["offers"][0][0] for run in runs if run["offers"]])
    figure(f"{label}.offer_to_answer", [run["offers"][0][1] for run in runs if run["offers"]])


@contextmanager
def served(
    kind: Kind, clients: int, more: Mapping[str, object] | None = None
) -> Iterator[RunningServer]:
    """Run a server of this kind; of virtual machines, once its snapshots are there."""
    data = PLACE if kind.provider == "qemu" else None
    with RunningServer({**kind.settings(clients), **(more or {})}, data=data) as server:
        if kind.provider == "qemu":  # both snapshots first: making one takes the computer
            server.wait_for_line(_PREPARED, READY_S)
        yield server


def _end(page: Page, runs: list[dict[str, Any]]) -> None:
    for run in runs:
        visitor.end(page, run["session"])


def _until_waiting(page: Page, wanted: int) -> None:
    """Return once so many machines wait, and have had some time to come to rest."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        text = page.evaluate("async () => (await fetch('/metrics')).text()")
        if (found := re.search(r"^fanlight_warm_machines\S* ([\d.]+)", text, re.MULTILINE)) and (
            float(found[1]) >= wanted
        ):
            time.sleep(SETTLE_S)
            return
        time.sleep(0.25)
    raise TimeoutError(f"{wanted} machines do not wait after {READY_S:g} s")
