"""Bit rate first, then frames, then size; down at once, up with care."""

from __future__ import annotations

from fanlight.media.gateway.adaptation import STEPS, UP_S, Adaptation
from fanlight.media.rtcp import Target

HD, FULL_HD = 1280 * 720, 1920 * 1080


def after(adaptation: Adaptation, kbps: float, from_s: float, for_s: float) -> Target:
    now, target = from_s, adaptation.target(kbps, HD, from_s)
    while now < from_s + for_s:
        now += 0.1
        target = adaptation.target(kbps, HD, now)
    return target


def test_each_step_down_costs_frames_before_it_costs_size() -> None:
    adaptation, seen = Adaptation(), []
    for number, kbps in enumerate((4000, 1500, 900, 500, 300, 150, 60)):
        seen.append(after(adaptation, kbps, number * 10, 2))
    assert [target.kbps for target in seen] == [4000, 1500, 900, 500, 300, 150, 60]
    frames = [target.frames_per_s for target in seen]
    scales = [target.scale_percent for target in seen]
    assert frames == sorted(frames, reverse=True)
    assert scales == [100, 100, 100, 100, 75, 50, 50]


def test_a_rate_that_falls_far_is_followed_at_once() -> None:
    adaptation = Adaptation()
    adaptation.target(4000, HD, 0)
    assert adaptation.target(400, HD, 0.05).frames_per_s == 15


def test_up_again_goes_a_step_at_a_time_and_only_with_room_to_spare() -> None:
    adaptation = Adaptation()
    after(adaptation, 300, 0, 2)
    assert after(adaptation, STEPS[2][0] * 1.1, 10, 30).scale_percent == 75
    assert after(adaptation, 4000, 50, UP_S - 0.5).scale_percent == 75
    assert after(adaptation, 4000, 53, 1).scale_percent == 100
    assert after(adaptation, 4000, 60, 3 * UP_S).frames_per_s == 60


def test_a_rate_that_swings_around_a_step_does_not_swing_the_picture() -> None:
    adaptation, seen = Adaptation(), set()
    after(adaptation, 900, 0, 2)
    for number in range(200):
        rate = STEPS[0][0] * (1.05 if number % 2 else 0.95)
        seen.add(adaptation.target(rate, HD, 3 + number / 2).frames_per_s)
    assert seen == {20}


def test_a_larger_display_needs_more_for_the_same() -> None:
    small, large = Adaptation(), Adaptation()
    small.target(700, HD, 0)
    large.target(700, FULL_HD, 0)
    assert small.target(700, HD, 1).frames_per_s > large.target(700, FULL_HD, 1).frames_per_s
