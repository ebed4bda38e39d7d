"""Key frame requests are few, viewers' clocks go forward, input is bounded."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanlight import wire
from fanlight.media.gateway.input import ControlPipe, InputGate, check_input
from fanlight.media.gateway.key_frames import KeyFrameRequests
from fanlight.media.gateway.limits import Limits, TokenBucket
from fanlight.media.gateway.timeline import Timeline


def test_requests_in_one_interval_become_two() -> None:
    requests = KeyFrameRequests(interval_s=0.2, patience_s=0.5)
    sent = [requests.want(100 + tick / 1000) for tick in range(200)]
    assert sent.count(True) == 1
    assert requests.due(100.2)
    assert not requests.due(100.3)


def test_a_key_frame_answers_every_request() -> None:
    requests = KeyFrameRequests(interval_s=0.2, patience_s=0.5)
    requests.want(100)
    requests.want(100.1)
    requests.arrived()
    assert requests.next_due() is None
    assert not requests.due(200)


def test_a_request_without_an_answer_is_repeated() -> None:
    requests = KeyFrameRequests(interval_s=0.2, patience_s=0.5)
    assert requests.want(100)
    assert not requests.due(100.4)
    assert requests.due(100.5)
    assert requests.unanswered_s(103) == 3


def test_a_new_viewer_does_not_wait_for_the_interval() -> None:
    requests = KeyFrameRequests(interval_s=0.2, patience_s=0.5)
    assert requests.want(100)
    assert not requests.want(100.1)
    assert requests.want(100.1, new_viewer=True)


@given(st.lists(st.floats(0, 0.3), max_size=200))
def test_viewers_that_are_there_cannot_ask_more_often_than_the_interval(gaps: list[float]) -> None:
    requests = KeyFrameRequests(interval_s=0.2, patience_s=0.5)
    now, sent = 0.0, []
    for gap in gaps:
        now += gap
        if requests.want(now) or requests.due(now):
            sent.append(now)
    assert all(later - earlier >= 0.199 for earlier, later in itertools.pairwise(sent))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1), st.integers(0, 2**32 - 1))
def test_a_new_source_goes_on_where_the_one_before_was(starts: list[int], first: int) -> None:
    timeline = Timeline(first_sequence=65_000, first_timestamp=first)
    now, last = 10.0, first
    for start in starts:
        source = object()
        for step in (0, 3000):
            stamp = timeline.timestamp(source, (start + step) % 2**32, now)
            assert 0 < (stamp - last) % 2**32 < 90_000 * 10
            last, now = stamp, now + 1 / 30


def test_sequence_numbers_have_no_gap() -> None:
    timeline = Timeline(first_sequence=65_534, first_timestamp=0)
    numbers = [*timeline.sequences(3), *timeline.sequences(2)]
    assert [number % 65536 for number in numbers] == [65534, 65535, 0, 1, 2]


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    bucket = TokenBucket(10, 5)
    assert [bucket.take(1.0) for _ in range(6)] == [True] * 5 + [False]
    assert bucket.take(1.11)
    assert not bucket.take(1.12)


@pytest.mark.parametrize(
    "message",
    [
        wire.PointerMoved(0, 16_384),
        wire.ButtonChanged(9, True, 1, 1),
        wire.WheelTurned(-100, 100),
        wire.KeyChanged(0x1000000 + 0x20AC, True),
        wire.TextTyped("a paste" * 1000),
        wire.KeysReleased(),
        wire.InputPing(1.0),
    ],
)
def test_what_a_person_does_passes(message: wire.Message) -> None:
    assert check_input(wire.encode(message), 65_536) == message


@pytest.mark.parametrize(
    "message",
    [
        wire.PointerMoved(-1, 0),
        wire.PointerMoved(0, 1 << 70),
        wire.ButtonChanged(4, True, 1, 1),
        wire.WheelTurned(101, 0),
        wire.KeyChanged(0, True),
        wire.KeyChanged(1 << 29, True),
        wire.TextTyped("x" * 70_000),
        wire.InputPong(1.0),
        wire.DisplaySize(1, 1),
        wire.GatewayHello(),
    ],
)
def test_what_no_viewer_may_say_does_not_pass(message: wire.Message) -> None:
    assert check_input(wire.encode(message), 65_536) is None


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_input_or_counted_as_refused(data: bytes | str) -> None:
    gate = InputGate(Limits())
    assert (gate.take(data, 1.0) is None) == (gate.refused == 1)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.setblocking(False)
        yield ours, theirs


def drained(pipe: ControlPipe, theirs: socket.socket) -> list[bytes]:
    """Everything that was written and what waited behind it."""
    heard = []
    while True:
        try:
            heard.append(theirs.recv(1 << 17))
        except BlockingIOError:
            return heard
        pipe.flush()


def test_pointer_moves_that_wait_become_one(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    pipe = ControlPipe(ours, max_queued=512)
    while not pipe.is_waiting:
        pipe.send(wire.TextTyped("x" * 60_000))
    for x in range(1000):
        pipe.send(wire.PointerMoved(x, 0))
    assert wire.decode(drained(pipe, theirs)[-1]) == wire.PointerMoved(999, 0)
    assert pipe.dropped == 0


def test_a_machine_that_does_not_read_is_told_to_let_go_of_every_key(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    pipe = ControlPipe(ours, max_queued=4)
    for _ in range(50):
        pipe.send(wire.TextTyped("x" * 60_000))
    assert pipe.dropped > 0
    released = wire.encode(wire.KeysReleased())
    assert released in drained(pipe, theirs)


def test_only_sizes_a_display_can_have_are_taken(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    sizes: list[wire.DisplaySize] = []
    for data in (
        b"\xff",
        b"{}",
        wire.encode(wire.DisplaySize(0, 5)),
        wire.encode(wire.DisplaySize(4, 5)),
    ):
        theirs.send(data)
    assert ControlPipe(ours, max_queued=4).receive(sizes.append)
    assert sizes == [wire.DisplaySize(4, 5)]
    theirs.close()
    assert not ControlPipe(ours, max_queued=4).receive(sizes.append)
