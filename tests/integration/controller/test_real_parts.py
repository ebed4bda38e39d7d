"""Real keeper, gateway, sandbox and guest: what a session does when one of them is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from fanlight.config import ServeSettings
from fanlight.controller import HostController, Session, StartRequest, open_controller
from fanlight.host import Layout
from fanlight.store import OWNER, Store
from fanlight.tools import Catalogue
from fanlight.wire import SessionId

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def data() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    path.chmod(0o711)
    Layout(path).prepare()
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def store(data: Path) -> AsyncIterator[Store]:
    async with await Store.open(data / "store", now=time.time()) as opened:
        yield opened


@pytest.fixture
async def controller(data: Path, store: Store) -> AsyncIterator[HostController]:
    async with open_controller(
        ServeSettings(data=data, warm_machines=0), store, Catalogue(data)
    ) as opened:
        yield opened
        await opened.end_everything()


async def reaches(controller: HostController, id_: SessionId, status: str) -> Session:
    async with asyncio.timeout(40):
        while True:
            found = await controller.session(OWNER, id_)
            if found.status == status:
                return found
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def viewer(controller: HostController, id_: SessionId) -> AsyncIterator[RTCPeerConnection]:
    """A viewer that has a first frame."""
    peer = RTCPeerConnection()
    peer.addTransceiver("video", direction="recvonly")
    peer.createDataChannel("input")
    tracks: asyncio.Queue[object] = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    try:
        await peer.setLocalDescription(await peer.createOffer())
        connection = await controller.offer(OWNER, id_, peer.localDescription.sdp)
        answer = await controller.answer(OWNER, id_, connection, 5)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(20):
            track = await tracks.get()
            await track.recv()  # type: ignore[attr-defined]
        yield peer
    finally:
        await peer.close()


async def test_a_killed_gateway_is_replaced_and_the_viewer_comes_back(
    controller: HostController,
) -> None:
    id_ = (await controller.start(OWNER, StartRequest())).session_id
    async with viewer(controller, id_):
        state = await controller.keeper.client.state()
        os.kill(state.gateway_pid, signal.SIGKILL)
        async for event in controller.events(OWNER, id_, 0):
            if event.kind == "gateway" and event.data["state"] == "back":
                break
    async with viewer(controller, id_):
        assert (await controller.session(OWNER, id_)).viewers == 1


async def test_a_killed_machine_ends_its_session_with_that_reason(
    controller: HostController,
) -> None:
    id_ = (await controller.start(OWNER, StartRequest())).session_id
    await reaches(controller, id_, "vm_created")
    state = await controller.keeper.client.state()
    os.kill(state.machines[0].pid, signal.SIGKILL)

    over = await reaches(controller, id_, "ended")

    assert over.reason is not None
    assert over.reason.code == "machine-died"


async def test_after_the_keeper_was_killed_the_next_session_starts(
    controller: HostController,
) -> None:
    id_ = (await controller.start(OWNER, StartRequest())).session_id
    await reaches(controller, id_, "vm_created")
    state = await controller.keeper.client.state()
    os.kill(state.pid, signal.SIGKILL)

    over = await reaches(controller, id_, "ended")
    assert over.reason is not None
    assert over.reason.code == "machine-died"
    again = (await controller.start(OWNER, StartRequest())).session_id
    await reaches(controller, again, "vm_created")


async def test_the_picture_goes_on_while_the_controller_is_restarted(
    data: Path, store: Store
) -> None:
    settings = ServeSettings(data=data, warm_machines=0)
    async with contextlib.AsyncExitStack() as stack:
        async with open_controller(settings, store, Catalogue(data)) as first:
            id_ = (await first.start(OWNER, StartRequest())).session_id
            await reaches(first, id_, "vm_created")
            peer = await stack.enter_async_context(viewer(first, id_))
        async with open_controller(settings, store, Catalogue(data)) as second:
            found = await second.session(OWNER, id_)
            assert (found.status, found.viewers) == ("vm_created", 1)
            assert peer.connectionState == "connected"
            await second.end_everything()
