"""One condition for one peer: connect, watch for a while, and say what was seen."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as TooLate
from tests.networks import CLEAN, Network

from .peers import Peer
from .scenarios import OUTAGE_CONDITIONS, Scenario

METER = (Path(__file__).parent / "meter.js").read_text().split("() =>", 1)[1]
FREEZE_MS = 250.0
"""A gap between two frames that a person sees as a stop."""
FIRST_FRAME_MS = 30_000
RECOVERY_MS = 30_000
CAUSE_MS = 12_000
"""How long a cause is waited for: it should come within 8 s."""
BEFORE_OUTAGE_MS, AFTER_OUTAGE_MS = 2_000, 3_000

Row = dict[str, Any]


@dataclass
class Seen:
    """What the meter wrote down; times in milliseconds of the page's clock."""

    began: float
    first: float | None
    changes: list[float]
    glass: list[list[float]]
    states: list[tuple[float, dict[str, Any]]]
    ended: float
    cuts: list[float] = field(default_factory=list)

    def fps(self, since: float, until: float) -> float | None:
        """Frames shown per second in that time."""
        if until <= since:
            return None
        return round(sum(since <= at < until for at in self.changes) / (until - since) * 1000, 1)

    def freeze_s(self, since: float, until: float) -> float:
        """Seconds of that time which belong to a gap of more than FREEZE_MS."""
        times = [since, *(at for at in self.changes if since <= at < until), until]
        gaps = [after - before for before, after in pairwise(times)]
        return round(sum(gap for gap in gaps if gap > FREEZE_MS) / 1000, 2)


def measure(
    scenario: Scenario,
    peer: Peer,
    *,
    page: Page,
    session: str,
    network: Network,
    seconds: float,
    kill_server: Callable[[], None],
) -> Row:
    """Connect through the scenario's network and give its row."""
    peer.load(page)
    page.evaluate(f"(() => {METER})()")
    if scenario.server_gone:
        kill_server()
    network.set(scenario.conditions)
    lost_before = _down_lost(network)
    peer.connect(page, session)
    if scenario.is_hopeless:
        return _row(scenario, peer, _wait_for_cause(page))
    came = _wait(page, "() => fanlightMeter.first !== null", FIRST_FRAME_MS)
    cuts: list[float] = []
    if came and scenario.outage_s:
        cuts = _cut(page, network, scenario.outage_s)
    elif came:
        cuts = _watch(page, network, scenario, seconds)
    seen = _read(page)
    seen.cuts = cuts
    return _row(scenario, peer, seen) | {"down_lost": _down_lost(network) - lost_before}


def _down_lost(network: Network) -> int:
    """Packets to the viewer that were lost so far, by chance or because the queue was full."""
    down = network.emulator.counters()["down"]
    return down["lost"] + down["overflowed"]


def _watch(page: Page, network: Network, scenario: Scenario, seconds: float) -> list[float]:
    """Let the time pass, in as many parts as there are steps; give when each part ended."""
    cuts = []
    for conditions in scenario.steps or (scenario.conditions,):
        network.set(conditions)
        page.wait_for_timeout(1000 * seconds / max(1, len(scenario.steps)))
        cuts.append(_now(page))
    return cuts


def _cut(page: Page, network: Network, outage_s: float) -> list[float]:
    """Cut the network and mend it; give when, by the page's clock."""
    page.wait_for_timeout(BEFORE_OUTAGE_MS)
    network.set(OUTAGE_CONDITIONS)
    cut = _now(page)
    page.wait_for_timeout(outage_s * 1000)
    network.set(CLEAN)
    mended = _now(page)
    page.evaluate("(at) => { fanlightMeter.mended = at; }", mended)
    _wait(page, "() => fanlightMeter.changes.at(-1) > fanlightMeter.mended", RECOVERY_MS)
    page.wait_for_timeout(AFTER_OUTAGE_MS)
    return [cut, mended]


def _wait_for_cause(page: Page) -> Seen:
    _wait(
        page,
        """() => fanlightMeter.states.some(([at, said]) =>
             said.state === "failed" || said.state === "lost" || said.cause)""",
        CAUSE_MS,
    )
    return _read(page)


def _wait(page: Page, condition: str, timeout_ms: float) -> bool:
    """Whether it came to be in time."""
    try:
        page.wait_for_function(condition, timeout=timeout_ms)
    except TooLate:
        return False
    return True


def _now(page: Page) -> float:
    return float(page.evaluate("() => performance.timeOrigin + performance.now()"))


def _read(page: Page) -> Seen:
    told = page.evaluate("() => { fanlightMeter.on = false; return fanlightMeter; }")
    return Seen(
        began=told["began"],
        first=told["first"],
        changes=told["changes"],
        glass=told["glass"],
        states=[(at, said) for at, said in told["states"]],
        ended=_now(page),
    )


def _row(scenario: Scenario, peer: Peer, seen: Seen) -> Row:
    last: dict[str, Any] = seen.states[-1][1] if seen.states else {}
    row: Row = {
        "condition": scenario.name,
        "peer": peer.name,
        "rung": last.get("rung") if seen.first is not None else None,
        "first_frame_ms": None if seen.first is None else round(seen.first - seen.began),
        "fps": None,
        "freeze_s": None,
        "recovery_ms": None,
        "cause": last.get("cause") or last.get("reason") or None,
    }
    if seen.first is not None:
        row |= _figures(scenario, seen)
    if scenario.is_hopeless:
        row["cause_ms"] = _cause_ms(seen)
    return row | {"text": scenario.text}


def _figures(scenario: Scenario, seen: Seen) -> Row:
    assert seen.first is not None
    glass = [value for at, value in seen.glass if at > seen.first]
    figures: Row = {"glass_p50_ms": round(statistics.median(glass)) if glass else None}
    if scenario.outage_s and len(seen.cuts) == 2:
        cut, mended = seen.cuts
        back = next((at for at in seen.changes if at > mended), None)
        figures["fps"] = seen.fps(seen.first, cut)
        figures["recovery_ms"] = None if back is None else round(back - mended)
        figures["freeze_s"] = seen.freeze_s(seen.first, cut)
        figures["fps_after"] = None if back is None else seen.fps(back, seen.ended)
        return figures
    end = seen.cuts[-1] if seen.cuts else seen.ended
    figures["fps"] = seen.fps(seen.first, end)
    figures["freeze_s"] = seen.freeze_s(seen.first, end)
    if scenario.steps:
        edges = [seen.first, *seen.cuts]
        figures["fps_parts"] = [seen.fps(start, stop) for start, stop in pairwise(edges)]
    return figures


def _cause_ms(seen: Seen) -> int | None:
    for at, said in seen.states:
        if said.get("state") in ("failed", "lost") or said.get("cause"):
            return round(at - seen.began)
    return None
