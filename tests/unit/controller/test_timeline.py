"""From Connect to the first picture, step by step, bounded and kept."""

from __future__ import annotations

from fanlight.controller.timeline import CONNECTIONS_MAX, Timeline
from fanlight.wire import ConnectionId

MACHINE = {"requested": 0.0, "machine": 140.0, "display": 290.0, "media": 330.0}
TEXTS = {"requested": "Machine requested", "machine": "Machine made"}
ONE = ConnectionId("s-1")


def walked(timeline: Timeline, connection: ConnectionId, begun: float) -> None:
    timeline.mark(connection, "offer", begun)
    timeline.mark(connection, "answer", begun + 17)
    timeline.mark(connection, "connected", begun + 120)
    timeline.mark(connection, "first_frame", begun + 350)
    timeline.mark(connection, "decoded", begun + 431, detail="udp")


def test_the_first_viewer_s_way_has_the_machine_s_steps_in_it() -> None:
    timeline = Timeline()
    walked(timeline, ONE, 20.0)
    assert timeline.told(ONE, MACHINE) == {
        "total_ms": 451,
        "steps": "requested +0, offer +20, answer +17, machine +103, connected +0, display +150, "
        "media +40, first_frame +40, decoded +81",
    }


def test_a_later_viewer_s_way_is_timed_from_its_own_wish() -> None:
    timeline = Timeline()
    walked(timeline, ONE, 20.0)
    walked(timeline, ConnectionId("s-2"), 60_000.0)
    told = timeline.told(ConnectionId("s-2"), MACHINE)
    assert told["total_ms"] == 431
    assert told["steps"].startswith("offer +0, answer +17")


def test_the_view_says_whose_step_each_is_by_which_rung_and_why_none_came() -> None:
    timeline = Timeline()
    walked(timeline, ONE, 20.0)
    timeline.mark(ConnectionId("s-2"), "offer", 500.0)
    timeline.mark(ConnectionId("s-2"), "failed", 9_000.0, detail="network-blocked")
    view = timeline.view(MACHINE, TEXTS)
    assert [each.at_ms for each in view] == sorted(each.at_ms for each in view)
    said = {(each.name, each.connection_id): each.text for each in view}
    assert said["machine", None] == "Machine made"
    assert said["decoded", ONE] == "The first picture was seen (udp)"
    assert said["failed", ConnectionId("s-2")] == "No picture came (network-blocked)"


def test_a_step_counts_once_and_only_of_who_asked() -> None:
    timeline = Timeline()
    assert not timeline.mark(ONE, "decoded", 1.0)
    assert timeline.mark(ONE, "offer", 1.0)
    assert not timeline.mark(ONE, "offer", 2.0)
    assert timeline.told(ConnectionId("nobody"), MACHINE) == {}


def test_of_very_many_viewers_the_first_that_saw_and_the_newest_are_kept() -> None:
    timeline = Timeline()
    timeline.mark(ConnectionId("blind"), "offer", 1.0)
    walked(timeline, ONE, 20.0)
    for number in range(500):
        timeline.mark(ConnectionId(f"s-x{number}"), "offer", 1000.0 + number)
    kept = list(timeline.ways)
    assert len(kept) == CONNECTIONS_MAX
    assert kept[0] == ONE
    assert kept[-1] == "s-x499"


def test_a_later_controller_goes_on_with_it() -> None:
    timeline = Timeline()
    walked(timeline, ONE, 20.0)
    again = Timeline(timeline.to_memo())
    assert again.view(MACHINE, TEXTS) == timeline.view(MACHINE, TEXTS)
    assert not again.mark(ONE, "decoded", 9.0)
