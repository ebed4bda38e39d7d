"""The model of one direction, with times that are numbers."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest

from .conditions import CLEAN, Conditions, Direction, Filter, both, from_json
from .packets import kind_of
from .path import Path

TCP, UDP = 6, 17


def packet(number: int = 0, *, size: int = 1000, protocol: int = UDP, port: int = 9) -> bytes:
    """An IPv4 packet to a port."""
    header = struct.pack("!BBHHHBBH8x", 0x45, 0, size, number, 0, 64, protocol, 0)
    return (header + struct.pack("!HH", 50_000, port)).ljust(size, b"\0")


def path(rules: Filter | None = None, *, outage: bool = False, **figures: Any) -> Path:
    made = Path(to_host=True, seed=7)
    made.change(Direction(**figures), rules or Filter(), outage=outage)
    return made


def number_of(taken: bytes) -> int:
    return int.from_bytes(taken[4:6], "big")


def test_a_clean_network_gives_a_packet_on_at_once() -> None:
    clean = path()
    clean.take(packet(), 5.0)
    assert clean.leaving(5.0) == [packet()]
    assert clean.next_due() is None


def test_a_delayed_packet_comes_when_it_is_due_and_not_before() -> None:
    delayed = path(delay_ms=50)
    delayed.take(packet(), 1.0)
    assert delayed.next_due() == pytest.approx(1.05)
    assert delayed.leaving(1.049) == []
    assert delayed.leaving(1.0501) == [packet()]


def test_jitter_stays_in_its_bounds_and_keeps_the_order() -> None:
    jittery = path(delay_ms=50, jitter_ms=20)
    for number in range(500):
        jittery.take(packet(number), number * 0.001)
    assert jittery.leaving(0.03) == []
    out = jittery.leaving(0.499 + 0.0701)
    assert [number_of(each) for each in out] == list(range(500))


def test_packets_held_back_are_overtaken() -> None:
    shuffled = path(delay_ms=10, reorder=0.1, reorder_ms=20)
    for number in range(1000):
        shuffled.take(packet(number), number * 0.001)
    numbers = [number_of(each) for each in shuffled.leaving(5.0)]
    assert sorted(numbers) == list(range(1000))
    late = sum(after < before for before, after in pairwise(numbers))
    assert 60 < late <= shuffled.counters.held_back < 140


def test_loss_is_the_share_that_was_asked_for_and_the_same_again_with_the_same_seed() -> None:
    outcomes = []
    for _ in range(2):
        lossy = path(loss=0.1)
        for number in range(5000):
            lossy.take(packet(number), 0.0)
        outcomes.append([number_of(each) for each in lossy.leaving(0.0)])
    assert outcomes[0] == outcomes[1]
    assert 0.08 < 1 - len(outcomes[0]) / 5000 < 0.12


def test_loss_in_bursts_has_the_same_share_in_longer_runs() -> None:
    lossy = path(loss=0.1, loss_burst=5)
    for number in range(40_000):
        lossy.take(packet(number), 0.0)
    kept = [number_of(each) for each in lossy.leaving(0.0)]
    runs = [after - before - 1 for before, after in pairwise(kept)]
    bursts = [run for run in runs if run]
    assert 0.08 < 1 - len(kept) / 40_000 < 0.12
    assert 4 < sum(bursts) / len(bursts) < 6


def test_bandwidth_lets_a_packet_through_when_its_bits_are_sent() -> None:
    narrow = path(rate_kbps=1000)  # 1000 bytes take 8 ms
    for number in range(3):
        narrow.take(packet(number), 0.0)
    assert narrow.leaving(0.0079) == []
    assert len(narrow.leaving(0.0081)) == 1
    assert len(narrow.leaving(0.0241)) == 2


def test_what_does_not_fit_into_the_queue_is_dropped_at_the_tail() -> None:
    narrow = path(rate_kbps=1000, queue_bytes=5000)
    for number in range(20):
        narrow.take(packet(number), 0.0)
    assert [number_of(each) for each in narrow.leaving(1.0)] == list(range(6))
    assert narrow.counters.overflowed == 14


def test_a_new_bandwidth_holds_for_what_is_still_in_the_queue() -> None:
    narrow = path(rate_kbps=8, queue_bytes=100_000)  # one second a packet
    for number in range(4):
        narrow.take(packet(number), 0.0)
    narrow.change(Direction(rate_kbps=8000), Filter(), outage=False)
    assert len(narrow.leaving(0.9)) == 0
    assert len(narrow.leaving(1.0031)) == 4


def test_an_outage_takes_what_comes_and_gives_on_what_was_on_its_way() -> None:
    network = path(delay_ms=50)
    network.take(packet(1), 0.0)
    network.change(Direction(delay_ms=50), Filter(), outage=True)
    network.take(packet(2), 0.01)
    network.change(Direction(delay_ms=50), Filter(), outage=False)
    network.take(packet(3), 0.02)
    assert [number_of(each) for each in network.leaving(1.0)] == [1, 3]
    assert network.counters.cut_off == 1


@pytest.mark.parametrize(
    ("rules", "through"),
    [
        (Filter(udp=False), [(TCP, 443), (TCP, 80), (1, 0)]),
        (Filter(udp=False, only_tcp_ports=(443,)), [(TCP, 443), (1, 0)]),
        (Filter(only_tcp_ports=(443,)), [(UDP, 443), (UDP, 9), (TCP, 443), (1, 0)]),
        (Filter(blocked_ports=(443,)), [(UDP, 9), (TCP, 80), (1, 0)]),
        (Filter(udp=False, tcp=False), [(1, 0)]),
    ],
)
def test_a_filter_lets_through_what_it_says(rules: Filter, through: list[tuple[int, int]]) -> None:
    filtered = path(rules)
    kinds = [(UDP, 443), (UDP, 9), (TCP, 443), (TCP, 80), (1, 0)]
    for protocol, port in kinds:
        filtered.take(packet(protocol=protocol, port=port), 0.0)
    found = [kind_of(each) for each in filtered.leaving(0.0)]
    assert [(kind.protocol, kind.target or 0) for kind in found] == through
    assert filtered.counters.filtered == len(kinds) - len(through)


def test_ports_of_ipv6_are_read_also_behind_a_fragments_header() -> None:
    ports = struct.pack("!HH", 1234, 443)
    plain = struct.pack("!IHBB32x", 0x60000000, 8, TCP, 64) + ports
    fragment = struct.pack("!IHBB32xBBHI", 0x60000000, 16, 44, 64, UDP, 0, 1, 5) + ports
    later = struct.pack("!IHBB32xBBHI", 0x60000000, 16, 44, 64, UDP, 0, 8, 5) + ports
    assert (kind_of(plain).protocol, kind_of(plain).target) == (TCP, 443)
    assert (kind_of(fragment).protocol, kind_of(fragment).target) == (UDP, 443)
    assert (kind_of(later).protocol, kind_of(later).target) == (UDP, None)


@pytest.mark.parametrize("junk", [b"", b"\x45", b"\x60" * 30, b"\x45" + b"\0" * 19, b"\xff" * 99])
def test_junk_is_a_packet_without_ports(junk: bytes) -> None:
    assert kind_of(junk).target is None


def test_conditions_are_the_same_after_json() -> None:
    wanted = Conditions(
        up=Direction(delay_ms=5, rate_kbps=100),
        filter=Filter(udp=False, only_tcp_ports=(443,)),
        outage=True,
    )
    assert from_json(wanted.to_json()) == wanted
    assert from_json(CLEAN.to_json()) == CLEAN


def test_figures_that_no_network_has_are_refused() -> None:
    for figures in ({"loss": 1.5}, {"delay_ms": -1}, {"rate_kbps": 0}, {"reorder": 2}):
        with pytest.raises(ValueError, match=r"share|negative|more than 0"):
            both(**figures)
