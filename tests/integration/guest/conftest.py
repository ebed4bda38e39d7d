"""A real machine for these tests: guest.pyz under a plain bwrap, the test playing its host.

The test holds the host's ends: RTP, RTCP, control, and the egress listener, on which it serves
pages to the machine's browser.
"""

from __future__ import annotations

import array
import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import av
import pytest

from fanlight import wire

ROOT = Path(__file__).parents[3]
MACHINE_UID = 200_001
HOME = "/home/fanlight"
PAGE = """<!doctype html><meta charset=utf-8><title>page</title>
<style>body{margin:0;background:#ff0000}textarea{position:fixed;left:0;top:300px;width:600px;
height:200px}</style><textarea autofocus></textarea><script>
const box = document.querySelector('textarea');
const say = (what) => fetch('/said', {method: 'POST', body: JSON.stringify(what)});
box.oninput = () => say({typed: box.value});
onwheel = (event) => say({wheel: Math.sign(event.deltaY)});
onmousedown = (event) => say({button: event.button, x: event.clientX, y: event.clientY});
onkeydown = (event) => { if (event.ctrlKey && event.key === 'b') say({ctrl: event.key}); };
box.onmouseup = () => say({focus: document.hasFocus() && document.activeElement === box});
onload = () => { box.focus(); setTimeout(() => say({painted: true}), 500); };
</script>"""

