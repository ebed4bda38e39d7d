"""How large the pool is to be, and what is done next about it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fanlight.machines.demand import (
    BURST_S,
    REMEMBERED_S,
    Demand,
    GiveUp,
    Idle,
    Make,
    PoolSettings,
    Room,
    is_aged,
    next_step,
)
from fanlight.wire import MachineRef

SETTINGS = PoolSettings(machines=1, most=4, max_age_s=1000, quiet_s=3600)


def waits(name: str, tag: str = "a", born_at: float = 0.0) -> Idle:
    return Idle(MachineRef(name), tag, born_at)


def step(
    idle: list[Idle], wanted: dict[str, int], now: float = 0.0, room: Room = "enough"
) -> Make | GiveUp | None:
    return next_step(idle, wanted, now, room=room, max_age_s=1000)


def test_nothing_waits_before_anybody_asked() -> None:
    assert Demand(SETTINGS).wanted(0.0) == {}


def test_one_waits_of_a_kind_that_is_in_use_until_it_was_quiet_for_long() -> None:
    demand = Demand(SETTINGS)
    demand.asked("a", 100.0)

    assert demand.wanted(100.0) == {"a": 1}
    assert demand.wanted(3699.0) == {"a": 1}
    assert demand.wanted(3700.0) == {}


def test_as_many_wait_as_came_at_once_lately_and_fewer_again_later() -> None:
    demand = Demand(SETTINGS)
    for at in (0.0, 1.0, 2.0, 2.0 + BURST_S):
        demand.asked("a", at)

    assert demand.wanted(40.0) == {"a": 3}
    assert demand.wanted(REMEMBERED_S + 10) == {"a": 1}


def test_however_many_come_no_more_than_the_most_wait() -> None:
    demand = Demand(SETTINGS)
    for _ in range(50):
        demand.asked("a", 0.0)
    demand.asked("b", 1.0)

    assert demand.wanted(2.0) == {"a": 3, "b": 1}, "every kind in use has one first"


def test_no_pool_is_wanted_when_the_setting_says_none() -> None:
    demand = Demand(PoolSettings(machines=0))
    demand.asked("a", 0.0)

    assert demand.wanted(0.0) == {}


def test_what_lacks_is_made_and_what_is_unwanted_goes() -> None:
    assert step([], {"a": 1}) == Make("a")
    assert step([waits("m1")], {"a": 1}) is None
    assert step([waits("m1"), waits("m2", born_at=5.0)], {"a": 1}, 9.0) == GiveUp(
        MachineRef("m1"), "unwanted"
    )
    assert step([waits("m1", "old")], {"a": 1}) == GiveUp(MachineRef("m1"), "unwanted")


def test_an_old_one_goes_when_another_has_taken_its_place() -> None:
    old = waits("m1")

    assert step([old], {"a": 1}, 1000.0) == Make("a")
    both = [old, waits("m2", born_at=1000.0)]
    assert step(both, {"a": 1}, 1001.0) == GiveUp(MachineRef("m1"), "aged")
    assert step([old], {"a": 1}, 1000.0, "tight") == GiveUp(MachineRef("m1"), "aged")


def test_a_host_that_is_short_of_memory_gets_it_back_and_a_tight_one_keeps_what_it_has() -> None:
    assert step([waits("m1")], {"a": 2}, room="tight") is None
    assert step([waits("m1")], {"a": 2}, room="short") == GiveUp(MachineRef("m1"), "memory")
    assert step([], {"a": 2}, room="short") is None


def test_what_was_made_at_once_is_not_replaced_at_once() -> None:
    made = [waits(f"w-{n}") for n in range(8)]

    ages = {next(t for t in range(0, 1001) if is_aged(each, t, 1000.0)) for each in made}

    assert len(ages) == len(made)
    assert min(ages) >= 740
    assert max(ages) <= 1000


tags = st.sampled_from("abc")
idle = st.lists(st.tuples(tags, st.floats(0, 5000)), max_size=8)
asks = st.lists(st.tuples(tags, st.floats(0, 5000)), max_size=40)


@given(idle, asks, st.integers(0, 3), st.integers(0, 6), st.floats(5000, 9000))
def test_the_pool_comes_to_rest_as_it_is_wanted(
    there: list[tuple[str, float]],
    asked: list[tuple[str, float]],
    machines: int,
    most: int,
    now: float,
) -> None:
    demand = Demand(PoolSettings(machines=machines, most=most))
    for tag, at in sorted(asked, key=lambda each: each[1]):
        demand.asked(tag, at)
    wanted = demand.wanted(now)
    waiting = {
        MachineRef(f"m{n}"): waits(f"m{n}", tag, born) for n, (tag, born) in enumerate(there)
    }
    before = len(waiting)
    assert sum(wanted.values()) <= most

    for number in range(100):
        match step(list(waiting.values()), wanted, now):
            case Make(tag):
                new = waits(f"n{number}", tag, now)
                waiting[new.ref] = new
            case GiveUp(ref):
                del waiting[ref]
            case None:
                break
        assert len(waiting) <= max(before, most) + most
    else:
        raise AssertionError("it never comes to rest")

    assert {tag: sum(each.tag == tag for each in waiting.values()) for tag in wanted} == wanted
    assert len(waiting) == sum(wanted.values())
    assert not any(is_aged(each, now, 1000) for each in waiting.values())


@given(idle, st.floats(5000, 9000))
def test_a_host_short_of_memory_ends_with_none(there: list[tuple[str, float]], now: float) -> None:
    waiting = [waits(f"m{n}", tag, born) for n, (tag, born) in enumerate(there)]

    while waiting:
        given_up = step(waiting, {"a": 2, "b": 1}, now, "short")
        assert isinstance(given_up, GiveUp)
        waiting = [each for each in waiting if each.ref != given_up.ref]

    assert step(waiting, {"a": 2}, now, "short") is None
