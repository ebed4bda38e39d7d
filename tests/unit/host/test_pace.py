"""A bucket lets a burst through, and its rate on the long run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fanlight.host.pace import Bucket


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
