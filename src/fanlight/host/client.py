"""The controller's end of the keeper's socket.

    client = KeeperClient(on_event)
    state = await client.open(socket_path)
    tasks.create_task(client.run())      # returns when the keeper is gone
    spawned = await client.spawn(SpawnMachine(...))

All from one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fanlight.errors import KeeperUnavailable, MachineRefused, PeerError
from fanlight.wire import (
    AssignMachine,
    Decoder,
    DestroyMachine,
    EgressRefused,
    EndKeeper,
    GatewayExited,
    GatewaySpawned,
    KeeperHello,
    KeeperState,
    MachineAssigned,
    MachineGone,
    MachineNotSpawned,
    MachineRef,
    MachineSpawned,
    Message,
    OrphansRemoved,
    SpawnMachine,
    encode,
)

T = TypeVar("T")
KeeperEvent = MachineGone | GatewayExited | GatewaySpawned | EgressRefused | OrphansRemoved
READ_BYTES = 65_536
ANSWER_TIMEOUT_S = 30.0
BACK_S = 10.0
"""How long who wants a machine waits for a keeper that is being started again: it takes about a
second, more on a busy host."""


def _ignore(event: KeeperEvent) -> None:
    """The default listener."""


class KeeperClient:
    """One connection to a keeper. `on_event` hears what nobody asked for, and every end."""

    def __init__(self, on_event: Callable[[KeeperEvent], None] = _ignore) -> None:
        self._listeners = [on_event]
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._states: list[asyncio.Future[KeeperState]] = []
        self._spawning: dict[MachineRef, asyncio.Future[MachineSpawned]] = {}
        self._assigning: dict[MachineRef, asyncio.Future[MachineAssigned]] = {}
        self._going: dict[MachineRef, list[asyncio.Future[MachineGone]]] = {}
        self._decoder = Decoder()
        self._is_open = asyncio.Event()
        self._is_over = False

    def listen(self, on_event: Callable[[KeeperEvent], None]) -> None:
        """Let somebody else hear the events too."""
        self._listeners.append(on_event)

    async def open(self, socket_path: Path) -> KeeperState:
        """Connect, and give what the keeper holds.

        Raises:
            KeeperUnavailable: nobody answers there.
        """
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(socket_path)
            self._writer.write(encode(KeeperHello()))
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while data := await self._reader.read(READ_BYTES):
                    # The keeper's other news may come first; nothing is lost by taking it now.
                    if state := self._first_state(data):
                        self._is_open.set()
                        return state
        except (OSError, PeerError, TimeoutError) as error:
            await self._fail_to_open()
            raise KeeperUnavailable(f"the keeper does not answer: {error}") from None
        await self._fail_to_open()
        raise KeeperUnavailable("the keeper closed the connection")

    async def _fail_to_open(self) -> None:
        self._give_up()
        await self.close()

    async def run(self) -> None:
        """Read until the connection ends; then every waiting call gets `KeeperUnavailable`."""
        if self._reader is None:
            raise KeeperUnavailable("the keeper's client was not opened")
        try:
            while data := await self._reader.read(READ_BYTES):
                for message in self._decoder.feed(data):
                    self._take(message)
        except (OSError, PeerError):
            pass  # an end like any other: whoever waits is told below
        finally:
            self._give_up()
            await self.close()

    async def close(self) -> None:
        """Close the connection; the keeper and all it holds go on."""
        self._is_open.clear()
        if self._writer:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
            self._writer = None

    async def state(self) -> KeeperState:
        """Ask what the keeper holds."""
        future: asyncio.Future[KeeperState] = asyncio.get_running_loop().create_future()
        self._say(KeeperHello())
        # Only what was asked is waited for: each state answers the oldest question.
        self._states.append(future)
        return await _in_time(future)

    async def until_back(self) -> None:
        """Return when there is a keeper; it may be on its way.

        To be called before anything of a machine is made: what a keeper finds when it starts is
        a former one's, and goes.

        Raises:
            KeeperUnavailable: there is none after a while, or none is to be.
        """
        try:
            async with asyncio.timeout(0 if self._is_over else BACK_S):
                await self._is_open.wait()
        except TimeoutError:
            raise KeeperUnavailable("the keeper is gone") from None

    async def spawn(self, spec: SpawnMachine) -> MachineSpawned:
        """Spawn a machine; `run` must be running.

        Raises:
            MachineRefused: it could not be; nothing of it is left.
            KeeperUnavailable: the keeper is gone, or does not answer.
        """
        future: asyncio.Future[MachineSpawned] = asyncio.get_running_loop().create_future()
        self._spawning[spec.machine] = future
        try:
            self._say(spec)
            return await _in_time(future)
        finally:
            self._spawning.pop(spec.machine, None)

    async def assign(self, order: AssignMachine) -> MachineAssigned:
        """Give a machine that waits its session; `run` must be running.

        Raises:
            MachineRefused: it is gone, is somebody's already, or the new ref is taken.
            KeeperUnavailable: the keeper is gone, or does not answer.
        """
        future: asyncio.Future[MachineAssigned] = asyncio.get_running_loop().create_future()
        self._assigning[order.as_machine] = future
        try:
            self._say(order)
            return await _in_time(future)
        finally:
            self._assigning.pop(order.as_machine, None)

    async def destroy(self, ref: MachineRef) -> MachineGone:
        """Destroy a machine, and return when nothing of it is left.

        Raises:
            KeeperUnavailable: the keeper is gone, or does not answer.
        """
        gone = self.gone(ref)
        self._say(DestroyMachine(ref))
        return await _in_time(gone)

    def gone(self, ref: MachineRef) -> asyncio.Future[MachineGone]:
        """Give a future of a machine's end, whoever wanted it."""
        future: asyncio.Future[MachineGone] = asyncio.get_running_loop().create_future()
        self._going.setdefault(ref, []).append(future)
        future.add_done_callback(lambda done: self._waits_no_longer(ref, done))
        return future

    def _waits_no_longer(self, ref: MachineRef, future: asyncio.Future[MachineGone]) -> None:
        # A machine that was given its session never goes under the name that it had before.
        waiting = self._going.get(ref, [])
        if future in waiting:
            waiting.remove(future)
        if not waiting:
            self._going.pop(ref, None)

    async def end(self) -> None:
        """Tell the keeper to end everything, itself included, and wait until it closes."""
        self._is_over = True
        loop = asyncio.get_running_loop()
        over: asyncio.Future[KeeperState] = loop.create_future()
        self._say(EndKeeper())
        self._states.append(over)
        with contextlib.suppress(KeeperUnavailable):
            await _in_time(over)

    def _first_state(self, data: bytes) -> KeeperState | None:
        found = None
        for message in self._decoder.feed(data):
            if isinstance(message, KeeperState) and found is None:
                found = message
            else:
                self._take(message)
        return found

    def _take(self, message: Message) -> None:
        match message:
            case KeeperState():
                if self._states:
                    _resolve(self._states.pop(0), message)
            case MachineSpawned(ref):
                if spawning := self._spawning.pop(ref, None):
                    _resolve(spawning, message)
            case MachineAssigned(ref):
                if assigning := self._assigning.pop(ref, None):
                    _resolve(assigning, message)
            case MachineNotSpawned(ref):
                error = MachineRefused(message.detail)
                if spawning := self._spawning.pop(ref, None):
                    _fail(spawning, error)
                if assigning := self._assigning.pop(ref, None):
                    _fail(assigning, error)
            case MachineGone(ref):
                for gone in self._going.pop(ref, []):
                    _resolve(gone, message)
                self._announce(message)
            case GatewayExited() | GatewaySpawned() | EgressRefused() | OrphansRemoved():
                self._announce(message)
            case _:
                raise PeerError(f"{type(message).__name__} is not for the controller")

    def _announce(self, event: KeeperEvent) -> None:
        for listener in self._listeners:
            listener(event)

    def _say(self, message: Message) -> None:
        if self._writer is None or self._writer.is_closing():
            raise KeeperUnavailable("the keeper is gone")
        self._writer.write(encode(message))

    def _give_up(self) -> None:
        waiting: list[asyncio.Future[KeeperState]] = [*self._states]
        for state in waiting:
            _fail(state, KeeperUnavailable("the keeper is gone"))
        for spawning in self._spawning.values():
            _fail(spawning, KeeperUnavailable("the keeper is gone"))
        for assigning in self._assigning.values():
            _fail(assigning, KeeperUnavailable("the keeper is gone"))
        for futures in self._going.values():
            for gone in futures:
                _fail(gone, KeeperUnavailable("the keeper is gone"))
        self._states.clear()
        self._spawning.clear()
        self._assigning.clear()
        self._going.clear()


async def _in_time(future: asyncio.Future[T]) -> T:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await future
    except TimeoutError:
        raise KeeperUnavailable(f"the keeper did not answer in {ANSWER_TIMEOUT_S:g} s") from None


def _resolve(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # not every future has somebody waiting; an unread error is no news
