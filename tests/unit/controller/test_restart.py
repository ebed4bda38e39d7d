"""A controller that comes back finds its sessions, or says what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanlight.controller import StartRequest
from fanlight.store import OWNER
from fanlight.testing.conformance import fresh_spec
from fanlight.wire import CloseConnection, CloseSession, IdentifyMachine

if TYPE_CHECKING:
    from .conftest import Stage

CONTROLLING = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
"""The part of an offer by which a viewer may have control."""


async def test_a_session_and_its_viewers_are_adopted(stage: Stage) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        connection = await controller.offer(OWNER, id_, "v=0")
        await controller.answer(OWNER, id_, connection, 5)
    machine = stage.machine
    async with stage.controlled() as controller:
        found = await controller.session(OWNER, id_)
        assert (found.status, found.viewers, found.percent) == ("vm_created", 1, 100)
        await stage.until(lambda: sum(isinstance(m, IdentifyMachine) for m in machine.heard) == 2)

    said = [m.token for m in machine.heard if isinstance(m, IdentifyMachine)]
    assert said[0] == said[1]
    assert stage.gateway.count(CloseConnection) == stage.gateway.count(CloseSession) == 0


async def test_a_session_whose_machine_is_gone_ends_with_that_reason(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
    await stage.provider.destroy(stage.machine.machine.ref)
    async with stage.controlled():
        over = await stage.reaches(id_, "ended")

    assert over.reason is not None
    assert over.reason.code == "controller-restarted"


async def test_a_session_that_was_ending_ends_for_the_reason_that_it_had(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        stage.provider.destroys = False
        await controller.end(OWNER, id_)
        await stage.reaches(id_, "ending")
    stage.provider.destroys = True
    async with stage.controlled():
        over = await stage.reaches(id_, "ended")
        await stage.until(lambda: stage.refs() == [])

    assert over.reason is not None
    assert over.reason.code == "ended-by-owner"


async def test_a_machine_without_a_session_is_destroyed(stage: Stage) -> None:
    await stage.provider.start(fresh_spec())
    async with stage.controlled():
        assert stage.refs() == []


async def test_a_viewer_that_the_stop_cut_off_gets_its_control_back(stage: Stage) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        first = await controller.offer(OWNER, id_, CONTROLLING)
        second = await controller.offer(OWNER, id_, CONTROLLING, replaces=first)
        await controller.answer(OWNER, id_, second, 5)
        await controller.close_connection(OWNER, id_, first)
        other = await controller.offer(OWNER, id_, CONTROLLING)
        await controller.answer(OWNER, id_, other, 5)
        core = controller.drivers[id_].negotiation
        await stage.until(lambda: core.holder == second)
        await controller.close_connection(OWNER, id_, second)
        assert core.holder == other
    async with stage.controlled() as controller:
        assert controller.drivers[id_].negotiation.holder == other
        back = await controller.offer(OWNER, id_, CONTROLLING, replaces=second)
        await stage.until(lambda: controller.drivers[id_].negotiation.holder == back)
        assert controller.drivers[id_].view.viewers == 2
