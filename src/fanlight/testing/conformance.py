"""What every provider must do, as tests. A provider's own test module subclasses `Conformance`:

    class TestSandbox(Conformance):
        @pytest.fixture
        async def provider(self) -> AsyncIterator[Provider]: ...

        @pytest.fixture
        def restart(self, ...) -> Restart: ...

The fixture's provider is empty; whoever gives it removes what a failed test left. Timings are
attributes of the class: a provider whose machines are slower (emulated ones) says larger ones.
What their guests must do is in `guest_conformance`; optional powers are in `pooled` and
`suspending`.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from fanlight.errors import MachineNotFound, MachineRefused
from fanlight.machines import Machine, MachineEnd, MachineSpec, Provider
from fanlight.wire import MachineRef, SessionId

LINK_TIMEOUT_S = 10.0

Restart = Callable[[], AbstractAsyncContextManager[Provider]]
"""Makes what a restarted controller has: another provider object for the same machines."""

BAD_REFS = ("", ".", "..", "../outside", "a/b", "a\0b", "-dash-first", "with space", "x" * 65)
"""What is no ref: a provider makes paths of refs, so it must not believe them."""


def fresh_spec(**wanted: Any) -> MachineSpec:
    """Give the spec of a machine that never was. `wanted`: further fields of `MachineSpec`."""
    ref, session = MachineRef(secrets.token_hex(8)), SessionId(secrets.token_hex(8))
    return MachineSpec(ref, session, **wanted)


async def link_answers(machine: Machine, timeout_s: float = LINK_TIMEOUT_S) -> None:
    """Return when the machine's guest listens on its link.

    Raises:
        TimeoutError: it does not, within `timeout_s`.
    """
    path = str(machine.directory / "link.sock")
    await asyncio.to_thread(_wait_for_link, path, timeout_s)


def _wait_for_link(path: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) == 0:
                return
        time.sleep(0.005)
    raise TimeoutError(f"nobody listens at {path}")


class Conformance:
    """The suite. Each test is a sentence about every provider."""

    LINK_TIMEOUT_S = LINK_TIMEOUT_S
    """How long a started machine's link may take to answer, in seconds."""
    END_TIMEOUT_S = 10.0
    """How long whoever waits may wait for the end of a machine that is destroyed."""
    INTERRUPT_AFTER_S = (0.0, 0.02, 0.2)
    """Moments of a start at which it is cancelled, and its machine destroyed."""

    async def _is_up(self, machine: Machine) -> None:
        await link_answers(machine, self.LINK_TIMEOUT_S)

    async def test_a_started_machine_is_listed_and_its_guest_listens(
        self, provider: Provider
    ) -> None:
        spec = fresh_spec()

        machine = await provider.start(spec)

        assert (machine.ref, machine.session) == (spec.ref, spec.session)
        assert await provider.list() == (machine,)
        await self._is_up(machine)
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
        await self._is_up(machine)
        await provider.destroy(spec.ref)

    async def test_whoever_waits_hears_of_the_end(self, provider: Provider) -> None:
        machine = await provider.start(fresh_spec())

        async with asyncio.timeout(self.END_TIMEOUT_S), asyncio.TaskGroup() as tasks:
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
            await self._is_up(each)
            await provider.destroy(each.ref)

    async def test_a_start_that_is_cancelled_leaves_nothing(self, provider: Provider) -> None:
        for delay_s in self.INTERRUPT_AFTER_S:
            spec = fresh_spec()
            async with asyncio.TaskGroup() as tasks:
                start = tasks.create_task(provider.start(spec))
                await asyncio.sleep(delay_s)
                start.cancel()
                await asyncio.wait([start])

            for machine in await provider.list():
                # It may have been just too late; then it is a machine like any other.
                assert not start.cancelled()
                await provider.destroy(machine.ref)
            assert await provider.list() == ()
            # Nothing of it is left in the way: the very same ref can be started.
            again = await provider.start(spec)
            await provider.destroy(again.ref)

    async def test_destroying_what_is_only_starting_leaves_nothing(
        self, provider: Provider
    ) -> None:
        for delay_s in self.INTERRUPT_AFTER_S:
            spec = fresh_spec()
            async with asyncio.TaskGroup() as tasks:
                start = tasks.create_task(_started_or_refused(provider, spec))
                await asyncio.sleep(delay_s)
                await provider.destroy(spec.ref)
            machine = start.result()
            if machine is None:  # it was refused, and nothing of it is left
                assert await provider.list() == ()
            # Otherwise it was destroyed before it was there, which is no error, or after.
            await provider.destroy(spec.ref)

            assert await provider.list() == ()
            assert machine is None or not await asyncio.to_thread(machine.directory.exists)

    async def test_two_may_destroy_the_same_machine_at_once(self, provider: Provider) -> None:
        machine, other = [await provider.start(fresh_spec()) for _ in range(2)]

        async with asyncio.timeout(self.END_TIMEOUT_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(provider.destroy(machine.ref))
            tasks.create_task(provider.destroy(machine.ref))

        assert await provider.list() == (other,)
        assert not await asyncio.to_thread(machine.directory.exists)
        await provider.destroy(other.ref)

    async def test_all_who_wait_hear_the_same_end(self, provider: Provider) -> None:
        machine = await provider.start(fresh_spec())

        async with asyncio.timeout(self.END_TIMEOUT_S), asyncio.TaskGroup() as tasks:
            waiting = [tasks.create_task(provider.wait(machine.ref)) for _ in range(3)]
            impatient = tasks.create_task(provider.wait(machine.ref))
            await asyncio.sleep(0)
            impatient.cancel()
            await provider.destroy(machine.ref)

        assert len({each.result() for each in waiting}) == 1
        assert isinstance(waiting[0].result(), MachineEnd)

    async def test_what_is_no_ref_is_refused_and_makes_nothing(self, provider: Provider) -> None:
        for ref in BAD_REFS:
            with pytest.raises(MachineRefused):
                await provider.start(MachineSpec(MachineRef(ref), SessionId("session")))

            assert await provider.list() == ()
            await provider.destroy(MachineRef(ref))  # and destroying it destroys nothing

    async def test_both_kinds_of_machine_can_be_started(self, provider: Provider) -> None:
        for restricted in (True, False):
            machine = await provider.start(fresh_spec(restricted=restricted))

            await self._is_up(machine)
            await provider.destroy(machine.ref)

    async def test_machines_share_neither_directory_nor_socket(self, provider: Provider) -> None:
        machines = [await provider.start(fresh_spec()) for _ in range(2)]
        for each in machines:
            await self._is_up(each)

        links = [await asyncio.to_thread((m.directory / "link.sock").stat) for m in machines]

        assert machines[0].directory != machines[1].directory
        assert len({(each.st_dev, each.st_ino) for each in links}) == 2
        for each in machines:
            await provider.destroy(each.ref)

    async def test_machines_outlive_the_controller(
        self, provider: Provider, restart: Restart
    ) -> None:
        machine = await provider.start(fresh_spec())

        async with restart() as successor:
            assert await successor.list() == (machine,)
            await self._is_up(machine)
            async with asyncio.timeout(self.END_TIMEOUT_S), asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(successor.wait(machine.ref))
                await asyncio.sleep(0)
                await successor.destroy(machine.ref)
            assert isinstance(waiting.result(), MachineEnd)
            assert await successor.list() == ()


async def _started_or_refused(provider: Provider, spec: MachineSpec) -> Machine | None:
    try:
        return await provider.start(spec)
    except MachineRefused:
        return None
