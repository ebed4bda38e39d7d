"""A tool that is not there: installed at its first use, shared, failed, left alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pyrage
import pytest

from fanlight.controller import Session, StartRequest
from fanlight.errors import ToolNotInstalled
from fanlight.store import OWNER
from fanlight.testing.machines import NEVER_READY
from fanlight.wire import CliStarted, SessionId, StartLogin

if TYPE_CHECKING:
    from .conftest import Stage

RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())
REQUEST = StartRequest(tool="toy", recipient=RECIPIENT)


@pytest.fixture
async def bare(stage: Stage) -> Stage:
    """A stage without the tool."""
    stage.tools.is_installed = False
    return stage


async def installing(stage: Stage) -> SessionId:
    """Start a session that has everything but its tool, and waits for it."""
    id_ = (await stage.controller.start(OWNER, REQUEST)).session_id
    async with asyncio.timeout(5):
        # A session asks in a thread whether its tool is there, and may be ready before the answer.
        while True:
            found = await stage.reaches(id_, "vm_created")
            if "tool" in [each.name for each in found.stages]:
                break
            await asyncio.sleep(0.002)
    return id_


def stage_of(session: Session, name: str) -> tuple[str, bool]:
    return next((each.text, each.done) for each in session.stages if each.name == name)


async def test_a_machine_boots_while_its_tool_is_installed_and_then_the_login_starts(
    bare: Stage,
) -> None:
    async with bare.controlled() as controller:
        id_ = await installing(bare)
        waiting = await controller.session(OWNER, id_)
        assert waiting.step.startswith("Installing Toy 1 (first use)")
        assert stage_of(waiting, "tool") == (waiting.step, False)
        assert waiting.percent < 100
        assert not any(isinstance(m, StartLogin) for m in bare.machine.heard)

        bare.tools.let_install.set()
        await bare.machine.hears(StartLogin)
        ready = await controller.session(OWNER, id_)

        assert stage_of(ready, "tool") == ("Tool installed", True)
        assert (ready.percent, ready.step) == (100, "Starting the tool")
        events = await asyncio.wait_for(whole_story(bare, id_), 5)
    percents = [event["percent"] for event in events]
    assert percents == sorted(percents)


async def whole_story(stage: Stage, id_: SessionId) -> list[dict[str, int]]:
    await stage.controller.end(OWNER, id_)
    events = [event async for event in stage.controller.events(OWNER, id_, 0)]
    return [dict(event.data) for event in events if event.kind == "session"]


async def test_a_tool_that_is_there_is_no_stage(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, REQUEST)).session_id
        await stage.reaches(id_, "vm_created")
        await stage.machine.hears(StartLogin)

        assert "tool" not in [each.name for each in (await controller.session(OWNER, id_)).stages]


async def test_two_sessions_share_one_install_and_one_may_leave_it(bare: Stage) -> None:
    async with bare.controlled() as controller:
        first, second = await installing(bare), await installing(bare)
        await controller.end(OWNER, first)
        await bare.reaches(first, "ended")
        bare.tools.let_install.set()

        await bare.machine.hears(StartLogin)
        assert (bare.tools.begun, bare.tools.cancelled) == (1, 0)
        assert (await controller.session(OWNER, second)).status == "vm_created"


async def test_an_install_that_nobody_waits_for_is_cancelled(bare: Stage) -> None:
    async with bare.controlled() as controller:
        id_ = await installing(bare)
        await controller.end(OWNER, id_)
        await bare.reaches(id_, "ended")
        await bare.until(lambda: bare.tools.cancelled == 1)

        again = await installing(bare)
        bare.tools.let_install.set()
        await bare.machine.hears(StartLogin)
        assert bare.tools.begun == 2
        await controller.end(OWNER, again)


async def test_a_failed_install_ends_the_session_with_npms_last_lines(bare: Stage) -> None:
    bare.characters = [NEVER_READY]
    bare.tools.fails = ToolNotInstalled(
        "Toy could not be installed: npm ended with status 1",
        hint="Check the registry.",
        tail="npm error\x1b[0m one\nnpm error two",
    )
    async with bare.controlled() as controller:
        id_ = (await controller.start(OWNER, REQUEST)).session_id
        bare.tools.let_install.set()
        over = await bare.reaches(id_, "ended")

    assert over.reason is not None
    assert over.reason.code == "tool-not-installed"
    assert over.reason.detail == (
        "Toy could not be installed: npm ended with status 1. "
        "Its last words:\nnpm error [0m one\nnpm error two"
    )
    assert over.reason.hint == "Check the registry."
    assert bare.refs() == []


async def test_leaving_the_controller_cancels_the_install_and_the_next_takes_it_up(
    bare: Stage,
) -> None:
    async with bare.controlled():
        id_ = await installing(bare)
    assert bare.tools.cancelled == 1
    async with bare.controlled() as controller:
        await bare.until(lambda: bare.tools.begun == 2)
        bare.tools.let_install.set()
        await bare.machine.hears(StartLogin)
        bare.machine.say(CliStarted())
        await bare.login_reaches(id_, "cli_started")
        assert (await controller.session(OWNER, id_)).percent == 100


async def test_a_host_that_installs_nothing_refuses_the_start(bare: Stage) -> None:
    bare.tools.may_install = False
    async with bare.controlled() as controller:
        with pytest.raises(ToolNotInstalled):
            await controller.start(OWNER, REQUEST)
        assert await controller.sessions(OWNER) == []
