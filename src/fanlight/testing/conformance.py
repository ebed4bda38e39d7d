"""What every provider must do, as tests. A provider's own test module subclasses `Conformance`:

    class TestSandbox(Conformance):
        @pytest.fixture
        async def provider(self) -> AsyncIterator[Provider]: ...

The fixture's provider is empty; whoever gives it removes what a failed test left.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time

import pytest

from fanlight.errors import MachineNotFound, MachineRefused
from fanlight.machines import Machine, MachineSpec, Provider
from fanlight.wire import MachineRef, SessionId

LINK_TIMEOUT_S = 10.0


def fresh_spec() -> MachineSpec:
    """Give the spec of a machine that never was."""
    return MachineSpec(MachineRef(secrets.token_hex(8)), SessionId(secrets.token_hex(8)))


async def link_answers(machine: Machine) -> None:
    """Return when the machine's guest listens on its link.

    Raises:
        TimeoutError: it does not, within `LINK_TIMEOUT_S`.
    """
    path = str(machine.directory / "link.sock")
    await asyncio.to_thread(_wait_for_link, path)


def _wait_for_link(path: str) -> None:
    deadline = time.monotonic() + LINK_TIMEOUT_S
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) == 0:
                return
        time.sleep(0.005)
    raise TimeoutError(f"nobody listens at {path}")


class Conformance:
    """The suite. Each test is a sentence about every provider."""

    async def test_a_started_machine_is_listed_and_its_guest_listens(
        self, provider: Provider
    ) -> None:
        spec = fresh_spec()

        machine = await provider.start(spec)

        assert (machine.ref, machine.session) == (spec.ref, spec.session)
        assert await provider.list() == (machine,)
        await link_answers(machine)
        await provider.destroy(spec.ref)

    async def test_a_destroyed_machine_is_gone_with_its_files(self, provider: Provider) -> None:
        machine = await provider.start(fresh_spec())

        await provider.destroy(machine.ref)

        assert await provider.list() == ()
        assert not await asyncio.to_thread(machine.directory.exists)

    async def test_destroying_twice_or_what_never_was_is_no_error(
        self, provider: Provider
    ) -> None:
        machine = await provider.start(fresh_spec())

        await provider.destroy(machine.ref)
        await provider.destroy(machine.ref)
        await provider.destroy(MachineRef("never-was"))

    async def test_a_ref_is_taken_once(self, provider: Provider) -> None:
        spec = fresh_spec()
        machine = await provider.start(spec)

        with pytest.raises(MachineRefused):
            await provider.start(spec)

        assert await provider.list() == (machine,), "the first machine must not suffer"
        await link_answers(machine)
        await provider.destroy(spec.ref)

    async def test_whoever_waits_hears_of_the_end(self, provider: Provider) -> None:
        machine = await provider.start(fresh_spec())

        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(provider.wait(machine.ref))
            await asyncio.sleep(0)
            await provider.destroy(machine.ref)

        assert isinstance(waiting.result().status, int)
        assert await provider.wait(machine.ref) == waiting.result(), "also who asks later"

    async def test_nobody_waits_for_what_never_was(self, provider: Provider) -> None:
        with pytest.raises(MachineNotFound):
            await provider.wait(MachineRef("never-was"))

    async def test_several_start_at_once_and_do_not_touch_one_another(
        self, provider: Provider
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            starts = [tasks.create_task(provider.start(fresh_spec())) for _ in range(3)]
        machines = [each.result() for each in starts]

        await provider.destroy(machines[1].ref)

        assert {each.ref for each in await provider.list()} == {
            machines[0].ref,
            machines[2].ref,
        }
        for each in (machines[0], machines[2]):
            await link_answers(each)
            await provider.destroy(each.ref)

    async def test_a_start_that_is_cancelled_leaves_nothing(self, provider: Provider) -> None:
        async with asyncio.TaskGroup() as tasks:
            start = tasks.create_task(provider.start(fresh_spec()))
            await asyncio.sleep(0.02)
            start.cancel()
            await asyncio.wait([start])

        for machine in await provider.list():
            # It may have been just too late to be cancelled; then it is a machine like any other.
            assert not start.cancelled()
            await provider.destroy(machine.ref)
