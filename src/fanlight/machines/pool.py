"""Machines that wait for a session: a provider in front of one whose machines can (`Pooled`).

`start` gives one that waits, if there is one, and has an ordinary one made otherwise. What waits
is made in the background, one at a time and never while a session starts. It belongs to the
keeper: the next controller's pool goes on with it, as its ref says of which kind it is and since
when.

A machine is given once. While it waits it has no token and no way out, nobody is shown it, and its
browser shows an empty page.

Concurrency: one event loop; `run` is the only one that makes, adopts and gives up.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fanlight import log
from fanlight.errors import FanlightError, MachineRefused
from fanlight.wire import EgressPolicy, MachineRef, SessionId

from .demand import Demand, GiveUp, Idle, Make, PoolSettings, Room, Tag, next_step
from .provider import Machine, MachineEnd, MachineSpec, Pooled
from .room import memory_room

QUIET_AFTER_START_S = 3.0
"""A desktop comes up in this time: until then it has the computer for itself."""
TURN_S = 5.0
GAP_S = 3.0
"""From one machine made to the next, for the same reason."""
RETRY_S, RETRY_MOST_S = 10.0, 300.0
REF = re.compile(r"w-(?P<tag>[0-9a-f]{8})-(?P<born>[0-9a-f]{8})[0-9a-f]{10}")

_log = log.get("pool")


@dataclass(frozen=True)
class PoolEars:
    """Who hears how the pool does. Called on the event loop; must not wait."""

    given: Callable[[float], None] = lambda age_s: None
    """A session was given a machine that had waited for so long, in seconds."""
    missed: Callable[[], None] = lambda: None
    """A session found none."""
    waiting: Callable[[int], None] = lambda count: None
    """So many wait now."""


class Pool:
    """Satisfies `Provider`. `run` keeps it filled.

    Args:
        inner: makes the machines.
        kinds: what sessions may ask for; ref, session, size and policy of these do not count.
        settings: how large it is.
    """

    def __init__(
        self,
        inner: Pooled,
        kinds: Sequence[MachineSpec],
        settings: PoolSettings,
        *,
        clock: Callable[[], float] = time.time,
        ears: PoolEars | None = None,
        room: Callable[[], Room] = memory_room,
    ) -> None:
        self._inner, self._settings, self._clock, self._room = inner, settings, clock, room
        self._kinds = {tag_of(kind): kind for kind in map(kind_of, kinds)}
        self._ears = ears or PoolEars()
        self._demand = Demand(settings)
        self._made_of, self._complaint = "", ""
        self._idle: dict[MachineRef, Idle] = {}
        self._given: set[MachineRef] = set()
        self._starts, self._started_at = 0, float("-inf")
        self._not_before, self._retry_s = float("-inf"), RETRY_S
        self._kick = asyncio.Event()

    @property
    def inner(self) -> Pooled:
        """The provider that makes the machines."""
        return self._inner

    @property
    def idle(self) -> tuple[Idle, ...]:
        """Those that wait."""
        return tuple(self._idle.values())

    # --- Provider ----------------------------------------------------------------------------

    async def start(self, spec: MachineSpec) -> Machine:
        """Give a machine that waits its session, or make one. See `Provider.start`."""
        kind = tag_of(kind_of(spec))
        with self._starting():
            if kind in self._kinds:
                self._demand.asked(kind, self._clock())
                if machine := await self._assigned(tag_of(self._kinds[kind], self._made_of), spec):
                    return machine
            self._ears.missed()
            return await self._inner.start(spec)

    async def destroy(self, ref: MachineRef) -> None:
        """Destroy a machine. See `Provider.destroy`."""
        await self._inner.destroy(ref)

    async def list(self) -> tuple[Machine, ...]:
        """Give the machines of sessions; what waits is nobody's business but the pool's."""
        return tuple(each for each in await self._inner.list() if each.session)

    async def wait(self, ref: MachineRef) -> MachineEnd:
        """Wait for a machine's end. See `Provider.wait`."""
        return await self._inner.wait(ref)

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        self._starts += 1
        try:
            yield
        finally:
            self._starts -= 1
            self._started_at = self._clock()
            self._kick.set()

    async def _assigned(self, tag: Tag, spec: MachineSpec) -> Machine | None:
        """Give a machine of this kind to the session: the one that waited longest, as it is
        the most settled."""
        while waiting := [each for each in self._idle.values() if each.tag == tag]:
            idle = min(waiting, key=lambda each: each.born_at)
            del self._idle[idle.ref]
            self._given.add(idle.ref)
            try:
                machine = await self._inner.assign(idle.ref, spec)
            except MachineRefused as error:
                _log.warning("a machine that waited was not to be had", why=str(error))
                await self._inner.destroy(idle.ref)  # given once, whatever came of it
                continue
            finally:
                self._given.discard(idle.ref)
                self._ears.waiting(len(self._idle))
            self._ears.given(max(0.0, self._clock() - idle.born_at))
            return machine
        return None

    # --- in the background -------------------------------------------------------------------

    async def adopt(self) -> None:
        """Know what waits since a controller before, so that the first session can have it."""
        try:
            await self._take_stock()
        except FanlightError as error:
            _log.warning("the pool could not be looked after", error=str(error))

    async def run(self) -> None:
        """Keep the pool as it should be, until cancelled. What waits then goes on waiting."""
        while True:
            self._kick.clear()
            match await self._turn_or_complain():
                case GiveUp():
                    continue  # a pool that is drained is drained at once
                case Make():
                    await asyncio.sleep(GAP_S)
                case None:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._pause_s()):
                            await self._kick.wait()

    async def _turn_or_complain(self) -> Make | GiveUp | None:
        try:
            done = await self.turn()
            self._complaint = ""
        except FanlightError as error:
            if str(error) != self._complaint:
                _log.warning("the pool could not be looked after", error=str(error))
            self._complaint = str(error)
            return None
        return done

    async def turn(self) -> Make | GiveUp | None:
        """Look at what there is, do the one thing that is due, and give it.

        Raises:
            FanlightError: the provider cannot say what there is, or could not make one.
        """
        await self._take_stock()
        room = await asyncio.to_thread(self._room)
        now = self._clock()
        wanted = self._demand.wanted(now)
        step = next_step(
            self._idle.values(),
            {tag_of(self._kinds[kind], self._made_of): count for kind, count in wanted.items()},
            now,
            room=room,
            max_age_s=self._settings.max_age_s,
        )
        match step:
            case GiveUp(ref, why):
                await self._give_up(ref, why)
            case Make(tag) if self._is_quiet(now) and now >= self._not_before:
                await self._make(tag)
            case _:
                return None
        return step

    async def _take_stock(self) -> None:
        """Know what waits: adopt what is of a kind that may be asked for, destroy all else."""
        self._made_of = await self._inner.made_of()
        there = {each.ref for each in await self._inner.list() if not each.session}
        for ref in self._idle.keys() - there:
            del self._idle[ref]  # it died while it waited
        for ref in there - self._idle.keys() - self._given:
            idle = idle_named(ref)
            if idle is None or not self._settings.machines:
                await self._give_up(ref, "unwanted")
                continue
            self._idle[ref] = idle
            for kind, spec in self._kinds.items():
                if tag_of(spec, self._made_of) == idle.tag:
                    self._demand.in_use(kind, self._clock())
        self._ears.waiting(len(self._idle))

    async def _make(self, tag: Tag) -> None:
        now = self._clock()
        ref = new_ref(tag, now)
        kinds = self._kinds.values()
        kind = next(each for each in kinds if tag_of(each, self._made_of) == tag)
        spec = dataclasses.replace(kind, ref=ref)
        try:
            await self._inner.start(spec)
        except FanlightError:
            self._not_before = now + self._retry_s
            self._retry_s = min(RETRY_MOST_S, self._retry_s * 2)
            raise
        self._retry_s = RETRY_S
        self._idle[ref] = Idle(ref, tag, now)
        self._ears.waiting(len(self._idle))
        _log.info("a machine waits", machine=ref, waiting=len(self._idle))

    async def _give_up(self, ref: MachineRef, why: str) -> None:
        # Out of reach first: nobody is given a machine that is being destroyed.
        self._idle.pop(ref, None)
        self._ears.waiting(len(self._idle))
        _log.info("a machine that waited is given up", machine=ref, why=why)
        await self._inner.destroy(ref)

    def _is_quiet(self, now: float) -> bool:
        return not self._starts and now - self._started_at >= QUIET_AFTER_START_S

    def _pause_s(self) -> float:
        """Until the next turn; one that waits for quiet comes as soon as it is quiet."""
        quiet_in_s = self._started_at + QUIET_AFTER_START_S - self._clock()
        return quiet_in_s if 0 < quiet_in_s < TURN_S else TURN_S


def kind_of(spec: MachineSpec) -> MachineSpec:
    """Give what of a spec cannot be changed later: it, without what `assign` gives.

    Whatever a spec may have in future is part of its kind, so that no session is given a machine
    that was made for something else.
    """
    blank = MachineSpec(MachineRef(""), SessionId(""))
    return dataclasses.replace(
        spec,
        ref=blank.ref,
        session=blank.session,
        width_px=blank.width_px,
        height_px=blank.height_px,
        policy=EgressPolicy(mode="none"),
    )


def tag_of(kind: MachineSpec, made_of: str = "") -> Tag:
    """Name a kind in eight hex digits: what it is for, and what it is made of."""
    return hashlib.sha256(repr((kind, made_of)).encode()).hexdigest()[:8]


def new_ref(tag: Tag, now: float) -> MachineRef:
    """Make the ref of a machine that waits: its kind, when it was made, and chance."""
    return MachineRef(f"w-{tag}-{int(now):08x}{secrets.token_hex(5)}")


def idle_named(ref: MachineRef) -> Idle | None:
    """Read a ref of `new_ref`; None: it is none."""
    found = REF.fullmatch(ref)
    return Idle(ref, found["tag"], float(int(found["born"], 16))) if found else None