M = TypeVar("M", bound=wire.Message)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class BareMachine:
    """A machine that runs, and its host's ends."""

    def __init__(self, directory: Path, arguments: tuple[str, ...]) -> None:
        self.run = directory / "r"
        self.started_at = time.monotonic()
        boot, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with boot, theirs:
            argv = _argv(directory / "guest.pyz", self.run, theirs.fileno(), arguments)
            self.process = subprocess.Popen(argv, pass_fds=[theirs.fileno()])
            theirs.close()
            boot.settimeout(20)
            _, ancillary, _, _ = boot.recvmsg(100, 1024)
        numbers = array.array("i")
        numbers.frombytes(ancillary[0][2])
        self.rtp, self.rtcp, self.egress, self.control = (
            socket.socket(fileno=each) for each in numbers
        )
        for each in (self.rtp, self.control, self.egress):
            each.setblocking(False)
        self.tls: ssl.SSLContext | None = None
        self.said: list[dict[str, object]] = []
        self.pages: list[str] = []
        self.messages: list[wire.Message] = []
        self.frames: list[av.VideoFrame] = []
        self.key_frames = self.gaps = 0
        self._decoder = av.CodecContext.create("vp8", "r")
        self._frame, self._sequence = b"", -1
        self._writer: asyncio.StreamWriter | None = None
        self._links: list[asyncio.StreamWriter] = []
        """All that were opened: a link that the machine closed is still ours to close."""
        self._accepted: set[asyncio.BaseTransport] = set()
        """The browser's connections, from their first moment: none may have a task yet."""

    # --- the host's part ----------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def host(self) -> AsyncIterator[BareMachine]:
        """Serve pages, read the picture and what the machine says, while the context lasts."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.rtp, self._read_rtp)
        server = await loop.create_server(self._accepting, sock=self.egress.dup())
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._sizes())
            try:
                yield self
            finally:
                task.cancel()
                loop.remove_reader(self.rtp)
                server.close()
                await self._close_links()
                await self._end_accepted()

    async def link(self, **changes: object) -> None:
        """Connect as the controller, identify the machine, and keep what it says."""
        reader = await self.connect()
        self.tell(identity(**changes))
        await self.read_link(reader)

    async def connect(self) -> asyncio.StreamReader:
        """Connect to link.sock as soon as it is there."""
        path = self.run / "link.sock"
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    reader, self._writer = await asyncio.open_unix_connection(path)
                    self._links.append(self._writer)
                    return reader
                await asyncio.sleep(0.01)

    async def read_link(self, reader: asyncio.StreamReader) -> None:
        """Keep what the machine says until the link closes."""
        decoder = wire.Decoder()
        while data := await reader.read(65536):
            self.messages += decoder.feed(data)

    def tell(self, message: wire.Message) -> None:
        """Say something on the link."""
        assert self._writer
        self._writer.write(wire.encode(message))

    async def _close_links(self) -> None:
        links, self._links = self._links, []
        for each in links:
            each.close()
        for each in links:
            with contextlib.suppress(OSError):
                await each.wait_closed()

    def _accepting(self) -> asyncio.StreamReaderProtocol:
        reader = asyncio.StreamReader()
        return _Accepting(self._accepted, reader, self._serve)

    async def _end_accepted(self) -> None:
        # What was accepted in this turn of the loop is a transport two turns later.
        for _ in range(3):
            await asyncio.sleep(0)
        for each in self._accepted:
            if isinstance(each, asyncio.WriteTransport):
                each.abort()
        await asyncio.sleep(0)

    def hang_up(self) -> None:
        """Close the link."""
        if self._writer:
            self._writer.close()

    def input(self, *messages: wire.Input) -> None:
        """Send a viewer's input, as the gateway does."""
        for message in messages:
            self.control.send(wire.encode(message))

    def want_key_frame(self) -> None:
        """Ask for a key frame, as the gateway does."""
        report = struct.pack("!BBHI", 0x80, 201, 1, 1)
        loss = struct.pack("!BBHII", 0x81, 206, 2, 1, 1)
        self.rtcp.sendto(report + loss, ("127.0.0.1", 5007))

    async def until(self, what: str, holds: Callable[[], bool], timeout_s: float = 30) -> None:
        """Wait for a condition."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds():  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(
                f"not in {timeout_s} s: {what}; {self.messages} {self.said}"
            ) from None

    def heard(self, kind: type[M]) -> list[M]:
        """Give the messages of a kind so far."""
        return [each for each in self.messages if isinstance(each, kind)]

    def pids(self, name: str) -> list[int]:
        """Give the machine's processes with that program name."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            with contextlib.suppress(OSError):
                tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                todo += map(int, tasks)
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    found.append(pid)
        return sorted(found)

    # --- what comes from the machine ----------------------------------------------------------

    def _read_rtp(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self._packet(self.rtp.recv(2048))

    def _packet(self, data: bytes) -> None:
        sequence = int.from_bytes(data[2:4], "big")
        if self._sequence >= 0 and sequence != (self._sequence + 1) & 0xFFFF:
            self.gaps += 1
        self._sequence = sequence
        payload = data[12:]
        # VP8's payload descriptor with a 15-bit picture id (RFC 7741 section 4.2)
        self._frame += payload[4 if payload[0] & 0x80 and payload[2] & 0x80 else 1 :]
        if data[1] & 0x80:
            self.key_frames += not self._frame[0] & 1
            with contextlib.suppress(av.FFmpegError):
                self.frames += self._decoder.decode(av.Packet(self._frame))
            self.frames = self.frames[-3:]
            self._frame = b""

    def colour(self, x: int, y: int) -> tuple[int, int, int]:
        """Give the colour of one pixel of the last picture: red, green, blue."""
        if not self.frames:
            return -1, -1, -1
        plane = self.frames[-1].reformat(format="rgb24").planes[0]
        at = y * plane.line_size + 3 * x
        red, green, blue = bytes(plane)[at : at + 3]
        return red, green, blue

    async def _sizes(self) -> None:
        loop = asyncio.get_running_loop()
        while packet := await loop.sock_recv(self.control, 65536):
            self.messages.append(wire.decode(packet))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            body = b""
            for line in head.split("\r\n"):
                if line.lower().startswith("content-length:"):
                    body = await reader.readexactly(int(line.partition(":")[2]))
            if body and head.startswith("POST"):
                self.said.append(json.loads(body))
            elif head.startswith("CONNECT page.test:443 ") and self.tls:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await writer.start_tls(self.tls)
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.pages.append("https://page.test" + head.split(" ")[1])
            elif head.startswith("GET http://page.test/"):
                self.pages.append(head.split(" ")[1])
            page = PAGE.encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
                + f"Content-Length: {len(page)}\r\n\r\n".encode()
                + page
            )
            await writer.drain()
            writer.close()

    def end(self) -> None:
        """Kill the machine, and close the host's ends."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        for each in (self.rtp, self.rtcp, self.egress, self.control):
            each.close()


class _Accepting(asyncio.StreamReaderProtocol):
    """A connection that its server knows of as soon as it is made."""

    def __init__(
        self, accepted: set[asyncio.BaseTransport], reader: asyncio.StreamReader, serve: Serve
    ) -> None:
        super().__init__(reader, serve)
        self._all = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection, or what TLS puts in its place."""
        self._all.add(transport)
        super().connection_made(transport)


