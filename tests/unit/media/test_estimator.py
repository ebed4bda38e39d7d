"""The estimate follows the path: simulated bottlenecks, behind the gateway's own pacer."""

from __future__ import annotations

import json
from pathlib import Path as FilePath

import pytest

from fanlight.media.gateway.estimator import FLOOR_KBPS, START_KBPS, Arrival, Estimator
from fanlight.media.gateway.retransmissions import RetransmissionGate
from fanlight.media.gateway.trains import Trains

from .bottleneck import Encoder, Path, simulate, steady

TRACE = FilePath(__file__).parent / "traces" / "to-a-megabit.jsonl"
LAN = Path(steady(10_000), delay_s=0.005)


def stepping(at_s: tuple[float, float], high_kbps: float, low_kbps: float) -> Path:
    def rate(now: float) -> float:
        return low_kbps if at_s[0] <= now < at_s[1] else high_kbps

    return Path(rate, delay_s=0.02)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_good_path_is_found_within_seconds_and_its_queue_stays_short(seed: int) -> None:
    run = simulate(LAN, 15, seed=seed)
    assert run.first_over(6000, since=0) < 3
    assert 6000 < run.estimate(5, 15) < 10_000
    assert run.queue_s(3, 15) < 0.1


@pytest.mark.parametrize("seed", [1, 2])
def test_one_megabit_is_used_and_not_exceeded(seed: int) -> None:
    run = simulate(Path(steady(1000), delay_s=0.025), 20, seed=seed)
    assert 650 < run.estimate(3, 20) < 1100
    assert run.queue_s(4, 20, share=0.9) < 0.15


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("most_kbps", [4000, 20_000])
def test_steps_down_and_up_again_are_followed(seed: int, most_kbps: float) -> None:
    path = stepping((15, 30), 10_000, 1000)
    run = simulate(path, 45, encoder=Encoder(max_kbps=most_kbps), seed=seed)
    assert run.estimate(10, 15) > 5000
    assert run.estimate(18, 30) < 1100
    assert run.queue_s(20, 30) < 0.3
    assert run.first_over(4000, since=30) < 10


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("loss", [0.02, 0.1])
def test_random_loss_on_an_ample_path_does_not_ruin_the_rate(seed: int, loss: float) -> None:
    run = simulate(Path(steady(20_000), delay_s=0.025, loss=loss), 20, seed=seed)
    assert run.lowest(5, 20) > 6000


@pytest.mark.parametrize("seed", [1, 2])
def test_jitter_that_reorders_does_not_ruin_the_rate(seed: int) -> None:
    run = simulate(Path(steady(10_000), delay_s=0.025, jitter_s=0.05), 20, seed=seed)
    assert run.lowest(1, 20) > 2000
    assert run.queue_s(3, 20) < 0.1


@pytest.mark.parametrize("seed", [1, 2])
def test_lost_feedback_costs_little(seed: int) -> None:
    run = simulate(Path(steady(10_000), delay_s=0.025, feedback_loss=0.3), 20, seed=seed)
    assert run.estimate(5, 20) > 5000
    assert run.queue_s(3, 20) < 0.15


def test_a_shallow_queue_that_drops_is_noticed_without_any_delay() -> None:
    run = simulate(Path(steady(2000), delay_s=0.025, queue_bytes=12_000), 20)
    assert run.highest(3, 20) < 2600


def test_a_still_desktop_neither_raises_the_estimate_nor_lets_it_fall() -> None:
    still = Encoder(activity=lambda now: now < 1)
    run = simulate(LAN, 60, encoder=still)
    assert run.highest(2, 60) == run.lowest(2, 60)


def test_a_desktop_that_moves_now_and_then_finds_what_its_path_carries() -> None:
    bursts = Encoder(activity=lambda now: now % 5 < 0.3)
    assert simulate(LAN, 60, encoder=bursts).estimate(40, 60) > 6000
    slow = simulate(Path(steady(1000), delay_s=0.025), 60, encoder=bursts)
    assert slow.highest(2, 60) < 1200
    assert slow.lowest(2, 60) > 500


def test_a_path_that_becomes_longer_is_not_taken_for_a_full_one() -> None:
    """960 kbit/s, rerouted by 60 ms: the rate falls to what arrives and comes back."""
    estimator = Estimator(kbps=3000)
    seen = []
    for step in range(2000):
        now = 100.0 + step / 100
        detour_s = 0.06 if step > 300 else 0.0
        feed = Arrival(step, now - 0.09, now - 0.06 + detour_s, 1200)
        estimator.feed([feed], now)
        seen.append(estimator.kbps)
    assert min(seen) > 700
    assert seen[-1] > 1.4 * 960
    assert estimator.queue_s < 0.01


def test_a_viewer_that_claims_anything_stays_within_bounds() -> None:
    estimator = Estimator()
    estimator.feed([Arrival(1, 5.0, 1e300, 1200), Arrival(2, 5.0, -1e300, 1200)], 5.1)
    estimator.feed([Arrival(n, 5.1, 5.1, 1200) for n in range(3, 60)], 5.2)
    estimator.feed([Arrival(60, 1e9, 1.0, 1200), Arrival(61, 5.1, 1.0, -5)], 5.3)
    assert estimator.ignored == 2
    for step in range(3000):
        now = 6 + step * 0.1
        estimator.feed([Arrival(step * 10 + n, now, now, 60_000) for n in range(10)], now + 0.05)
    assert FLOOR_KBPS <= estimator.kbps <= estimator.ceiling_kbps


