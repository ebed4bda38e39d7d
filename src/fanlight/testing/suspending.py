"""What providers must do whose machines can rest on disk (`Suspends`), as tests.

As `conformance` is for every provider: their own test modules subclass `SuspendsConformance`.
"""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from fanlight.errors import MachineRefused
from fanlight.machines import Machine, MachineSpec, Suspends
from fanlight.wire import MachineRef

from .conformance import LINK_TIMEOUT_S, fresh_spec, link_answers

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


class SuspendsConformance:
    """The suite of `Suspends`. The fixture `suspends` gives a provider without machines."""

    LINK_TIMEOUT_S = LINK_TIMEOUT_S

    async def _started(self, suspends: Suspends) -> tuple[MachineSpec, Machine]:
        spec = fresh_spec()
        machine = await suspends.start(spec)
        await link_answers(machine, self.LINK_TIMEOUT_S)
        return spec, machine

    async def test_of_a_machine_on_disk_nothing_is_left_but_its_file(
        self, suspends: Suspends, tmp_path: Path
    ) -> None:
        spec, machine = await self._started(suspends)

        await suspends.suspend(spec.ref, tmp_path / "file", KEY)

        assert await suspends.list() == ()
        assert not await asyncio.to_thread(machine.directory.exists)
        mode = (await asyncio.to_thread((tmp_path / "file").stat)).st_mode
        assert mode & 0o077 == 0, "nobody else reads it"

    async def test_it_goes_on_under_its_name_again_and_again(
        self, suspends: Suspends, tmp_path: Path
    ) -> None:
        spec, machine = await self._started(suspends)
        for turn in range(2):
            file = tmp_path / str(turn)
            await suspends.suspend(spec.ref, file, KEY)
            resumed = await suspends.resume(spec, file, KEY)

            assert resumed == machine
            assert await suspends.list() == (resumed,)
            await link_answers(resumed, self.LINK_TIMEOUT_S)
        await suspends.destroy(spec.ref)
        assert await suspends.list() == ()

    async def test_its_end_is_told_after_it_went_on_and_not_before(
        self, suspends: Suspends, tmp_path: Path
    ) -> None:
        spec, _ = await self._started(suspends)
        await suspends.suspend(spec.ref, tmp_path / "file", KEY)
        await suspends.resume(spec, tmp_path / "file", KEY)

        async with asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(suspends.wait(spec.ref))
            await asyncio.sleep(0.05)
            assert not ending.done()
            await suspends.destroy(spec.ref)

    async def test_another_key_or_another_machines_file_makes_none(
        self, suspends: Suspends, tmp_path: Path
    ) -> None:
        spec, _ = await self._started(suspends)
        await suspends.suspend(spec.ref, tmp_path / "file", KEY)
        other = dataclasses.replace(spec, ref=MachineRef("another-machine"))

        for wanted, key in ((spec, OTHER_KEY), (other, KEY)):
            with pytest.raises(MachineRefused):
                await suspends.resume(wanted, tmp_path / "file", key)
            assert await suspends.list() == ()

        await suspends.resume(spec, tmp_path / "file", KEY)
        await suspends.destroy(spec.ref)

    async def test_one_that_is_not_there_leaves_no_file(
        self, suspends: Suspends, tmp_path: Path
    ) -> None:
        with pytest.raises(MachineRefused):
            await suspends.suspend(MachineRef("never-was"), tmp_path / "file", KEY)
        assert not await asyncio.to_thread((tmp_path / "file").exists)
