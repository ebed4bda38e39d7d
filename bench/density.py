"""What a session costs this host, idle and watched, and how many there may be.

Sessions are started one after another and left alone; from time to time a further one is started
and watched to its first frame, and ended. The host is full when that takes twice as long as on the
empty host, or a start is refused. Memory is what a machine's processes hold with their part
of what they share (PSS); the gateway and the server are counted apart, as all sessions share them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Error, Page

from fanlight.testing.server import RunningServer

from . import visitor
from .processes import cpu_s, family, find, machine_of, memory_mib
from .report import describe_host, figure
from .start import KINDS, WATCH_STARTS, served

WINDOW_S, SETTLE_S = 6.0, 15.0
"""How long use is measured, and how long a desktop that is new is left alone before."""
PROBES = 3
WATCH = """(session) => {
  const viewer = document.createElement("fanlight-viewer");
  viewer.setAttribute("session", session);
  viewer.setAttribute("base", "/");
  viewer.className = "watching";
  document.body.append(viewer);
}"""
IS_SHOWN = """() => [...document.querySelectorAll(".watching")].every((each) => each.picture)"""
LOOK_AWAY = """() => document.querySelectorAll(".watching").forEach((each) => each.remove())"""
STATUS = """async (session) =>
  (await (await fetch(`/api/auth/session/${session}`)).json()).status"""


@dataclass
class Bench:
    """A server, a browser and the sessions that are there."""

    label: str
    server: RunningServer
    page: Page
    sessions: list[str]

    def start(self) -> None:
        """Start a session that nobody watches, and wait until its machine is ready."""
        session = visitor.start_desktop(self.page)
        self.sessions.append(session)
        while (status := self.page.evaluate(STATUS, session)) != "vm_created":
            if status == "ended":
                raise Error(f"session {session} ended while it started")
            time.sleep(0.2)

    def first_frame_ms(self) -> float:
        """Start sessions beside the others and watch each to its first frame: the median."""
        times: list[float] = []
        for _ in range(PROBES):
            (run,) = self.page.evaluate(WATCH_STARTS, 1)
            visitor.end(self.page, run["session"])
            times.append(run["firstFrame"])
            time.sleep(1.0)  # what ends takes some of the host, too
        return statistics.median(times)

    def use(self, name: str) -> None:
        """Print what each machine, and all of the gateway and the server, use for a while."""
        data = self.server.data
        machines = [family(*machine_of(data, each)) for each in self.sessions]
        gateway = family(*find(str(data), "gateway.pyz"))
        before = [cpu_s(each) for each in (*machines, gateway)]
        time.sleep(WINDOW_S)
        used = [
            100 * (cpu_s(each) - was) / WINDOW_S
            for each, was in zip((*machines, gateway), before, strict=True)
        ]
        figure(f"{self.label}.{name}.memory", [memory_mib(each) for each in machines], unit="MiB")
        figure(f"{self.label}.{name}.cpu", used[:-1], unit="% of a core")
        figure(f"{self.label}.{name}.gateway_memory", [memory_mib(gateway)], unit="MiB")
        figure(f"{self.label}.{name}.gateway_cpu", used[-1:], unit="% of a core")


def main() -> None:
    """Measure, for each kind: use by sessions that are idle and watched, then how many fit."""
    arguments = argparse.ArgumentParser(prog="./dev bench density", description=__doc__)
    arguments.add_argument("--kinds", default="sandbox,qemu", help="of sandbox, qemu (both)")
    arguments.add_argument("--most", type=int, default=40, help="sessions at most (40)")
    arguments.add_argument("--step", type=int, default=2, help="sessions between looks (2)")
    given = arguments.parse_args()
    describe_host(bench="density", most=given.most)
    for name in given.kinds.split(","):
        more: dict[str, object] = {
            "max_sessions_per_principal": given.most + PROBES,
        }
        with served(KINDS[name], 1, more) as server, visitor.signed_in(server.link) as page:
            page.set_default_timeout(600_000)
            bench = Bench(f"density.{name}", server, page, [])
            _measure(bench, given.most, given.step)


def _measure(bench: Bench, most: int, step: int) -> None:
    empty_ms = statistics.median(bench.first_frame_ms() for _ in range(2))
    for _ in range(3):
        bench.start()
    time.sleep(SETTLE_S)
    bench.use("idle")
    for each in bench.sessions:
        bench.page.evaluate(WATCH, each)
    bench.page.wait_for_function(IS_SHOWN)
    time.sleep(SETTLE_S)
    bench.use("watched")
    bench.page.evaluate(LOOK_AWAY)
    said = _fill(bench, most, step, empty_ms)
    print(json.dumps({"name": f"{bench.label}.fits", **said}), flush=True)
    for each in bench.sessions:
        visitor.end(bench.page, each)


def _fill(bench: Bench, most: int, step: int, empty_ms: float) -> dict[str, Any]:
    """Start sessions until another takes twice as long as on an empty host, or none is let in."""
    why, now_ms = "as many as were asked for", empty_ms
    while len(bench.sessions) < most:
        try:
            for _ in range(min(step, most - len(bench.sessions))):
                bench.start()
            now_ms = bench.first_frame_ms()
        except Error as error:
            why = f"refused: {str(error)[:200]}"
            break
        print(f"{bench.label}: {len(bench.sessions)}, {now_ms:.0f} ms", file=sys.stderr)
        if now_ms > 2 * empty_ms:
            why = "a start takes twice as long"
            break
    return {
        "sessions": len(bench.sessions),
        "why": why,
        "first_frame_empty_ms": round(empty_ms),
        "first_frame_ms": round(now_ms),
    }