def test_a_viewer_whose_path_is_always_full_keeps_no_list_that_grows() -> None:
    trains = Trains()
    for burst in range(2_000):
        for packet in range(4):
            at = burst * 0.03 + packet * 0.001
            trains.add(at, at * 2, 1_200)
    assert 0 < len(trains._done) <= 256
    assert trains.proven_kbps(2_000 * 0.03) > 0


def test_a_packet_said_lost_that_arrives_late_is_not_lost() -> None:
    estimator = Estimator()
    sent = [Arrival(n, n / 100, None if n == 5 else n / 100, 1200) for n in range(1, 11)]
    estimator.feed(sent, 0.2)
    assert estimator.loss == pytest.approx(0.1)
    estimator.feed([Arrival(5, 0.05, 0.25, 1200)], 0.3)
    assert estimator.loss == 0


def test_without_arrivals_loss_decides() -> None:
    estimator = Estimator()
    estimator.report(loss=0.3, round_trip_s=0.05, now=1.0)
    assert estimator.kbps == pytest.approx(START_KBPS * 0.85)
    estimator.report(loss=0.05, round_trip_s=0.05, now=2.0)
    assert estimator.kbps == pytest.approx(START_KBPS * 0.85)
    estimator.report(loss=0.0, round_trip_s=0.05, now=3.0)
    assert estimator.kbps > START_KBPS * 0.85


def test_silence_while_packets_go_out_halves_the_estimate_once() -> None:
    estimator = Estimator(kbps=4000)
    estimator.feed([Arrival(1, 0.9, 0.95, 1200)], 1.0)
    for tick in range(20):
        estimator.tick(1.0 + tick / 2, last_sent_at=1.0 + tick / 2)
    assert estimator.kbps == 2000
    estimator = Estimator(kbps=4000)
    estimator.feed([Arrival(1, 0.9, 0.95, 1200)], 1.0)
    estimator.tick(60.0, last_sent_at=0.9)
    assert estimator.kbps == 4000


def test_a_picture_that_the_estimate_holds_down_is_tried_with_more() -> None:
    """100 kbit/s is all that a small picture of few frames makes: no evidence, and no queue."""
    for is_held, most in ((True, 2000), (False, 500)):
        estimator = Estimator(kbps=500, is_held=is_held)
        for step in range(400):
            now = 5 + step / 10
            estimator.feed([Arrival(step, now - 0.05, now - 0.03, 1250)], now)
        assert estimator.kbps == most


def test_only_so_many_lost_packets_are_sent_again_and_none_twice_in_a_round_trip() -> None:
    gate = RetransmissionGate()
    gate.path(1000, 0.1)
    assert gate.take(7, 1.0)
    assert not gate.take(7, 1.05)
    assert gate.take(7, 1.2)
    now, sent = 2.0, 0
    for number in range(10_000):
        now += 0.001
        sent += gate.take(number, now)
    assert sent < 40 + 10 * 1000 / 9.6 * 0.45
    assert gate.refused > 9000


def test_more_missing_than_can_be_sent_again_is_given_up() -> None:
    gate = RetransmissionGate()
    gate.path(1000, 0.1)
    hopeless = []
    for number in (*range(40), *range(100, 180)):
        gate.take(number, 1.0)
        hopeless.append(gate.is_hopeless)
    gate.begin_anew()
    assert not any(hopeless[:60])
    assert hopeless[-1]
    assert not gate.is_hopeless


def test_a_packet_now_and_then_that_finds_no_room_is_not_hopeless() -> None:
    gate = RetransmissionGate()
    gate.path(kbps=10.0, round_trip_s=0.02)
    number = 0
    for second in range(60):
        for _ in range(8):  # the path has room for five a second
            number += 1
            gate.take(number, now=float(second))
    assert gate.refused > 60
    assert not gate.is_hopeless


def test_a_recorded_fall_to_a_megabit_is_followed_within_a_second() -> None:
    """Chromium's feedback for a scrolling display, whose path fell to 1 Mbit/s after 3 s.

    A line for each feedback: when it came, and [number, sent, arrived or null, bytes] of each
    packet, in units of 0.1 ms.
    """
    estimator, seen = Estimator(), []
    for line in TRACE.read_text().splitlines():
        now, packets = json.loads(line)
        estimator.feed(
            [
                Arrival(number, sent / 1e4, None if at is None else at / 1e4, size)
                for number, sent, at, size in packets
            ],
            now / 1e4,
        )
        seen.append((now / 1e4, estimator.kbps))
    assert max(kbps for at, kbps in seen if at < 3) > 6000
    fell_at = next(at for at, kbps in seen if at > 2.5 and kbps < 1100)
    assert fell_at < 4.2
    assert all(400 < kbps < 1300 for at, kbps in seen if at > fell_at + 0.5)
