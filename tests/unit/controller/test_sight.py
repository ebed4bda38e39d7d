"""What viewers and machines say of a picture: events, figures, one line in the log."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from prometheus_client import REGISTRY

from fanlight.controller import Controller, StartRequest
from fanlight.store import OWNER
from fanlight.wire import (
    ConnectionId,
    ConnectionReport,
    ConnectionStats,
    MediaFlow,
    SessionId,
    ViewerFigures,
)

if TYPE_CHECKING:
    from .conftest import Stage

FIGURES = ViewerFigures(
    "turn-tcp", 60, 2, freeze_ms=500.0, frames_per_s=24.0, kbps=900.0, loss_percent=2.0,
    jitter_ms=4.0, round_trip_ms=30.0, latency_ms=95.0, score=4.1, first_frame_ms=431.0,
)  # fmt: skip


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def viewed(stage: Stage, controller: Controller) -> tuple[SessionId, ConnectionId]:
    """A session with one viewer that has its picture."""
    await controller.gateway.wait_there(5)
    id_ = (await controller.start(OWNER, StartRequest())).session_id
    await stage.reaches(id_, "vm_created")
    connection = await controller.offer(OWNER, id_, "v=0")
    await stage.until(
        lambda: controller.drivers[id_].shown.timeline.has(connection, "first_frame")
    )
    return id_, connection


async def next_quality(controller: Controller, id_: SessionId, say: Any) -> dict[str, Any]:
    """Follow the session, let `say` be said, and give the first `quality` event."""
    async with asyncio.timeout(5):
        events = controller.events(OWNER, id_, None)
        await anext(events)
        say()
        async for event in events:
            if event.kind == "quality":
                return dict(event.data)
    raise AssertionError("no quality event")


async def test_one_event_has_what_viewer_gateway_and_machine_say(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_, connection = await viewed(stage, controller)
        flow = MediaFlow(
            id_, True, 9, 0, 0, 1, encoder="vp8enc\x1b[31m" + "x" * 99, encode_ms=6.5,
            target_kbps=1200, frames_per_s=30, scale_percent=75,
        )  # fmt: skip

        def say() -> None:
            stage.gateway.say(flow)
            stage.gateway.say(ConnectionReport(id_, connection, FIGURES))
            stage.gateway.say(
                ConnectionStats(id_, connection, 10, 9000, 28.5, 1, 1, estimate_kbps=1500, layer=1)
            )

        quality = await next_quality(controller, id_, say)
        await controller.end(OWNER, id_)
        await stage.reaches(id_, "ended")
    assert quality.items() >= {
        "connectionId": connection, "rung": "turn-tcp", "score": 4.1, "latencyMs": 95.0,
        "roundTripMs": 28.5, "jitterMs": 4.0, "lossPercent": 2.0, "framesPerSecond": 24.0,
        "kbps": 900.0, "freezeMs": 500.0, "estimateKbps": 1500, "targetKbps": 1200, "layer": 1,
        "encodeMs": 6.5, "scale": 75, "packetsSent": 10,
    }.items()  # fmt: skip
    assert quality["encoder"].startswith("vp8enc")
    assert len(quality["encoder"]) <= 41
    assert "\x1b" not in quality["encoder"]


async def test_figures_are_counted_by_rung_and_a_liar_stays_within_bounds(stage: Stage) -> None:
    names = ("freeze_seconds_total", "frames_dropped_total")
    before = [counted(f"fanlight_viewer_{name}", rung="turn-tcp") for name in names]
    took = counted("fanlight_connect_seconds_sum", rung="turn-tcp")
    async with stage.controlled() as controller:
        id_, connection = await viewed(stage, controller)
        driver = controller.drivers[id_]
        driver.gateway_said(ConnectionReport(id_, connection, FIGURES))
        assert counted("fanlight_viewers_by_rung", rung="turn-tcp") == 1
        lies = dataclasses.replace(
            FIGURES, score=math.nan, latency_ms=-5.0, loss_percent=9e9, freeze_ms=-1.0
        )
        driver.gateway_said(ConnectionReport(id_, connection, lies))
        driver.gateway_said(ConnectionReport(id_, ConnectionId("stranger"), FIGURES))
        assert counted("fanlight_viewers_by_rung", rung="turn-tcp") == 1
        await controller.end(OWNER, id_)
        await stage.reaches(id_, "ended")
    after = [counted(f"fanlight_viewer_{name}", rung="turn-tcp") for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [0.5, 2]
    assert counted("fanlight_connect_seconds_sum", rung="turn-tcp") - took == pytest.approx(0.431)
    assert counted("fanlight_viewers_by_rung", rung="turn-tcp") == 0
    assert counted("fanlight_viewer_loss_ratio_bucket", rung="turn-tcp", le="+Inf") >= 2


async def test_the_log_has_one_line_with_each_step_and_the_session_the_same(stage: Stage) -> None:
    with structlog.testing.capture_logs() as lines:
        async with stage.controlled() as controller:
            id_, connection = await viewed(stage, controller)
            for _ in range(2):
                stage.gateway.say(ConnectionReport(id_, connection, FIGURES))
            await stage.until(lambda: any(e["event"] == "first picture seen" for e in lines))
            driver = controller.drivers[id_]
            promised = driver.view.timeline
            await driver.outbox.settled()
        async with stage.controlled() as controller:
            found = await stage.reaches(id_, "vm_created")
            controller.drivers[id_].gateway_said(ConnectionReport(id_, connection, FIGURES))
    (line,) = [each for each in lines if each["event"] == "first picture seen"]
    assert (line["rung"], line["viewer_ms"], line["connection"]) == ("turn-tcp", 431, connection)
    for step in ("requested", "machine", "display", "media", "offer", "answer", "connected",
                 "first_frame", "decoded"):  # fmt: skip
        assert f"{step} +" in line["steps"]
    assert found.timeline == promised
    assert promised[0].name == "requested"
    assert {each.name for each in promised if each.connection_id == connection} == {
        "offer", "answer", "connected", "first_frame", "decoded",
    }  # fmt: skip


async def test_a_machine_that_falls_silent_is_told_of_once_each_time(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_, _ = await viewed(stage, controller)
        driver = controller.drivers[id_]
        for flowing in (False, True, True, False, False, True, False):
            driver.gateway_said(MediaFlow(id_, flowing, 9, 0, 0, 1))
        await driver.outbox.settled()
        kept = await stage.store.events(id_, after=0, limit=500)
    told = [each.data["code"] for each in kept if each.kind == "notice"]
    assert told == ["machine-silent", "machine-silent"]


async def test_a_viewer_without_a_picture_is_counted_and_told_by_its_cause(stage: Stage) -> None:
    failed = counted("fanlight_viewers_failed_total", cause="gateway-unavailable")
    stage.gateway.answers = False
    with structlog.testing.capture_logs() as lines:
        async with stage.controlled() as controller:
            await controller.gateway.wait_there(5)
            id_ = (await controller.start(OWNER, StartRequest())).session_id
            connection = await controller.offer(OWNER, id_, "v=0")
            driver = controller.drivers[id_]
            await stage.until(lambda: driver.shown.timeline.has(connection, "failed"), 8.0)
            steps = {m.name: m.text for m in driver.view.timeline if m.connection_id}
            await controller.end(OWNER, id_)
            await stage.reaches(id_, "ended")
    (line,) = [each for each in lines if each["event"] == "no picture"]
    assert line["cause"] == "gateway-unavailable"
    assert steps["failed"] == "No picture came (gateway-unavailable)"
    assert counted("fanlight_viewers_failed_total", cause="gateway-unavailable") == failed + 1
