"""A session's life, scene by scene."""

from __future__ import annotations

import pytest

from fanlight.errors import IllegalEvent
from fanlight.session import CancelTimer, Lifecycle, LifecycleSettings, Reason, SetTimer
from fanlight.session.lifecycle import (
    AbsoluteTimedOut,
    Adopted,
    BootTimedOut,
    CloseGatewaySession,
    DestroyMachine,
    EndRequested,
    Event,
    GatewayBack,
    GatewayLost,
    GuestFailed,
    GuestReadied,
    GuestStage,
    IdleLooms,
    IdleTimedOut,
    LeaveTool,
    LimitLooms,
    LinkBack,
    LinkLost,
    LinkTimedOut,
    LoginFinished,
    MachineDestroyed,
    MachineDied,
    MachineStarted,
    MachineStartRefused,
    Open,
    OpenGatewaySession,
    PrepareTool,
    Publish,
    StartLogin,
    StartMachine,
    State,
    ToolFailed,
    ToolReadied,
    View,
    ViewersCounted,
    why,
)
from fanlight.testing.playbook import Playbook

BY_OWNER = Reason("ended-by-owner", "You ended it.")
WITH_LOGIN = LifecycleSettings(with_login=True)


def played(*events: Event, settings: LifecycleSettings | None = None) -> Playbook[Event]:
    play: Playbook[Event] = Playbook(Lifecycle(settings or LifecycleSettings()))
    play(*events)
    return play


def state(play: Playbook[Event]) -> State:
    assert isinstance(play.core, Lifecycle)
    return play.core.state


def reason(play: Playbook[Event]) -> str:
    assert isinstance(play.core, Lifecycle)
    assert play.core.reason
    return play.core.reason.code


def test_a_session_that_is_asked_for_opens_the_gateway_before_it_starts_a_machine() -> None:
    assert Lifecycle().handle(Open()) == [
        Publish(View("booting", 0, (), None, ends_s=14400)),
        OpenGatewaySession(),
        StartMachine(),
        SetTimer(60, BootTimedOut()),
        SetTimer(14400, AbsoluteTimedOut()),
        SetTimer(14280, LimitLooms()),
    ]


def test_each_stage_of_the_boot_is_published_with_its_percent() -> None:
    play = played(Open(), MachineStarted())
    assert play(GuestStage("display", 140.0)) == [
        Publish(View("booting", 20, (("display", 140.0),), None, ends_s=14400))
    ]
    assert play(GuestStage("display", 900.0)) == []


def test_a_ready_guest_is_published_and_starts_the_login() -> None:
    play = played(Open(), ToolReadied(), MachineStarted(), settings=WITH_LOGIN)
    ready = View("vm_created", 100, (), None, ends_s=1805)
    assert play(GuestReadied(5.0)) == [Publish(ready), StartLogin()]
    assert BootTimedOut() not in play.timers
    assert play(GuestReadied(), MachineStarted()) == []


def test_a_login_waits_for_its_tool() -> None:
    play = played(settings=WITH_LOGIN)
    assert PrepareTool() in play(Open())
    assert StartLogin() not in play(MachineStarted(), GuestReadied())
    assert play(ToolReadied())[1:] == [StartLogin()]
    assert play(ToolReadied()) == []


def test_a_tool_that_cannot_be_had_ends_the_session_with_its_name() -> None:
    play = played(Open(), MachineStarted(), GuestReadied(), settings=WITH_LOGIN)
    assert DestroyMachine() in play(ToolFailed("tool-not-installed", "No registry."))
    assert reason(play) == "tool-not-installed"


def test_an_end_leaves_the_tool_that_it_waits_for_and_no_other() -> None:
    waiting = played(Open(), settings=WITH_LOGIN)
    assert LeaveTool() in waiting(EndRequested(BY_OWNER))
    served = played(Open(), ToolReadied(), settings=WITH_LOGIN)
    assert LeaveTool() not in served(EndRequested(BY_OWNER))
    assert LeaveTool() not in played(Open())(EndRequested(BY_OWNER))


@pytest.mark.parametrize("ready", [True, False])
def test_an_adopted_session_asks_for_its_tool_unless_its_login_has_begun(ready: bool) -> None:
    waiting = played(settings=WITH_LOGIN)
    assert PrepareTool() in waiting(Adopted(ready, 1.0))
    begun = played(settings=WITH_LOGIN)
    assert PrepareTool() not in begun(Adopted(ready, 1.0, login_begun=True))


def test_a_guest_may_be_ready_before_its_provider_says_that_it_started() -> None:
    play = played(Open(), GuestReadied(), MachineStarted())
    assert state(play) is State.READY
    assert DestroyMachine() in play(EndRequested(BY_OWNER))


def test_a_session_of_a_host_that_is_full_ends_with_the_provider_s_words() -> None:
    play = played(Open())
    play(MachineStartRefused("machine-refused", "No room."))
    assert state(play) is State.ENDED
    assert reason(play) == "machine-refused"
    assert play.timers == []


def test_a_guest_that_never_answers_is_destroyed() -> None:
    play = played(Open(), MachineStarted())
    assert DestroyMachine() in play.wait(60)
    assert reason(play) == "boot-timed-out"
    play(MachineDestroyed())
    assert state(play) is State.ENDED


