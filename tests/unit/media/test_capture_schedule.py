"""When a picture is due, and who asks for a key frame."""

from __future__ import annotations

from fanlight.media.damage import KEY_FRAME_GAP_S, REFINE_AFTER_S, Schedule
from fanlight.media.rtcp import key_frames_wanted


def still_schedule() -> Schedule:
    """A schedule whose picture has been sent and refined; the last one went out at 2.0."""
    schedule = Schedule(frame_gap_s=0.01)
    schedule.sending(1.0)
    schedule.sending(1.0 + REFINE_AFTER_S[-1])
    return schedule


def test_the_first_picture_is_due_at_once() -> None:
    schedule = Schedule()
    assert schedule.due_at() == float("-inf")


def test_a_still_screen_is_refined_and_then_left_alone() -> None:
    schedule = still_schedule()
    assert schedule.due_at() is None


def test_pictures_are_a_frame_apart_and_the_last_one_is_never_lost() -> None:
    schedule = still_schedule()
    schedule.damaged()
    assert schedule.due_at() == 2.01
    schedule.sending(2.01)
    schedule.damaged()
    due_at = schedule.due_at()
    assert due_at is not None
    assert abs(due_at - 2.02) < 1e-9


def test_a_key_frame_on_a_still_screen_sends_the_last_picture_again() -> None:
    schedule = still_schedule()
    schedule.key_frame_wanted()
    assert schedule.due_at() == 2.01
    assert schedule.sending(2.01)
    assert schedule.due_at() is None


def test_many_requests_are_one_key_frame_and_the_next_comes_later() -> None:
    schedule = still_schedule()
    schedule.key_frame_wanted()
    schedule.key_frame_wanted()
    assert schedule.sending(2.01)
    schedule.key_frame_wanted()
    assert schedule.due_at() == 2.01 + KEY_FRAME_GAP_S
    assert not schedule.sending(2.02)
    assert schedule.sending(2.01 + KEY_FRAME_GAP_S)


def test_pli_and_fir_ask_for_key_frames_also_behind_a_report() -> None:
    report = bytes([0x80, 201, 0, 1, 0, 0, 0, 1])
    pli = bytes([0x81, 206, 0, 2]) + bytes(8)
    fir = bytes([0x84, 206, 0, 4]) + bytes(16)
    assert key_frames_wanted(pli)
    assert key_frames_wanted(report + pli)
    assert key_frames_wanted(report + fir)


def test_other_rtcp_and_noise_ask_for_nothing() -> None:
    remb = bytes([0x8F, 206, 0, 4]) + bytes(16)
    for data in (b"", b"\x81", bytes(64), remb, b"\xff" * 32, bytes([0x81, 206])):
        assert not key_frames_wanted(data)
