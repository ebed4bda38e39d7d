"""A provider whose machines are played in this process: for tests of whoever drives machines.

What a machine does is its `Character`: a script of messages that its guest says on the link once
it has its identity. Nothing runs, nothing is isolated; link.sock is a real Unix socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from fanlight.errors import MachineNotFound, MachineRefused, PeerError
from fanlight.guest.link import Identity
from fanlight.machines import Machine, MachineEnd, MachineSpec, check_ref
from fanlight.wire import (
    BootStage,
    Decoder,
    GuestReady,
    IdentifyMachine,
    LinkPing,
    LinkPong,
    MachineIdentified,
    MachineRef,
    Message,
    StageReached,
    encode,
)

STAGES: tuple[BootStage, ...] = get_args(BootStage)


def whole_boot() -> tuple[Message, ...]:
    """Give what a guest says from its identity to ready."""
    stages = [StageReached(stage, 10.0 * (n + 1)) for n, stage in enumerate(STAGES)]
    return (*stages, GuestReady())


@dataclass(frozen=True, slots=True)
class Character:
    """How a machine behaves."""

    says: tuple[Message, ...] = field(default_factory=whole_boot)
    """Said after `machine.identified`."""
    refuses: str = ""
    """`start` raises MachineRefused with this."""
    identifies: bool = True
    """Whether it answers `machine.identify`."""
    dies_with: int | None = None
    """It dies, with this status, after what it said."""
    garbles: bytes = b""
    """Bytes that are no message, said last."""


READY = Character()
NEVER_READY = Character(says=whole_boot()[:2])
NEVER_THERE = Character(identifies=False)
DYING = Character(says=whole_boot()[:2], dies_with=139)
REFUSED = Character(refuses="the fake host is full")
GARBLING = Character(garbles=b"\x00\xff not a message\n")


class FakeMachine:
    """One machine as its test sees it: what it heard, and a mouth."""

    def __init__(self, machine: Machine, character: Character) -> None:
        self.machine, self.character = machine, character
        self.heard: list[Message] = []
        self.ended: asyncio.Future[MachineEnd] = asyncio.get_running_loop().create_future()
        self._identity = Identity()
        self._server: asyncio.Server | None = None
        self._link: asyncio.StreamWriter | None = None
        self._heard_more = asyncio.Condition()

    def say(self, message: Message) -> None:
        """Say something on the link as the guest would; with no link: nothing."""
        if self._link:
            self._link.write(encode(message))

    async def hears(self, kind: type[Message], timeout_s: float = 5.0) -> Message:
        """Wait until the guest has heard a message of a kind, and give the latest."""
        async with asyncio.timeout(timeout_s), self._heard_more:
            await self._heard_more.wait_for(lambda: any(isinstance(m, kind) for m in self.heard))
        return next(m for m in reversed(self.heard) if isinstance(m, kind))

    def die(self, status: int = 137, tail: str = "") -> None:
        """End, as if the machine had crashed."""
        if self._server:
            self._server.close()
        if self._link:
            self._link.close()
        loop = asyncio.get_running_loop()
        remove = functools.partial(shutil.rmtree, self.machine.directory, ignore_errors=True)
        removed = loop.run_in_executor(None, remove)
        removed.add_done_callback(lambda _: self._end(MachineEnd(status, tail)))

    def _end(self, end: MachineEnd) -> None:
        if not self.ended.done():
            self.ended.set_result(end)

    async def listen(self) -> None:
        """Make the machine's link.sock."""
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(self.machine.directory / "link.sock"))
            self._server = await asyncio.start_unix_server(self._serve, sock=listener)
        except (OSError, asyncio.CancelledError):
            listener.close()
            raise

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.ended.done():
            writer.close()
            return
        if self._link:
            self._link.close()  # a new link replaces the old
        self._link = writer
        decoder = Decoder()
        with contextlib.suppress(OSError, PeerError):
            while data := await reader.read(65_536):
                for message in decoder.feed(data):
                    await self._take(message)
        writer.close()

    async def _take(self, message: Message) -> None:
        async with self._heard_more:
            self.heard.append(message)
            self._heard_more.notify_all()
        if isinstance(message, LinkPing):
            self.say(LinkPong())
        if isinstance(message, IdentifyMachine) and self.character.identifies:
            self._identity.take(message)
            self._introduce()

    def _introduce(self) -> None:
        self.say(MachineIdentified(self.machine.ref))
        for said in self.character.says:
            self.say(said)
        if self._link and self.character.garbles:
            self._link.write(self.character.garbles)
        if self.character.dies_with is not None:
            self.die(self.character.dies_with, "the fake machine died as told")


