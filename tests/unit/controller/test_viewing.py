"""Offers and answers, and a gateway that comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fanlight.controller import StartRequest
from fanlight.errors import LimitReached, NotAllowed, NothingYet, SessionEnded
from fanlight.session import lifecycle
from fanlight.session.negotiation import Candidate
from fanlight.store import OWNER
from fanlight.testing.gateway import ANSWER
from fanlight.testing.machines import NEVER_READY
from fanlight.wire import CloseConnection, OpenConnection

if TYPE_CHECKING:
    from .conftest import Stage

OFFER = "v=0\r\nm=video 9 X 96\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"


async def test_an_offer_is_answered_while_the_machine_boots(stage: Stage) -> None:
    stage.characters = [NEVER_READY]
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        connection = await controller.offer(OWNER, id_, "v=0")

        assert await controller.answer(OWNER, id_, connection, 5) == ANSWER
        await stage.until(lambda: controller.drivers[id_].view.viewers == 1)
        assert (await controller.session(OWNER, id_)).status == "booting"


async def test_an_offer_waits_for_a_gateway_that_is_being_restarted(stage: Stage) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        first = await controller.offer(OWNER, id_, "v=0")
        await controller.answer(OWNER, id_, first, 5)
        stage.gateway.die()
        await stage.until(lambda: not controller.gateway.is_there)

        second = await controller.offer(OWNER, id_, "v=0")
        await stage.gateway.listen()

        assert await controller.answer(OWNER, id_, second, 5) == ANSWER
        await controller.end(OWNER, id_)
        events = [event async for event in controller.events(OWNER, id_, 0)]
    states = [event.data["state"] for event in events if event.kind == "gateway"]
    assert states == ["lost", "back"]


async def test_viewers_over_the_limit_are_refused(stage: Stage) -> None:
    async with stage.controlled(max_viewers_per_session=1) as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        first = await controller.offer(OWNER, id_, "v=0")
        with pytest.raises(LimitReached):
            await controller.offer(OWNER, id_, "v=0")
        await controller.close_connection(OWNER, id_, first)
        await controller.offer(OWNER, id_, "v=0")


async def test_who_looks_by_vnc_is_a_viewer_and_keeps_the_session(stage: Stage) -> None:
    async with stage.controlled(idle_timeout_s=0.1) as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        driver = controller.drivers[id_]
        async with controller.viewing_by_vnc(OWNER, id_) as path:
            assert path.name == "vnc.sock"
            assert (await controller.session(OWNER, id_)).viewers == 1
            assert lifecycle.IdleTimedOut() not in driver.timers
        over = await stage.reaches(id_, "ended")

    assert over.viewers == 0
    assert over.reason is not None
    assert over.reason.code == "idle"


async def test_a_session_that_ends_under_a_vnc_viewer_ends_in_order(stage: Stage) -> None:
    async with stage.controlled(max_viewers_per_session=1) as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        async with controller.viewing_by_vnc(OWNER, id_):
            with pytest.raises(LimitReached):
                await controller.viewing_by_vnc(OWNER, id_).__aenter__()
            await controller.end(OWNER, id_)
            await stage.reaches(id_, "ended")

        with pytest.raises((SessionEnded, NothingYet)):
            await controller.viewing_by_vnc(OWNER, id_).__aenter__()


async def test_a_machine_answers_only_with_its_token_and_where_it_was_declared(
    stage: Stage,
) -> None:
    async with stage.controlled() as controller:
        plain = await controller.start(OWNER, StartRequest())
        assert plain.machine_token is None
        token = controller.drivers[plain.session_id].token
        with pytest.raises(NotAllowed):
            await controller.answer_from_machine(token, plain.session_id, None, "v=0")

        asked = await controller.start(OWNER, StartRequest(answerer="machine"))
        id_, token = asked.session_id, asked.machine_token or ""
        assert token not in repr(asked)
        connection = await controller.offer(OWNER, id_, "the offer")
        with pytest.raises(NotAllowed):
            await controller.offer_for_machine("flm_wrong", id_, None, 0)

        assert await controller.offer_for_machine(token, id_, None, 5) == (connection, "the offer")
        await controller.add_viewer_candidate(OWNER, id_, None, Candidate("a"))
        await controller.answer_from_machine(token, id_, connection, "the answer")
        await controller.add_machine_candidate(token, id_, None, Candidate("b"))

        assert await controller.answer(OWNER, id_, connection, 5) == "the answer"
        assert await controller.viewer_candidates(token, id_, None, 0, 0) == [Candidate("a")]
        assert await controller.machine_candidates(OWNER, id_, None, 0, 0) == [Candidate("b")]
        assert await controller.machine_candidates(OWNER, id_, None, 1, 0) == []
        assert stage.gateway.count(OpenConnection) == 0


async def test_a_connection_that_outlived_its_link_is_closed_before_anything_is_asked(
    stage: Stage,
) -> None:
    """It may hold control yet, and the next viewer is given it."""
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        first = await controller.offer(OWNER, id_, OFFER)
        await controller.answer(OWNER, id_, first, 5)
        held = dict(stage.gateway.connections)
        stage.gateway.die()
        await stage.until(lambda: not controller.gateway.is_there)
        second = await controller.offer(OWNER, id_, OFFER)
        stage.gateway.connections = held
        before = len(stage.gateway.heard)

        await stage.gateway.listen()
        await controller.answer(OWNER, id_, second, 5)

    kinds = (CloseConnection, OpenConnection)
    said = [each for each in stage.gateway.heard[before:] if isinstance(each, kinds)]
    assert said[0] == CloseConnection(id_, first)
    assert isinstance(said[1], OpenConnection)
    assert (said[1].connection, said[1].controls) == (second, True)


async def test_who_offers_no_data_channel_leaves_control_to_who_does(stage: Stage) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        for sdp in (OFFER.partition("m=application")[0], OFFER):
            connection = await controller.offer(OWNER, id_, sdp)
            await controller.answer(OWNER, id_, connection, 5)
    asked = [each.controls for each in stage.gateway.heard if isinstance(each, OpenConnection)]
    assert asked == [False, True]