def identity(**changes: object) -> wire.IdentifyMachine:
    """Give the identity of the test's machine."""
    fields: dict[str, object] = {
        "session": "session-1",
        "machine": "machine-1",
        "token": "flm_secret",
        "hostname": "fanlight",
        "seed_b64": base64.b64encode(os.urandom(32)).decode(),
        "time_s": time.time(),
    }
    return wire.IdentifyMachine(**(fields | changes))  # type: ignore[arg-type]


def _etc() -> list[str]:
    words = []
    for name in ("fonts", "ssl", "alternatives", "ld.so.cache", "X11", "xdg", "passwd", "group"):
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return words


def _argv(guest: Path, run: Path, boot_fd: int, arguments: tuple[str, ...]) -> list[str]:
    drop = ["setpriv", f"--reuid={MACHINE_UID}", f"--regid={MACHINE_UID}", "--clear-groups"]
    return [
        *(drop if os.getuid() == 0 else []),
        *("bwrap", "--unshare-all", "--die-with-parent", "--uid", "1000", "--gid", "1000"),
        *("--clearenv", "--setenv", "HOME", HOME, "--setenv", "PATH", "/usr/bin:/bin"),
        *("--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin"),
        *("--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
        *_etc(),
        *("--dev", "/dev", "--tmpfs", "/dev/shm"),
        *("--proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp"),
        *("--perms", "1777", "--dir", "/tmp/.X11-unix", "--tmpfs", HOME),
        *("--tmpfs", "/etc/chromium", "--dir", "/etc/chromium/policies/managed"),
        *("--bind", str(run), "/run/fanlight", "--ro-bind", str(guest), "/opt/guest.pyz"),
        *("--chdir", HOME, "--", "/usr/bin/python3", "-I", "-S", "/opt/guest.pyz"),
        *("--boot-fd", str(boot_fd), *arguments),
    ]


@pytest.fixture(scope="session")
def guest_pyz() -> Iterator[Path]:
    """guest.pyz of the sources as they are, where a machine's user can read it."""
    subprocess.run([sys.executable, str(ROOT / "build_assets.py")], check=True)
    directory = Path(tempfile.mkdtemp(dir="/tmp", prefix="fl-pyz-"))
    directory.chmod(0o711)
    shutil.copy(ROOT / "src/fanlight/built/guest.pyz", directory)
    yield directory / "guest.pyz"
    shutil.rmtree(directory)


@pytest.fixture
def machine(guest_pyz: Path, request: pytest.FixtureRequest) -> Iterator[BareMachine]:
    """A machine that has just been started; `parametrize` it with arguments of the agent."""
    directory = Path(tempfile.mkdtemp(dir="/tmp", prefix="fl-"))
    directory.chmod(0o711)
    shutil.copy(guest_pyz, directory)
    (directory / "r").mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(directory / "r", MACHINE_UID, MACHINE_UID)
    (directory / "guest.pyz").chmod(0o755)
    made = BareMachine(directory, tuple(getattr(request, "param", ())))
    yield made
    made.end()
    shutil.rmtree(directory)