def test_a_machine_that_starts_after_the_end_was_asked_for_is_destroyed() -> None:
    play = played(Open())
    assert play(EndRequested(BY_OWNER))[-1] == CloseGatewaySession()
    assert DestroyMachine() not in play.commands
    assert play(MachineStarted()) == [DestroyMachine()]
    play(MachineDestroyed())
    assert state(play) is State.ENDED


def test_a_start_that_is_refused_after_the_end_was_asked_for_ends_the_session() -> None:
    play = played(Open(), EndRequested(BY_OWNER))
    play(MachineStartRefused("machine-refused", "No room."))
    assert state(play) is State.ENDED
    assert reason(play) == "ended-by-owner"


def test_a_destruction_without_an_answer_is_commanded_again() -> None:
    play = played(Open(), MachineStarted(), EndRequested(BY_OWNER))
    assert play.wait(10) == [DestroyMachine()]
    assert play.wait(10) == [DestroyMachine()]
    play(MachineDestroyed())
    assert play.wait(100) == []


def test_a_machine_that_dies_ends_the_session_and_says_so() -> None:
    play = played(Open(), MachineStarted(), GuestReadied())
    commands = play(MachineDied(139, "Segmentation fault"))
    assert state(play) is State.ENDED
    assert CloseGatewaySession() in commands
    assert why(MachineDied(139)).text == "It ended by itself, with status 139."


def test_a_machine_whose_memory_was_full_says_so_and_how_much_it_had() -> None:
    reason = why(MachineDied(137, out_of_memory_mib=2048))

    assert reason.code == "machine-out-of-memory"
    assert reason.text == "It used all of its memory (2048 MiB)."


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (GuestFailed("display-died", "Xvnc died."), "display-died"),
        (LoginFinished(Reason("login-delivered", "Delivered.")), "login-delivered"),
        (AbsoluteTimedOut(), "session-timed-out"),
        (IdleTimedOut(), "idle"),
        (MachineDestroyed(), "machine-died"),
        (Open(), "internal"),
    ],
)
def test_every_end_has_a_reason(event: Event, code: str) -> None:
    assert why(event).code == code
    assert why(event).text.endswith(".")


def test_a_session_without_a_viewer_ends_and_one_with_a_viewer_does_not() -> None:
    play = played(Open(), MachineStarted(), GuestReadied())
    play(ViewersCounted(1))
    play.wait(2000)
    assert state(play) is State.READY
    play(ViewersCounted(2), ViewersCounted(0))
    play.wait(1800)
    assert state(play) is State.ENDING


def test_an_idle_timer_that_went_off_as_a_viewer_came_is_too_late() -> None:
    play = played(Open(), ViewersCounted(1), MachineStarted(), GuestReadied())
    assert play(IdleTimedOut()) == []
    assert IdleTimedOut() not in play.timers


def test_a_link_that_comes_back_in_time_changes_nothing() -> None:
    play = played(Open(), MachineStarted(), GuestReadied(), LinkLost())
    assert LinkTimedOut() in play.timers
    assert play(LinkBack(), LinkTimedOut()) == []
    assert state(play) is State.READY


def test_a_link_that_stays_away_ends_the_session() -> None:
    play = played(Open(), MachineStarted(), GuestReadied(), LinkLost())
    play.wait(20)
    assert reason(play) == "guest-lost"


def test_a_gateway_that_is_back_is_told_of_the_session() -> None:
    play = played(Open(), GatewayLost())
    assert play(GatewayBack()) == [OpenGatewaySession()]


def test_a_session_that_was_never_opened_ends_without_a_command() -> None:
    play = played(ViewersCounted(0), GatewayLost())
    assert play(EndRequested(BY_OWNER)) == [Publish(View("ended", 0, (), BY_OWNER))]


def test_what_comes_after_the_end_commands_nothing() -> None:
    play = played(Open(), MachineStarted(), EndRequested(BY_OWNER), MachineDestroyed())
    assert play(MachineStarted(), MachineDied(), GuestReadied(), EndRequested(BY_OWNER)) == []


def test_a_session_cannot_be_opened_twice() -> None:
    core = Lifecycle()
    core.handle(Open())
    with pytest.raises(IllegalEvent, match="Open cannot happen while starting"):
        core.handle(Open())


def test_a_new_controller_goes_on_with_a_ready_session() -> None:
    core = Lifecycle()
    assert core.handle(Adopted(True, 400.0, (("media", 900.0),))) == [
        Publish(View("vm_created", 100, (("media", 900.0),), None, ends_s=2200)),
        OpenGatewaySession(),
        SetTimer(14000, AbsoluteTimedOut()),
        SetTimer(13880, LimitLooms()),
        SetTimer(1800, IdleTimedOut()),
        SetTimer(1680, IdleLooms()),
    ]


def test_a_new_controller_goes_on_with_a_booting_session() -> None:
    play = played(Adopted(False, 50.0))
    assert state(play) is State.BOOTING
    play.wait(10)
    assert reason(play) == "boot-timed-out"


def test_the_timers_of_a_session_are_cancelled_when_it_ends() -> None:
    core = Lifecycle(state=State.READY)
    commands = core.handle(EndRequested(BY_OWNER))
    assert CancelTimer(AbsoluteTimedOut()) in commands
