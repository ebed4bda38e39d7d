"""A bucket lets a burst through, and its rate on the long run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fanlight.host.pace import Bucket, Meter


@given(
    st.integers(1, 100),
    st.integers(1, 500),
    st.lists(st.floats(0, 10), min_size=1, max_size=200),
)
def test_never_more_is_taken_than_the_burst_and_the_rate_of_the_time_that_passed(
    rate: int, burst: int, waits: list[float]
) -> None:
    bucket, now_s, taken = Bucket(rate, burst), 0.0, 0
    for wait_s in waits:
        now_s += wait_s
        taken += bucket.take(now_s)
    assert taken <= burst + rate * (now_s - waits[0]) + 1e-6


@given(st.integers(1, 100), st.integers(1, 100))
def test_after_a_rest_the_whole_burst_is_there_again(rate: int, burst: int) -> None:
    bucket = Bucket(rate, burst)
    for start_s in (0.0, burst / rate + 1):
        assert all(bucket.take(start_s) for _ in range(burst))
        assert not bucket.take(start_s)


def test_a_clock_that_stands_gives_nothing_and_no_rate_is_no_limit() -> None:
    bucket = Bucket(1, 1)
    assert bucket.take(5.0)
    assert not bucket.take(5.0)
    assert not bucket.take(4.0)
    assert all(Bucket(0, 0).take(0.0) for _ in range(1000))


@given(
    st.integers(1, 1000),
    st.integers(0, 1000),
    st.lists(st.tuples(st.integers(1, 500), st.floats(0, 3)), min_size=1, max_size=100),
)
def test_who_waits_as_told_passes_no_more_than_rate_and_burst(
    rate: int, burst: int, parts: list[tuple[int, float]]
) -> None:
    meter, now_s, passed = Meter(rate, burst), 0.0, 0
    for amount, rest_s in parts:
        # Before each part, what has passed is within what the time allows.
        assert passed <= burst + rate * now_s + 1e-6
        now_s += meter.pass_on(amount, now_s) + rest_s
        passed += amount


@given(st.integers(2, 20))
def test_many_users_of_a_meter_get_its_rate_together(users: int) -> None:
    meter = Meter(100, 0)

    waits = [meter.pass_on(100, 0.0) for _ in range(users)]

    assert waits == [float(n + 1) for n in range(users)]


def test_without_a_rate_nobody_waits() -> None:
    assert Meter(0, 0).pass_on(1 << 40, 0.0) == 0
