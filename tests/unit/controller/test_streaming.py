"""A viewer over a WebSocket, as the controller carries it: opened, counted, ended, come back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from fanlight import wire
from fanlight.controller import StartRequest
from fanlight.errors import (
    CodecUnsupported,
    ConnectionNotFound,
    LimitReached,
    OfferRejected,
    SessionEnded,
    SessionNotFound,
    WireError,
)
from fanlight.session.negotiation import State
from fanlight.store import OWNER

if TYPE_CHECKING:
    from .conftest import Stage

VP8 = ("vp8",)
CONTROLLING = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
"""The part of an offer by which a viewer may have control."""


async def test_chunks_go_both_ways_and_the_viewer_is_counted(stage: Stage) -> None:
    async with stage.controlled(idle_timeout_s=0.1) as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        async with controller.streaming(OWNER, id_, VP8) as pipe:
            first = wire.decode_chunk(await pipe.next() or b"")
            assert isinstance(first, wire.StreamText)
            opened = wire.decode(first.line)
            assert isinstance(opened, wire.StreamOpened)
            assert opened.connection.startswith(id_)
            await pipe.say(b"\x01hello")
            assert await pipe.next() == b"\x01hello"
            with pytest.raises(WireError):
                await pipe.say(b"")
            driver = controller.drivers[id_]
            await stage.until(lambda: driver.view.viewers == 1)
            known = driver.negotiation.connections[opened.connection]
            await stage.until(lambda: known.state is State.SHOWING)
            assert driver.negotiation.holder == opened.connection
        over = await stage.reaches(id_, "ended")
        assert over.reason is not None
        assert over.reason.code == "idle"


async def test_a_session_that_ends_ends_its_streams(stage: Stage) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        async with controller.streaming(OWNER, id_, VP8) as pipe:
            await pipe.next()
            await controller.end(OWNER, id_)
            async with asyncio.timeout(5):
                assert await pipe.next() is None
        await stage.reaches(id_, "ended")
        with pytest.raises(SessionEnded):
            await controller.streaming(OWNER, id_, VP8).__aenter__()


async def test_a_stream_and_an_offer_share_one_limit(stage: Stage) -> None:
    async with stage.controlled(max_viewers_per_session=1) as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        async with controller.streaming(OWNER, id_, VP8) as pipe:
            first = wire.decode_chunk(await pipe.next() or b"")
            assert isinstance(first, wire.StreamText)
            opened = wire.decode(first.line)
            assert isinstance(opened, wire.StreamOpened)
            with pytest.raises(LimitReached):
                await controller.streaming(OWNER, id_, VP8).__aenter__()
            with pytest.raises(LimitReached):
                await controller.offer(OWNER, id_, "v=0")
            # The same viewer climbs back to WebRTC while its stream still shows the picture.
            await controller.offer(OWNER, id_, "v=0", replaces=opened.connection)
            assert controller.drivers[id_].view.viewers == 1


async def test_a_stream_that_cannot_be_leaves_nothing_behind(stage: Stage) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        driver = controller.drivers[id_]
        with pytest.raises(CodecUnsupported):
            await controller.streaming(OWNER, id_, ("h264",)).__aenter__()
        await stage.until(lambda: not driver.negotiation.live)
        with pytest.raises(SessionNotFound):
            await controller.streaming(wire.PrincipalId("stranger"), id_, VP8).__aenter__()
        other = wire.ConnectionId("another-session-1")
        with pytest.raises(ConnectionNotFound):
            await controller.streaming(OWNER, id_, VP8, replaces=other).__aenter__()
        own = await controller.start(OWNER, StartRequest(answerer="machine"))
        with pytest.raises(OfferRejected):
            await controller.streaming(OWNER, own.session_id, VP8).__aenter__()
        assert driver.view.viewers == 0
        assert not driver.negotiation.live


async def test_a_stream_waits_for_a_gateway_that_is_being_restarted(stage: Stage) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        async with controller.streaming(OWNER, id_, VP8) as pipe:
            await pipe.next()
            stage.gateway.die()
            async with asyncio.timeout(5):
                assert await pipe.next() is None
        await stage.until(lambda: not controller.gateway.is_there)
        async with asyncio.TaskGroup() as tasks:

            async def come_back() -> None:
                async with controller.streaming(OWNER, id_, VP8) as pipe:
                    assert await pipe.next()

            coming = tasks.create_task(come_back())
            await stage.until(lambda: len(controller.drivers[id_].negotiation.live) == 1)
            await stage.gateway.listen()
            await coming


async def test_control_returns_with_the_viewer_after_a_restart(stage: Stage) -> None:
    viewer = contextlib.AsyncExitStack()
    async with viewer, stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        driver = controller.drivers[id_]
        pipe = await viewer.enter_async_context(controller.streaming(OWNER, id_, VP8))
        assert await pipe.next()
        before = driver.negotiation.holder
        watching = await controller.offer(OWNER, id_, "v=0")
        await controller.answer(OWNER, id_, watching, 5)
    # The controller was killed first: nobody heard that its viewer's socket closed.
    async with stage.controlled() as controller:
        driver = controller.drivers[id_]
        async with controller.streaming(OWNER, id_, VP8, replaces=before) as pipe:
            assert await pipe.next()
            await stage.until(lambda: len(driver.negotiation.live) == 2)
            now = [each.id for each in driver.negotiation.live if each.id != watching]
            await stage.until(lambda: driver.negotiation.holder == now[0])


async def test_control_returns_though_a_connection_that_never_lived_had_it_meanwhile(
    stage: Stage,
) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        driver = controller.drivers[id_]
        async with controller.streaming(OWNER, id_, VP8) as pipe:
            assert await pipe.next()
            before = driver.negotiation.holder
            assert before is not None
            other = await controller.offer(OWNER, id_, CONTROLLING)
            await controller.answer(OWNER, id_, other, 5)
            # The viewer tries WebRTC again, next to its stream; no network lets it through.
            stage.gateway.connects = False
            tried = await controller.offer(OWNER, id_, CONTROLLING, replaces=before)
            await controller.answer(OWNER, id_, tried, 5)
        # The controller stops, and cuts the stream off.
        assert driver.negotiation.holder == tried
        await stage.until(lambda: stage.gateway.controlling == tried)
    # While no controller is there, the gateway gives it up.
    del stage.gateway.connections[tried]
    async with stage.controlled() as controller:
        driver = controller.drivers[id_]
        assert driver.negotiation.holder == other
        async with controller.streaming(OWNER, id_, VP8, replaces=before) as pipe:
            assert await pipe.next()
            now = list(driver.negotiation.connections)[-1]
            await stage.until(lambda: driver.negotiation.holder == now)
