"""How long a session lasts, scene by scene: kept, announced, extended, adopted."""

from __future__ import annotations

import pytest

from fanlight.errors import IllegalEvent, LimitReached
from fanlight.session import Lifecycle, LifecycleSettings, Reason
from fanlight.session.lifecycle import (
    Adopted,
    AnnounceEnd,
    EndRequested,
    Event,
    Extended,
    GuestReadied,
    MachineStarted,
    Open,
    State,
    ViewersCounted,
)
from fanlight.testing.playbook import Playbook

LIMITS = LifecycleSettings(
    keep_s=600, session_timeout_s=3600, max_session_s=7200, notice_s=120, boot_timeout_s=60
)
READY = (Open(), MachineStarted(), GuestReadied())


class Scene:
    """A session that is played, and what may be seen of it."""

    def __init__(self, *events: Event, settings: LifecycleSettings = LIMITS) -> None:
        self.core = Lifecycle(settings)
        self.play: Playbook[Event] = Playbook(self.core)
        self.play(*events)

    def announced(self) -> list[str]:
        return [each.why for each in self.play.said(AnnounceEnd)]

    def state(self) -> State:
        return self.core.state

    def ends_s(self) -> float | None:
        return self.core.view.ends_s

    def watch(self, count: int) -> None:
        self.play(ViewersCounted(count, self.play.clock()))

    def extend(self) -> None:
        self.play(Extended(self.play.clock()))


def test_a_session_that_nobody_looks_at_announces_its_end_two_minutes_before() -> None:
    scene = Scene(*READY)
    scene.play.wait(479)
    assert scene.announced() == []
    scene.play.wait(1)
    assert scene.announced() == ["idle"]
    assert (scene.core.view.ends_s, scene.core.view.looming) == (600, "idle")
    scene.play.wait(119)
    assert scene.state() is State.READY
    scene.play.wait(1)
    assert scene.state() is State.ENDING
    assert scene.core.reason
    assert scene.core.reason.code == "idle"


def test_a_viewer_that_comes_after_the_announcement_takes_it_back() -> None:
    scene = Scene(*READY)
    scene.play.wait(500)
    scene.watch(1)
    assert (scene.core.view.ends_s, scene.core.view.looming) == (3600, None)
    scene.play.wait(1000)
    assert scene.state() is State.READY
    scene.watch(0)
    assert scene.core.view.ends_s == 1500 + 600


def test_half_of_a_short_time_is_left_when_its_end_is_announced() -> None:
    scene = Scene(*READY, settings=LifecycleSettings(keep_s=10, session_timeout_s=60))
    scene.play.wait(5)
    assert scene.announced() == ["idle"]
    scene.watch(1)
    scene.play.wait(25)
    assert scene.announced() == ["idle", "limit"]
    scene.play.wait(30)
    assert scene.core.reason
    assert scene.core.reason.code == "session-timed-out"


def test_a_session_whose_time_is_over_ends_under_its_viewers_unless_it_is_extended() -> None:
    scene = Scene(*READY, ViewersCounted(1))
    scene.play.wait(3500)
    assert scene.announced() == ["limit"]
    scene.extend()
    assert (scene.core.view.ends_s, scene.core.view.looming) == (3500 + 3600, None)
    scene.play.wait(3599)
    assert scene.state() is State.READY
    scene.play.wait(1)
    assert scene.state() is State.ENDING


def test_extending_puts_the_end_for_want_of_viewers_off_too() -> None:
    scene = Scene(*READY)
    scene.play.wait(590)
    scene.extend()
    assert (scene.core.view.ends_s, scene.core.view.looming) == (590 + 600, None)
    scene.play.wait(599)
    assert scene.state() is State.READY


def test_a_session_lasts_no_longer_than_any_may_however_often_it_is_extended() -> None:
    scene = Scene(*READY, ViewersCounted(1))
    for _ in range(2):
        scene.play.wait(3000)
        scene.extend()
    assert scene.core.view.ends_s == 7200
    with pytest.raises(LimitReached, match="7200 seconds in all"):
        scene.extend()
    scene.watch(0)
    scene.extend()  # who looks again has won nothing but the time of being kept
    assert scene.core.view.ends_s == 6600
    scene.watch(1)
    scene.play.wait(1200)
    assert scene.core.reason
    assert scene.core.reason.code == "session-timed-out"


def test_a_booting_session_can_be_extended_and_one_that_is_over_cannot() -> None:
    scene = Scene(Open())
    scene.play.wait(30)
    scene.extend()
    assert scene.ends_s() == 3630
    scene.play(EndRequested(Reason("ended-by-owner", "You ended it.")))
    assert scene.ends_s() is None
    with pytest.raises(IllegalEvent):
        scene.extend()


def test_a_new_controller_keeps_an_unwatched_session_for_what_was_left() -> None:
    scene = Scene(Adopted(True, 1000.0, granted_s=5000.0, idle_until_s=1300.0))
    assert scene.core.view.ends_s == 1300
    scene.play.wait(180)
    assert scene.announced() == ["idle"]
    scene.play.wait(120)
    assert scene.state() is State.ENDING


def test_a_controller_that_was_away_for_long_leaves_time_to_come_back() -> None:
    scene = Scene(Adopted(True, 2000.0, idle_until_s=1300.0))
    scene.play.wait(0)
    assert scene.announced() == ["idle"]
    assert scene.core.view.ends_s == 2000 + 120


def test_what_was_granted_survives_a_restart_and_so_does_its_end() -> None:
    scene = Scene(Adopted(True, 4990.0, granted_s=5000.0), ViewersCounted(1, 4990.0))
    scene.play.wait(0)
    assert scene.announced() == ["limit"]
    scene.play.wait(10)
    assert scene.core.reason
    assert scene.core.reason.code == "session-timed-out"
