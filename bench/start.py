"""From `POST /api/auth/start` to the first frame drawn in Chromium, stage by stage.

The page asks for a session and puts the viewer in at once, as the dashboard does. Offer to answer
is timed in the page around the WHEP request.
"""

from __future__ import annotations

import argparse
from typing import Any

from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import visitor
from .report import describe_host, figure

WATCH_A_START = """async () => {
  const began = performance.now();
  const response = await fetch("/api/auth/start", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"});
  const accepted = performance.now() - began;
  const session = (await response.json()).sessionId;
  const viewer = document.createElement("fanlight-viewer");
  viewer.setAttribute("session", session);
  viewer.setAttribute("base", "/");
  document.body.append(viewer);
  const video = viewer.shadowRoot.querySelector("#video");
  const drawn = await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  let view;
  do {
    view = await (await fetch(`/api/auth/session/${session}`)).json();
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (view.status !== "vm_created" && view.status !== "ended");
  const offers = performance.getEntriesByType("resource").filter(
    (entry) => entry.name.endsWith(`${session}/whep`) && entry.startTime >= began);
  viewer.remove();
  return {session, accepted, firstFrame: drawn - began, stages: view.stages,
          offers: offers.map((entry) => [entry.startTime - began, entry.duration])};
}"""


def main() -> None:
    """Start sessions one after another and print the spread of each stage."""
    arguments = argparse.ArgumentParser(prog="./dev bench start", description=__doc__)
    arguments.add_argument("--count", type=int, default=12, help="sessions to start (12)")
    count = arguments.parse_args().count
    describe_host(bench="start", count=count, provider="sandbox")
    with RunningServer() as server, visitor.signed_in(server.link) as page:
        runs = [_one(page) for _ in range(count)]
    figure("start.sandbox.accepted", [run["accepted"] for run in runs])
    for name in {stage["name"]: None for run in runs for stage in run["stages"]}:
        times = [s["atMs"] for r in runs for s in r["stages"] if s["name"] == name and s["done"]]
        figure(f"start.sandbox.stage.{name}", times)
    figure("start.sandbox.first_frame", [run["firstFrame"] for run in runs])
    figure("start.sandbox.offer_sent", [run["offers"][0][0] for run in runs if run["offers"]])
    figure("signalling.offer_to_answer", [run["offers"][0][1] for run in runs if run["offers"]])


def _one(page: Page) -> dict[str, Any]:
    result: dict[str, Any] = page.evaluate(WATCH_A_START)
    visitor.end(page, result["session"])
    return result
