"""What is underway to a viewer over a WebSocket stays fresh, and tells what its path carries."""

from __future__ import annotations

from fanlight.media.gateway.window import MOST_KBPS, AckWindow

FRAME_S = 1 / 30
KBIT = 1000 / 8


class Path:
    """A path of so many kbit/s and so much delay each way, in a time of its own."""

    def __init__(self, kbps: float, delay_s: float = 0.02) -> None:
        self.window = AckWindow(1_000_000)
        self.kbps, self.delay_s = kbps, delay_s
        self.now, self.free_at, self.number, self.left_out = 0.0, 0.0, 0, 0
        self.acks: list[tuple[float, int]] = []
        self.oldest_s = 0.0
        self.behind = False

    def offer(self, size: int) -> None:
        """A frame is there to be sent, as 30 times a second."""
        self.now += FRAME_S
        while self.acks and self.acks[0][0] <= self.now:
            at, number = self.acks.pop(0)
            assert self.window.acked(number, at)
        if self.window.is_full(self.now):
            self.left_out += 1
            self.window.fall_behind()
            self.behind = True
        self.behind = self.behind and not self.window.is_empty
        if self.behind:
            return
        self.number += 1
        self.window.sent(self.number, size, self.now)
        self.free_at = max(self.now, self.free_at) + size / (self.kbps * KBIT)
        seen_at = self.free_at + self.delay_s
        self.oldest_s = max(self.oldest_s, seen_at - self.now)
        self.acks.append((seen_at + self.delay_s, self.number))


def test_a_path_that_carries_all_is_taken_to_carry_more_than_there_is() -> None:
    path = Path(10_000)
    for number in range(300):
        path.offer(60_000 if number % 100 == 0 else 4_000)
    assert (path.left_out, path.window.estimate_kbps) == (0, MOST_KBPS)


def test_a_path_that_is_too_slow_is_measured() -> None:
    path = Path(1_000)
    for _ in range(90):
        path.offer(8_000)  # 1.9 Mbit/s
    assert 600 <= path.window.estimate_kbps <= 1_000
    assert path.left_out > 0


def test_a_path_that_is_far_too_slow_is_measured_too() -> None:
    path = Path(240)
    for number in range(240):
        path.offer(12_000 if number % 60 == 0 else 2_500)  # 600 kbit/s, and key frames
    assert 150 <= path.window.estimate_kbps <= 260


def test_what_is_seen_is_never_old_on_a_path_that_becomes_slow() -> None:
    path = Path(10_000)
    for _ in range(60):
        path.offer(8_000)
    path.kbps = 1_000
    for _ in range(150):
        path.offer(8_000)
    # 0.6 s of frames at 1.9 Mbit/s were underway when it was full: they take twice as long.
    assert path.oldest_s < 1.4


def test_more_is_tried_once_the_queue_is_gone() -> None:
    path = Path(1_000)
    for _ in range(90):
        path.offer(8_000)
    path.kbps, known = 10_000, path.window.estimate_kbps
    for _ in range(300):
        path.offer(4_000)
    assert path.window.estimate_kbps > known * 1.5


def test_a_long_way_is_not_a_slow_one() -> None:
    path = Path(10_000, delay_s=0.3)
    for _ in range(300):
        path.offer(4_000)
    assert (path.left_out, path.window.estimate_kbps) == (0, MOST_KBPS)


def test_a_viewer_that_never_acks_holds_bounded_bytes_and_is_known() -> None:
    window = AckWindow(100_000)
    sent = 0
    for number in range(1, 1000):
        now = number * 0.001
        if not window.is_full(now):
            window.sent(number, 4_000, now)
            sent += 4_000
    assert sent == window.bytes_underway == 100_000
    assert window.unacked_s(9.001) == 9.0


def test_acks_of_frames_that_were_never_sent_are_refused() -> None:
    window = AckWindow(100_000)
    assert not window.acked(1, 0.0)
    window.sent(1, 10, 0.0)
    window.sent(2, 10, 0.0)
    assert not window.acked(3, 0.1)
    assert window.acked(1, 0.1)
    assert not window.acked(1, 0.2)
    assert window.acked(2, 0.2)
    assert window.is_empty
    assert window.bytes_underway == 0


def test_frames_that_never_left_are_not_waited_for() -> None:
    window = AckWindow(100_000)
    for number in (1, 2, 3):
        window.sent(number, 10, 0.0)
    window.unsent(2)
    assert window.bytes_underway == 10
    assert window.acked(1, 0.1)
    assert window.unacked_s(50.0) == 0.0
