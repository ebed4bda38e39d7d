"""What providers must do whose machines can wait for a session, as tests.

As `conformance` is for every provider: their own test modules subclass `PooledConformance`.
"""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from fanlight.errors import MachineRefused
from fanlight.machines import MachineSpec, Pooled
from fanlight.wire import MachineRef, SessionId

from .conformance import Conformance, fresh_spec


def waiting_spec() -> MachineSpec:
    """Give the spec of a machine that is to wait for its session."""
    return dataclasses.replace(fresh_spec(), session=SessionId(""))


class PooledConformance(Conformance):
    """The suite of providers whose machines can wait (`Pooled`), after that of every provider."""

    async def test_a_machine_without_a_session_waits_and_is_listed_as_such(
        self, provider: Pooled
    ) -> None:
        idle = await provider.start(waiting_spec())

        assert await provider.list() == (idle,)
        assert idle.session == ""
        await self._is_up(idle)
        await provider.destroy(idle.ref)
        assert await provider.list() == ()

    async def test_it_is_given_its_session_and_goes_on_under_its_sessions_ref(
        self, provider: Pooled
    ) -> None:
        idle = await provider.start(waiting_spec())
        spec = fresh_spec()

        machine = await provider.assign(idle.ref, spec)

        assert (machine.ref, machine.session) == (spec.ref, spec.session)
        assert await provider.list() == (machine,)
        assert not await asyncio.to_thread(idle.directory.exists)
        await self._is_up(machine)
        await provider.destroy(machine.ref)
        assert await provider.list() == ()
        assert not await asyncio.to_thread(machine.directory.exists)

    async def test_it_is_given_once(self, provider: Pooled) -> None:
        idle = await provider.start(waiting_spec())
        machine = await provider.assign(idle.ref, fresh_spec())

        for taken in (idle.ref, machine.ref):
            with pytest.raises(MachineRefused):
                await provider.assign(taken, fresh_spec())

        assert await provider.list() == (machine,)
        await self._is_up(machine)
        await provider.destroy(machine.ref)

    async def test_a_ref_that_is_taken_is_not_given(self, provider: Pooled) -> None:
        other = await provider.start(fresh_spec())
        idle = await provider.start(waiting_spec())

        with pytest.raises(MachineRefused):
            await provider.assign(idle.ref, dataclasses.replace(fresh_spec(), ref=other.ref))

        for each in (other, idle):
            await self._is_up(each)
            await provider.destroy(each.ref)

    async def test_nobody_is_given_a_machine_that_is_gone(self, provider: Pooled) -> None:
        idle = await provider.start(waiting_spec())
        await provider.destroy(idle.ref)

        for gone in (idle.ref, MachineRef("never-was")):
            with pytest.raises(MachineRefused):
                await provider.assign(gone, fresh_spec())

    async def test_whoever_waits_for_the_session_hears_of_the_end_of_a_given_machine(
        self, provider: Pooled
    ) -> None:
        idle = await provider.start(waiting_spec())
        machine = await provider.assign(idle.ref, fresh_spec())

        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(provider.wait(machine.ref))
            await asyncio.sleep(0)
            await provider.destroy(machine.ref)

        assert isinstance(waiting.result().status, int)

    async def test_what_machines_are_made_of_has_a_name(self, provider: Pooled) -> None:
        assert await provider.made_of() == await provider.made_of() != ""
