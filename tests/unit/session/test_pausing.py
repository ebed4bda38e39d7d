"""A desktop that rests and goes on, scene by scene."""

from __future__ import annotations

from fanlight.session import Lifecycle, LifecycleSettings, Reason
from fanlight.session.lifecycle import (
    Adopted,
    DestroyMachine,
    EndRequested,
    Event,
    GuestReadied,
    IdleTimedOut,
    LinkBack,
    LinkLost,
    LinkTimedOut,
    MachineDied,
    MachineStarted,
    MachineStartRefused,
    MachineSuspended,
    Open,
    PauseDue,
    Publish,
    ResumeDeferred,
    ResumeMachine,
    State,
    SuspendMachine,
    SuspendRefused,
    ViewerCame,
    ViewersCounted,
)
from fanlight.testing.playbook import Playbook

RESTS = LifecycleSettings(keep_s=1000, pause_after_s=300)
READY: tuple[Event, ...] = (Open(), MachineStarted(), GuestReadied())
PAUSED: tuple[Event, ...] = (*READY, PauseDue(), MachineSuspended())
BY_OWNER = Reason("ended-by-owner", "You ended it.")


def played(*events: Event, settings: LifecycleSettings = RESTS) -> Playbook[Event]:
    play: Playbook[Event] = Playbook(Lifecycle(settings))
    play(*events)
    return play


def state(play: Playbook[Event]) -> State:
    assert isinstance(play.core, Lifecycle)
    return play.core.state


def pauses(play: Playbook[Event]) -> list[str | None]:
    return [each.view.pause for each in play.said(Publish)]


def test_a_desktop_that_nobody_looks_at_is_written_to_disk() -> None:
    play = played(*READY)
    assert SuspendMachine() in play.wait(300)
    play(MachineSuspended())
    assert state(play) is State.PAUSED
    assert pauses(play)[-2:] == ["pausing", "paused"]


def test_it_stays_while_somebody_looks_and_as_long_again_when_somebody_came() -> None:
    watched = played(*READY, ViewersCounted(1))
    assert PauseDue() not in watched.timers
    play = played(*READY)
    play.wait(299)
    play(ViewerCame())
    play.wait(299)
    assert play.said(SuspendMachine) == []


def test_one_that_signs_a_tool_in_is_never_written_to_disk() -> None:
    login = LifecycleSettings(with_login=True, pause_after_s=300)
    play = played(*READY, PauseDue(), settings=login)
    assert state(play) is State.READY
    assert play.said(SuspendMachine) == []


def test_who_comes_has_it_go_on_and_its_guest_must_answer() -> None:
    play = played(*PAUSED)
    assert ResumeMachine() in play(ViewerCame())
    play(MachineStarted())
    assert state(play) is State.READY
    assert LinkTimedOut() in play.timers
    play(LinkBack())
    assert LinkTimedOut() not in play.timers


def test_who_comes_while_it_is_written_does_not_wait_for_ever() -> None:
    play = played(*READY, PauseDue(), ViewerCame())
    assert ResumeMachine() in play(MachineSuspended())
    assert state(play) is State.RESUMING


def test_a_machine_that_cannot_be_written_goes_on_and_is_tried_later() -> None:
    play = played(*READY, PauseDue(), LinkLost(), SuspendRefused())
    assert state(play) is State.READY
    assert PauseDue() in play.timers


def test_one_for_which_there_is_no_room_is_tried_again_by_itself() -> None:
    play = played(*PAUSED, ViewersCounted(1), ResumeDeferred())
    assert state(play) is State.PAUSED
    assert ResumeMachine() in play.wait(5)


def test_one_that_does_not_go_on_ends_the_session_with_the_reason() -> None:
    play = played(*PAUSED, ViewerCame(), MachineStartRefused("resume-failed", "No memory."))
    assert isinstance(play.core, Lifecycle)
    assert play.core.reason == Reason("resume-failed", "No memory.")
    assert state(play) is State.ENDED


def test_an_end_of_what_is_on_disk_has_no_machine_to_destroy() -> None:
    play = played(*PAUSED)
    assert DestroyMachine() not in play(EndRequested(BY_OWNER))
    assert state(play) is State.ENDED
    assert not play.timers


def test_an_end_while_it_is_resumed_waits_for_the_providers_word() -> None:
    play = played(*PAUSED, ViewerCame(), EndRequested(BY_OWNER))
    assert state(play) is State.ABANDONED
    assert DestroyMachine() in play(MachineStarted())


def test_what_the_end_of_its_process_makes_others_say_is_no_death() -> None:
    play = played(*PAUSED, MachineDied(0), LinkLost())
    assert state(play) is State.PAUSED


def test_it_is_not_kept_on_disk_for_longer_than_in_memory() -> None:
    play = played(*PAUSED)
    play.wait(1000)
    assert state(play) is State.ENDED
    assert isinstance(play.core, Lifecycle)
    assert play.core.reason
    assert play.core.reason.code == "idle"
    assert IdleTimedOut() not in play.timers


def test_a_controller_that_was_restarted_finds_it_on_disk() -> None:
    play = played(Adopted(ready=True, age_s=10.0, paused=True))
    assert state(play) is State.PAUSED
    assert ResumeMachine() in play(ViewerCame())
