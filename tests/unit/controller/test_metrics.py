"""Figures that are made of totals."""

from __future__ import annotations

from fanlight.controller.metrics import MACHINE_PACKETS, FlowCounted
from fanlight.wire import MediaFlow, SessionId


def flow(packets: int, lost: int, malformed: int = 0) -> MediaFlow:
    return MediaFlow(SessionId("s"), True, packets, lost, malformed, 1)


def counted(fate: str) -> float:
    (family,) = MACHINE_PACKETS.collect()
    found = [
        sample.value
        for sample in family.samples
        if sample.labels == {"fate": fate} and sample.name.endswith("_total")
    ]
    return sum(found)


def test_what_is_lost_on_the_way_from_a_machine_is_counted_once() -> None:
    taken, lost = counted("taken"), counted("lost")
    figures = FlowCounted()
    for told in (flow(100, 2), flow(150, 2), flow(150, 5)):
        figures.take(told)
    assert (counted("taken") - taken, counted("lost") - lost) == (150, 5)


def test_a_gateway_that_begins_at_nought_is_counted_from_there() -> None:
    taken, malformed = counted("taken"), counted("malformed")
    figures = FlowCounted()
    for told in (flow(100, 0, 4), flow(30, 0, 1)):
        figures.take(told)
    assert (counted("taken") - taken, counted("malformed") - malformed) == (130, 5)
