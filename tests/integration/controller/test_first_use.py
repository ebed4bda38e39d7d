"""A tool that nobody installed: really fetched while a real machine boots, and signed in there."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from fanlight.config import ServeSettings
from fanlight.controller import HostController, Session, StartRequest, open_controller
from fanlight.host import Layout
from fanlight.store import OWNER, Store
from fanlight.tools import Catalogue
from fanlight.wire import SessionId

pytestmark = pytest.mark.timeout(400)  # npm, over whatever network there is

STATES = ("cli_started", "page_open", "waiting_for_you")


@pytest.fixture
def data() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    path.chmod(0o711)
    Layout(path).prepare()
    yield path
    shutil.rmtree(path)


async def signing_in(controller: HostController, id_: SessionId) -> Session:
    """Wait until the tool runs in the machine."""
    async with asyncio.timeout(380):
        async for event in controller.events(OWNER, id_, 0):
            login = event.data.get("login") if event.kind == "session" else None
            if (login and login["state"] in STATES) or event.kind == "end":
                break
    return await controller.session(OWNER, id_)


async def test_a_tool_is_installed_at_its_first_use_and_seen_by_a_machine_that_runs(
    data: Path,
) -> None:
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    async with (
        await Store.open(data / "store", now=time.time()) as store,
        open_controller(
            ServeSettings(data=data, warm_machines=0), store, Catalogue(data)
        ) as controller,
    ):
        asked = await controller.start(OWNER, StartRequest(tool="wrangler", recipient=recipient))
        found = await signing_in(controller, asked.session_id)
        await controller.end_everything()

    assert found.reason is None
    assert found.login is not None
    assert found.login.state in STATES
    done = {stage.name: stage.at_ms for stage in found.stages}
    assert done["tool"] is not None
    assert done["ready"] is not None
    assert done["ready"] < done["tool"]  # a machine boots faster than npm fetches
