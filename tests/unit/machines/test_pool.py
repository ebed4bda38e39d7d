"""The pool in front of a provider whose machines are played."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fanlight.errors import HostError, MachineRefused
from fanlight.machines import MachineSpec, Provider
from fanlight.machines.demand import GiveUp, Make, PoolSettings, Room
from fanlight.machines.pool import Pool, PoolEars, idle_named, kind_of, new_ref
from fanlight.machines.room import room_for
from fanlight.testing.clock import ManualClock
from fanlight.testing.conformance import Conformance, Restart, fresh_spec
from fanlight.testing.machines import READY, Character, FakeProvider
from fanlight.testing.pooled import waiting_spec
from fanlight.wire import EgressPolicy, MachineRef

KINDS = tuple(dataclasses.replace(fresh_spec(), restricted=each) for each in (True, False))


class World:
    """A pool with a host, a clock, and ears."""

    def __init__(self, directory: Path, settings: PoolSettings) -> None:
        self.host = FakeProvider(directory, self._character)
        self.settings = settings
        self.clock = ManualClock(1_000_000.0)
        self.room: Room = "enough"
        self.refuses = ""
        self.heard: list[object] = []
        self.pool = self.another_pool()

    def another_pool(self, kinds: tuple[MachineSpec, ...] = KINDS) -> Pool:
        """What the next controller has."""
        ears = PoolEars(
            given=lambda age_s: self.heard.append(age_s),
            missed=lambda: self.heard.append("missed"),
        )
        return Pool(
            self.host, kinds, self.settings, clock=self.clock, ears=ears, room=lambda: self.room
        )

    def _character(self, spec: MachineSpec) -> Character:
        return Character(refuses=self.refuses) if not spec.session else READY

    async def settle(self) -> list[Make | GiveUp]:
        """Let time pass until nothing more is to be done."""
        done: list[Make | GiveUp] = []
        while True:
            self.clock.advance(5)
            if (step := await self.pool.turn()) is None:
                return done
            done.append(step)

    def waiting(self) -> list[MachineRef]:
        """What the host has that nobody has."""
        return [m.machine.ref for m in self.host.machines.values() if not m.machine.session]


Worlds = Callable[[PoolSettings], World]


@pytest.fixture
async def worlds() -> AsyncIterator[Worlds]:
    directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fl-", dir="/tmp"))
    made: list[World] = []

    def make(settings: PoolSettings) -> World:
        made.append(World(directory, settings))
        return made[-1]

    yield make
    for world in made:
        for ref in list(world.host.machines):
            await world.host.destroy(ref)
    await asyncio.to_thread(shutil.rmtree, directory)


@pytest.fixture
async def world(worlds: Worlds) -> World:
    return worlds(PoolSettings())


class _PoolConformance(Conformance):
    @pytest.fixture
    def restart(self, provider: Pool) -> Restart:
        @contextlib.asynccontextmanager
        async def again() -> AsyncIterator[Provider]:
            yield provider  # its machines live in this very process, and go on

        return again


class TestPool(_PoolConformance):
    @pytest.fixture
    def provider(self, world: World) -> Pool:
        return world.pool


class TestFullPool(_PoolConformance):
    """The same of a pool that has a machine of the kind for each start."""

    @pytest.fixture
    async def provider(self, worlds: Worlds) -> Pool:
        world = worlds(PoolSettings(machines=3))
        await world.pool.turn()
        await world.pool.destroy((await world.pool.start(fresh_spec())).ref)
        await world.settle()
        assert len(world.pool.idle) == 3
        return world.pool


async def test_the_first_session_has_a_machine_made_and_the_next_finds_one(world: World) -> None:
    await world.settle()
    assert world.waiting() == []

    first = await world.pool.start(fresh_spec())
    assert [type(each) for each in await world.settle()] == [Make]
    (idle,) = world.waiting()
    world.clock.advance(20)
    spec = fresh_spec()
    second = await world.pool.start(spec)

    assert world.heard == ["missed", pytest.approx(30, abs=10)]
    assert (second.ref, second.session) == (spec.ref, spec.session)
    assert world.host.machines[spec.ref].machine == second
    assert idle not in world.host.machines
    assert [each.ref for each in await world.pool.list()] == [first.ref, second.ref]


async def test_what_waits_is_no_sessions_and_is_in_no_list(world: World) -> None:
    await world.pool.start(fresh_spec())
    await world.settle()

    assert len(world.waiting()) == 1
    assert len(await world.pool.list()) == 1


async def test_a_session_gets_a_machine_of_its_kind_only(world: World) -> None:
    await world.pool.start(dataclasses.replace(fresh_spec(), restricted=True))
    await world.settle()
    (idle,) = world.waiting()

    await world.pool.start(dataclasses.replace(fresh_spec(), restricted=False))
    await world.pool.start(dataclasses.replace(fresh_spec(), memory_mib=123))

    assert world.heard == ["missed", "missed", "missed"]
    assert world.waiting() == [idle]


async def test_policy_and_display_size_are_no_matter_of_kind() -> None:
    spec = fresh_spec()
    other = dataclasses.replace(
        fresh_spec(), width_px=800, policy=EgressPolicy(pins={"a.test:1": "127.0.0.1:2"})
    )

    assert kind_of(spec) == kind_of(other)
    assert kind_of(spec) != kind_of(dataclasses.replace(spec, home_mib=1))
    assert kind_of(spec).policy.mode == "none"


async def test_nothing_is_made_while_a_session_starts_nor_right_after(world: World) -> None:
    await world.pool.start(fresh_spec())

    assert await world.pool.turn() is None
    world.clock.advance(2.9)
    assert await world.pool.turn() is None
    world.clock.advance(0.2)
    assert isinstance(await world.pool.turn(), Make)


async def test_one_that_died_while_it_waited_is_made_again(world: World) -> None:
    await world.pool.start(fresh_spec())
    await world.settle()
    (idle,) = world.waiting()
    world.clock.advance(60)
    await world.host.destroy(idle)

    machine = await world.pool.start(fresh_spec())

    assert machine.ref in world.host.machines
    assert world.heard == ["missed", "missed"]
    await world.settle()
    assert len(world.waiting()) == 1


async def test_the_next_controller_goes_on_with_what_waits(world: World) -> None:
    await world.pool.start(fresh_spec())
    await world.settle()
    (idle,) = world.waiting()

    world.pool = world.another_pool()
    await world.settle()
    await world.pool.start(fresh_spec())

    assert world.waiting() == []
    assert len(world.host.started) == 2, "the session's and the pool's: no third one"
    assert world.heard[0] == "missed"
    assert isinstance(world.heard[1], float)
    assert idle_named(idle)


async def test_what_no_longer_fits_is_destroyed_and_so_is_what_nobody_knows(world: World) -> None:
    await world.pool.start(fresh_spec())
    await world.settle()
    await world.host.start(waiting_spec())
    kept = await world.host.start(fresh_spec())
    assert len(world.waiting()) == 2

    smaller = tuple(dataclasses.replace(each, memory_mib=99) for each in KINDS)
    world.pool = world.another_pool(smaller)
    await world.settle()

    assert world.waiting() == []
    assert kept.ref in world.host.machines


async def test_another_image_drains_the_pool_and_fills_it_anew(world: World) -> None:
    await world.pool.start(fresh_spec())
    await world.settle()
    (old,) = world.waiting()

    world.host.image = "newer"
    steps = await world.settle()

    assert [type(each) for each in steps] == [GiveUp, Make]
    assert len(world.waiting()) == 1
    assert world.waiting() != [old]


async def test_a_pool_that_is_switched_off_leaves_nothing(world: World) -> None:
    await world.pool.start(fresh_spec())
    await world.settle()

    world.settings = PoolSettings(machines=0)
    world.pool = world.another_pool()
    await world.pool.start(fresh_spec())
    await world.settle()

    assert world.waiting() == []


async def test_an_old_one_is_replaced(world: World) -> None:
    await world.pool.start(fresh_spec())
    await world.settle()
    (old,) = world.waiting()

    world.clock.advance(world.settings.max_age_s - 100)
    await world.pool.start(dataclasses.replace(fresh_spec(), restricted=True))
    world.clock.advance(world.settings.max_age_s / 2)
    await world.settle()

    assert len(world.waiting()) == 1
    assert world.waiting() != [old]


async def test_a_host_short_of_memory_gets_it_back(world: World) -> None:
    await world.pool.start(fresh_spec())
    await world.settle()

    world.room = "short"
    await world.settle()

    assert world.waiting() == []


async def test_a_pool_that_cannot_make_machines_tries_again_later_and_later(world: World) -> None:
    await world.pool.start(fresh_spec())
    world.refuses = "no room"
    tries = []
    for _ in range(200):
        world.clock.advance(1)
        try:
            await world.pool.turn()
        except MachineRefused:
            tries.append(world.clock())
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]

    assert gaps == [10, 20, 40, 80]


async def test_five_starts_at_once_get_different_machines(worlds: Worlds) -> None:
    world = worlds(PoolSettings(machines=3, most=3))
    await world.pool.start(fresh_spec())
    await world.settle()
    assert len(world.waiting()) == 3

    specs = [fresh_spec() for _ in range(5)]
    machines = await asyncio.gather(*(world.pool.start(each) for each in specs))

    assert [each.ref for each in machines] == [each.ref for each in specs]
    assert len({each.directory for each in machines}) == 5
    assert sum(isinstance(each, float) for each in world.heard) == 3


async def test_a_provider_that_is_away_is_waited_for(world: World) -> None:
    await world.pool.start(fresh_spec())
    await world.settle()

    async def away() -> str:
        raise HostError("the keeper is gone")

    there, world.host.made_of = world.host.made_of, away  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.pool.run())
        await asyncio.sleep(0.01)
        assert not running.done()
        running.cancel()
    world.host.made_of = there  # type: ignore[method-assign]
    assert len(world.waiting()) == 1


def test_a_ref_says_what_kind_it_is_and_since_when() -> None:
    ref = new_ref("00c0ffee", 1_700_000_000.9)

    assert len(ref) <= 32
    idle = idle_named(ref)
    assert idle is not None
    assert (idle.tag, idle.born_at) == ("00c0ffee", 1_700_000_000.0)
    assert idle_named(MachineRef("m-0123456789")) is None


@pytest.mark.parametrize(
    ("available", "total", "room"),
    [
        (1200, 2000, "tight"),
        (700, 2000, "short"),
        (1600, 2000, "enough"),
        (3000, 16_000, "tight"),
        (5000, 16_000, "enough"),
        (1500, 16_000, "short"),
    ],
)
def test_a_small_host_keeps_its_memory(available: int, total: int, room: Room) -> None:
    assert room_for(available, total) == room
