"""The command: its options, one server for each place, and the rows as they come."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright, ViewportSize, sync_playwright
from tests.networks import CLEAN, Network, behind_nats, direct
from tests.networks.browser import chromium
from tests.networks.server import served
from tests.networks.topology import HTTPS_PORT

from bench import visitor
from bench.latency import machine_display, painting
from bench.report import describe_host
from fanlight.testing.server import RunningServer

from .measuring import FREEZE_MS, measure
from .peers import Fanlight, NoVnc
from .scenarios import SCENARIOS, Place, Scenario
from .table import table

WINDOW: ViewportSize = {"width": 1280, "height": 800}
READY = """async (id) =>
  (await (await fetch(`/api/auth/session/${id}`)).json()).status === "vm_created\""""


def main() -> None:
    """Measure the conditions that were asked for, and print a row for each peer."""
    asked = _asked()
    wanted = [each for each in SCENARIOS if not asked.only or each.name in asked.only]
    describe_host(bench="networks", seconds=asked.seconds, freeze_ms=FREEZE_MS)
    rows = []
    with sync_playwright() as playwright:
        for place in dict.fromkeys(each.place for each in wanted):
            here = [each for each in wanted if each.place == place]
            for row in _rows(playwright, place, here, asked.seconds, asked.peer):
                print(json.dumps(row), flush=True)
                rows.append(row)
    if asked.table:
        order = [each.name for each in SCENARIOS]
        rows.sort(key=lambda row: order.index(row["condition"]))
        print(table(rows), file=sys.stderr)


def _asked() -> argparse.Namespace:
    names = [each.name for each in SCENARIOS]
    arguments = argparse.ArgumentParser(prog="./dev bench networks", description=__doc__)
    text = f"a condition; may be given again ({', '.join(names)})".replace("%", "%%")
    arguments.add_argument("--only", action="append", metavar="CONDITION", default=[], help=text)
    arguments.add_argument("--seconds", type=float, default=9.0, help="to watch each (9)")
    arguments.add_argument("--peer", choices=("fanlight", "novnc"), help="one of the two only")
    arguments.add_argument("--table", action="store_true", help="a table at the end")
    asked = arguments.parse_args()
    unknown = set(asked.only) - set(names)
    if unknown:
        arguments.error(f"no such condition: {', '.join(sorted(unknown))}")
    return asked


@dataclass(frozen=True, slots=True)
class Scene:
    """A desktop with a moving picture, and who may look at it through which network."""

    network: Network
    server: RunningServer
    context: BrowserContext
    session: str


def _rows(
    playwright: Playwright,
    place: Place,
    scenarios: list[Scenario],
    seconds: float,
    peer: str | None,
) -> Iterator[dict[str, Any]]:
    with _scene(playwright, place) as scene:
        for scenario in scenarios:
            for each in (Fanlight(), NoVnc()):
                if peer in (None, each.name):
                    yield _one(scene, scenario, each, seconds)


def _one(
    scene: Scene, scenario: Scenario, peer: Fanlight | NoVnc, seconds: float
) -> dict[str, Any]:
    scene.network.set(CLEAN)
    page = scene.context.new_page()
    try:
        page.goto("/dashboard")
        return measure(
            scenario, peer, page=page, session=scene.session, network=scene.network,
            seconds=seconds, kill_server=scene.server.kill,
        )  # fmt: skip
    finally:
        scene.network.set(CLEAN)
        page.close()
        if scenario.server_gone:
            scene.server.start(port=HTTPS_PORT)


@contextlib.contextmanager
def _scene(playwright: Playwright, place: Place) -> Iterator[Scene]:
    settings = {"turn": True} if place == "turn" else {}
    with (
        _network(place) as network,
        served(network, settings) as server,
        chromium(playwright, network.viewer) as browser,
    ):
        context = browser.new_context(
            base_url=server.url,
            ignore_https_errors=True,
            viewport=WINDOW,
            bypass_csp=True,  # the meter is put into the page from outside
        )
        page = context.new_page()
        session = _desktop(page, server.link)
        page.close()
        with painting(machine_display(), is_busy=True):
            yield Scene(network, server, context, session)


def _network(place: Place) -> contextlib.AbstractContextManager[Network]:
    match place:
        case "direct" | "turn":
            return direct()
        case "ipv6":
            return direct(6)
        case "nats":
            return behind_nats()


def _desktop(page: Page, link: str) -> str:
    """Sign in and start a desktop; give its session's id when it is ready."""
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard*")
    session = visitor.start_desktop(page)
    for _ in range(600):
        if page.evaluate(READY, session):
            return session
        page.wait_for_timeout(100)
    raise SystemExit("the desktop did not become ready within a minute")
