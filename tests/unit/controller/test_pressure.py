"""A host without room makes no more machines, says so, and leaves those that run alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fanlight.controller import StartRequest, pressure
from fanlight.errors import DiskFull, HostFull
from fanlight.machines import room
from fanlight.store import OWNER

if TYPE_CHECKING:
    from .conftest import Stage

NEARLY_FULL = "MemTotal: 8000000 kB\nMemFree: 1 kB\nMemAvailable: 400000 kB\n"


async def test_without_memory_a_start_fails_and_who_runs_goes_on(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage.controlled() as controller:
        runs = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(runs, "vm_created")
        meminfo = tmp_path / "meminfo"
        meminfo.write_text(NEARLY_FULL)
        monkeypatch.setattr(room, "MEMINFO", meminfo)

        with pytest.raises(HostFull, match="memory"):
            await controller.start(OWNER, StartRequest())

        assert [each.session_id for each in await controller.sessions(OWNER)] == [runs]
        assert (await controller.session(OWNER, runs)).status == "vm_created"
        monkeypatch.undo()
        assert (await controller.start(OWNER, StartRequest())).status == "booting"


def test_without_disk_the_directory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressure.check_room(tmp_path)
    monkeypatch.setattr(pressure, "SPARE_DISK_BYTES", 1 << 60)
    with pytest.raises(DiskFull, match="data directory"):
        pressure.check_room(tmp_path)
