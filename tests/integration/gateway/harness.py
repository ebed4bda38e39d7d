"""A gateway process with a controller's and a keeper's end of its socket; machines to feed it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from fanlight import wire

HERE = Path(__file__).parent
SOURCE = Path(__file__).parents[3] / "src" / "fanlight"
PATIENCE_S = 40.0

M = TypeVar("M")
_numbers = itertools.count(1)


def build_gateway(target: Path) -> Path:
    """Write a gateway.pyz of the sources as they are, like build_assets.py does."""
    with zipfile.ZipFile(target, "w") as archive:
        archive.write(SOURCE / "__init__.py", "fanlight/__init__.py")
        for room in ("errors", "wire", "session", "media"):
            for file in (SOURCE / room).rglob("*.py"):
                archive.write(file, f"fanlight/{file.relative_to(SOURCE)}")
        archive.writestr(
            "__main__.py",
            "import sys\nsys.path.append('/usr/lib/python3/dist-packages')\n"
            "from fanlight.media.gateway import main\nsys.exit(main())\n",
        )
    return target


@dataclass
class GatewayProcess:
    """A running gateway: what the controller says to it, and every message it said."""

    process: asyncio.subprocess.Process
    path: Path
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    keeper: socket.socket
    heard: list[wire.Message] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def say(self, *messages: wire.Message) -> None:
        for message in messages:
            self.writer.write(wire.encode(message))

    async def listen(self) -> None:
        decoder = wire.Decoder()
        while data := await self.reader.read(1 << 16):
            async with self.changed:
                self.heard.extend(decoder.feed(data))
                self.changed.notify_all()

    async def expect(
        self, kind: type[M], which: Callable[[M], bool] = lambda _: True, *, after: int = 0
    ) -> M:
        """Wait for a message of this kind, among those from number `after` on."""

        def found() -> M | None:
            said = (m for m in self.heard[after:] if isinstance(m, kind))
            return next((m for m in said if which(m)), None)

        async with asyncio.timeout(PATIENCE_S), self.changed:
            while (message := found()) is None:
                await self.changed.wait()
        return message

    async def answer(self, request: wire.OpenConnection) -> str:
        """Say an offer and give the answer."""
        self.say(request)
        said = await self.expect(
            wire.ConnectionAnswer, lambda m: m.connection == request.connection
        )
        return said.sdp

    def attach(
        self,
        session: wire.SessionId,
        machine: Machine,
        waited_as: wire.MachineRef | None = None,
    ) -> None:
        line = wire.encode(wire.AttachMachine(session, machine.ref, waited_as))
        socket.send_fds(self.keeper, [line], machine.descriptors)

    def detach(self, session: wire.SessionId, machine: Machine) -> None:
        self.keeper.sendall(wire.encode(wire.DetachMachine(session, machine.ref)))

    @property
    def threads_and_descriptors(self) -> tuple[int, int]:
        root = Path(f"/proc/{self.process.pid}")
        return len(list((root / "task").iterdir())), len(list((root / "fd").iterdir()))


@dataclass
class Machine:
    """A sender in a network namespace of its own."""

    ref: wire.MachineRef
    process: asyncio.subprocess.Process
    descriptors: list[int]
    lines: list[dict[str, object]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        if self.process.stdout is None:
            raise AssertionError("no pipe")
        while line := await self.process.stdout.readline():
            async with self.changed:
                self.lines.append(json.loads(line))
                self.changed.notify_all()

    async def expect(self, which: Callable[[dict[str, object]], bool]) -> dict[str, object]:
        async with asyncio.timeout(PATIENCE_S), self.changed:
            while not (found := [line for line in self.lines if which(line)]):
                await self.changed.wait()
        return found[0]

    @property
    def requests(self) -> int:
        """Key frame requests that reached it."""
        return sum("pli" in line for line in self.lines)

    def kill(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@contextlib.asynccontextmanager
async def running_gateway(directory: Path, *arguments: str) -> AsyncIterator[GatewayProcess]:
    """Run a gateway on a listening descriptor, with a controller connected."""
    path = directory / "gateway.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(8)
    with listener:
        process = await asyncio.create_subprocess_exec(
            *["/usr/bin/python3", "-I", "-S", str(build_gateway(directory / "gateway.pyz"))],
            *["--listen-fd", str(listener.fileno()), *arguments],
            pass_fds=[listener.fileno()],
        )
    try:
        reader, writer = await asyncio.open_unix_connection(path)
        keeper = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        keeper.connect(str(path))
        with keeper:
            gateway = GatewayProcess(process, path, reader, writer, keeper)
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(gateway.listen())
                gateway.say(wire.GatewayHello())
                await gateway.expect(wire.GatewayWelcome)
                yield gateway
                listening.cancel()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
    finally:
        if process.returncode is None:
            process.terminate()
        status = await process.wait()
    if status != 0:
        raise AssertionError(f"the gateway ended with status {status}")


@contextlib.asynccontextmanager
async def running_machine(
    codec: str = "vp8",
    *,
    width_px: int = 320,
    height_px: int = 240,
    pattern: str = "ball",
) -> AsyncIterator[Machine]:
    """Run a sender of test pictures in a network namespace of its own."""
    size = str(width_px), str(height_px)
    async with _running("sender.py", codec, *size, pattern, "moving") as machine:
        yield machine


@contextlib.asynccontextmanager
async def running_desktop(codec: str = "vp8") -> AsyncIterator[tuple[Machine, Path]]:
    """Run a real display of 1280x720 and the real sender; gives the X server's socket too."""
    number = str(2000 + os.getpid() % 30_000)
    try:
        async with _running("desktop.py", codec, number) as machine:
            yield machine, Path(f"/tmp/.X11-unix/X{number}")
    finally:
        for path in (f"/tmp/.X11-unix/X{number}", f"/tmp/.X{number}-lock", f"/tmp/.X{number}-vnc"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


@contextlib.asynccontextmanager
async def _running(script: str, *arguments: str) -> AsyncIterator[Machine]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with ours:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *["unshare", "--user", "--map-root-user", "--net", "--"],
                *["/usr/bin/python3", str(HERE / script), str(theirs.fileno()), *arguments],
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, ready.set)
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()
        loop.remove_reader(ours)
        _, descriptors, _, _ = socket.recv_fds(ours, 64, 3)
    ref = wire.MachineRef(f"machine-{next(_numbers)}")
    machine = Machine(ref, process, list(descriptors))
    try:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(machine.listen())
            await machine.expect(lambda line: "playing" in line)
            yield machine
            listening.cancel()
    finally:
        machine.kill()
        await process.wait()
        transport = getattr(process, "_transport", None)
        if transport is not None:
            transport.close()