class FakeProvider:
    """Satisfies `Pooled`. `character(spec)` says how each machine behaves."""

    destroys = True
    """Whether `destroy` ever comes to its end."""

    def __init__(
        self, directory: Path, character: Callable[[MachineSpec], Character] = lambda spec: READY
    ) -> None:
        """Make the machines' directories below `directory`, whose path must be short."""
        self._directory, self._character = directory, character
        self.machines: dict[MachineRef, FakeMachine] = {}
        self.started: list[MachineSpec] = []
        """Every spec that was asked for."""
        self.image = "fake"
        """What `made_of` gives."""
        self._ended: dict[MachineRef, MachineEnd] = {}

    async def start(self, spec: MachineSpec) -> Machine:
        """See `Provider.start`."""
        check_ref(spec.ref)
        self.started.append(spec)
        character = self._character(spec)
        if character.refuses:
            raise MachineRefused(character.refuses)
        directory = self._directory / spec.ref
        loop = asyncio.get_running_loop()
        making = loop.run_in_executor(None, functools.partial(directory.mkdir, parents=True))
        try:
            await asyncio.shield(making)
        except FileExistsError:
            raise MachineRefused(f"there is a machine {spec.ref} already") from None
        except asyncio.CancelledError:
            # The thread cannot be stopped; what it makes goes once it is through.
            with contextlib.suppress(FileExistsError):
                await making
                await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
            raise
        fake = FakeMachine(Machine(spec.ref, spec.session, directory), character)
        self.machines[spec.ref] = fake
        fake.ended.add_done_callback(lambda ended: self._forget(fake, ended.result()))
        try:
            await fake.listen()
        except asyncio.CancelledError:
            fake.die()
            raise
        return fake.machine

    async def destroy(self, ref: MachineRef) -> None:
        """See `Provider.destroy`."""
        if not self.destroys:
            await asyncio.Event().wait()
        if fake := self.machines.get(ref):
            # asyncio 3.11 loses a connection that is being accepted while its server closes.
            await asyncio.sleep(0.02)
            fake.die()
            await fake.ended

    async def list(self) -> tuple[Machine, ...]:
        """See `Provider.list`."""
        return tuple(fake.machine for fake in self.machines.values() if not fake.ended.done())

    async def wait(self, ref: MachineRef) -> MachineEnd:
        """See `Provider.wait`."""
        if fake := self.machines.get(ref):
            return await asyncio.shield(fake.ended)
        if ref in self._ended:
            return self._ended[ref]
        raise MachineNotFound(f"there is no machine {ref}")

    async def made_of(self) -> str:
        """See `Pooled.made_of`."""
        return self.image

    async def assign(self, idle: MachineRef, spec: MachineSpec) -> Machine:
        """See `Pooled.assign`."""
        check_ref(spec.ref)
        fake = self.machines.get(idle)
        if fake is None or fake.ended.done() or fake.machine.session:
            raise MachineRefused(f"no machine {idle} waits")
        directory = self._directory / spec.ref
        if not spec.session or await asyncio.to_thread(directory.exists):
            raise MachineRefused(f"{spec.ref} is no ref that can be given")
        before = fake.machine.directory
        fake.machine = dataclasses.replace(
            fake.machine, ref=spec.ref, session=spec.session, directory=directory
        )
        self.machines[spec.ref] = self.machines.pop(idle)
        try:
            await asyncio.to_thread(before.rename, directory)
        except asyncio.CancelledError:
            fake.die()
            raise
        return fake.machine

    def _forget(self, fake: FakeMachine, end: MachineEnd) -> None:
        self._ended[fake.machine.ref] = end
        self.machines.pop(fake.machine.ref, None)


class RestingProvider(FakeProvider):
    """One whose machines can be written to disk (`Suspends`): to a file with their key in it."""

    cannot_suspend = ""
    """`suspend` raises MachineRefused with this."""

    async def suspend(self, ref: MachineRef, file: Path, key: bytes) -> None:
        """See `Suspends.suspend`."""
        if self.cannot_suspend:
            raise MachineRefused(self.cannot_suspend)
        fake = self.machines.get(ref)
        if fake is None:
            raise MachineRefused("it is gone")
        await asyncio.to_thread(file.touch, 0o600)
        await asyncio.to_thread(file.write_text, f"{ref} {key.hex()}")
        fake.die(0)
        await fake.ended

    async def resume(self, spec: MachineSpec, file: Path, key: bytes) -> Machine:
        """See `Suspends.resume`."""
        try:
            kept = await asyncio.to_thread(file.read_text)
        except OSError:
            kept = ""
        if kept != f"{spec.ref} {key.hex()}":
            raise MachineRefused("what was suspended cannot be used")
        self._ended.pop(spec.ref, None)
        return await self.start(spec)
