"""Slow viewers get a picture of their own; there are never more than two; nothing swings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fanlight.media.gateway.layers import FAST_AFTER_S, LEAST_KBPS, SLOW_AFTER_S, LayerPlan


def settled(plan: LayerPlan[str], paths: dict[str, float], from_s: float, for_s: float) -> float:
    now = from_s
    while now < from_s + for_s:
        plan.plan(paths, now)
        now += 0.1
    return now


def test_viewers_whose_paths_are_alike_share_one_picture_at_the_lesser_rate() -> None:
    plan = LayerPlan[str]()
    settled(plan, {"a": 3000, "b": 2000}, 0, 5)
    assert list(plan.kbps) == [2000]
    assert plan.layer_of == {"a": 0, "b": 0}


def test_a_slow_viewer_gets_the_second_picture_and_the_first_stays_as_it_is() -> None:
    plan = LayerPlan[str]()
    settled(plan, {"a": 3000, "b": 600}, 0, SLOW_AFTER_S + 0.3)
    assert list(plan.kbps) == [3000, 600]
    assert plan.layer_of == {"a": 0, "b": 1}


def test_a_viewer_slower_than_the_slow_ones_does_not_pull_them_down() -> None:
    plan = LayerPlan[str]()
    settled(plan, {"a": 3000, "b": 1000, "c": 300}, 0, 3)
    assert plan.layer_of == {"a": 0, "b": 1, "c": 1}
    assert list(plan.kbps) == [3000, 1000]


def test_a_viewer_comes_back_to_the_first_picture_when_its_path_has_been_good_for_a_while() -> (
    None
):
    plan = LayerPlan[str]()
    now = settled(plan, {"a": 3000, "b": 600}, 0, 3)
    now = settled(plan, {"a": 3000, "b": 2900}, now, FAST_AFTER_S - 1)
    assert plan.layer_of["b"] == 1
    settled(plan, {"a": 3000, "b": 2900}, now, 2)
    assert plan.layer_of["b"] == 0
    assert len(plan.kbps) == 1


def test_a_short_dip_starts_no_second_encoder() -> None:
    plan = LayerPlan[str]()
    now = settled(plan, {"a": 3000, "b": 2900}, 0, 2)
    now = settled(plan, {"a": 3000, "b": 500}, now, SLOW_AFTER_S / 2)
    settled(plan, {"a": 3000, "b": 2900}, now, 2)
    assert plan.layer_of == {"a": 0, "b": 0}


def test_a_viewer_nothing_is_known_of_changes_nothing_for_others() -> None:
    plan = LayerPlan[str]()
    settled(plan, {"a": 3000, "new": 0}, 0, 3)
    assert list(plan.kbps) == [3000]
    settled(plan, {"new": 0}, 3, 1)
    assert list(plan.kbps) == []


def test_a_viewer_that_claims_a_path_without_end_makes_no_slow_ones_of_the_others() -> None:
    plan = LayerPlan[str]()
    settled(plan, {"liar": 1e9, "a": 3500}, 0, 5)
    assert plan.layer_of["a"] == 0


@given(
    st.lists(st.dictionaries(st.sampled_from("abcde"), st.floats(0, 1e6)), min_size=1, max_size=40)
)
def test_whatever_the_paths_do_there_are_two_layers_at_most_and_all_viewers_have_one(
    course: list[dict[str, float]],
) -> None:
    plan = LayerPlan[str]()
    for step, paths in enumerate(course):
        plan.plan(paths, step / 2)
        assert set(plan.layer_of) == set(paths)
        assert set(plan.layer_of.values()) <= {0, 1}
        assert len(plan.kbps) <= 2
        assert all(kbps >= LEAST_KBPS for kbps in plan.kbps)
        if 1 in plan.layer_of.values() and any(kbps > 0 for kbps in paths.values()):
            assert plan.kbps
