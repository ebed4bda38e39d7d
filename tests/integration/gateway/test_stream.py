"""A viewer over a WebSocket, as the gateway serves it: whole pictures, acks, input, floods."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

import av
import pytest

from fanlight import wire
from fanlight.media.rtcp import read_targets

from .harness import PATIENCE_S, GatewayProcess, running_machine

pytestmark = [pytest.mark.timeout(120), pytest.mark.anyio]

SESSION = wire.SessionId("s-1")
BOTH = ("vp8", "h264")


M = TypeVar("M", bound=wire.Message)


class StreamViewer:
    """The controller's end of one viewer's WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._cutter = wire.ChunkCutter(wire.MAX_CHUNK_BYTES)
        self._chunks: list[wire.Chunk] = []

    async def opened(self) -> wire.Message:
        async with asyncio.timeout(PATIENCE_S):
            return wire.decode(await self.reader.readline())

    async def next(self) -> wire.Chunk | None:
        """Give the next chunk; None: the gateway closed."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._chunks:
                data = await self.reader.read(1 << 16)
                if not data:
                    return None
                self._chunks += map(wire.decode_chunk, self._cutter.feed(data))
        return self._chunks.pop(0)

    async def frame(self, *, ack: bool = True) -> wire.StreamFrame:
        while not isinstance(chunk := await self.next(), wire.StreamFrame):
            assert chunk is not None, "the gateway closed the stream"
        if ack:
            self.say(wire.FramesTaken(chunk.number))
        return chunk

    async def message(self, kind: type[M]) -> M:
        while True:
            chunk = await self.next()
            assert chunk is not None, "the gateway closed the stream"
            if isinstance(chunk, wire.StreamFrame):
                self.say(wire.FramesTaken(chunk.number))
            elif isinstance(message := wire.decode(chunk.line), kind):
                return message

    def say(self, message: wire.Message) -> None:
        self.writer.write(wire.encode_chunk(wire.StreamText(wire.encode(message))))


@contextlib.asynccontextmanager
async def streaming(
    gateway: GatewayProcess,
    name: str = "c-1",
    *,
    controls: bool = True,
    buffer_bytes: int = 65_536,
) -> AsyncIterator[StreamViewer]:
    reader, writer = await asyncio.open_unix_connection(gateway.path, limit=buffer_bytes)
    viewer = StreamViewer(reader, writer)
    request = wire.OpenStream(SESSION, wire.ConnectionId(name), BOTH, controls)
    writer.write(wire.encode(request))
    try:
        assert isinstance(await viewer.opened(), wire.StreamOpened)
        yield viewer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def decoded(codec: str, frames: list[wire.StreamFrame]) -> Iterator[tuple[int, int]]:
    """Give the size of each picture, as an independent decoder sees it."""
    decoder = av.CodecContext.create(codec, "r")
    for frame in frames:
        for picture in decoder.decode(av.Packet(frame.picture)):
            yield picture.width, picture.height
    for picture in decoder.decode(None):
        yield picture.width, picture.height


@pytest.mark.parametrize("codec", BOTH)
async def test_a_decoder_gets_whole_pictures_from_a_key_frame_on(
    gateway: GatewayProcess, codec: str
) -> None:
    gateway.say(wire.OpenSession(SESSION, "h264" if codec == "h264" else "vp8"))
    async with running_machine(codec) as machine:
        gateway.attach(SESSION, machine)
        await gateway.expect(wire.MediaFlow, lambda m: m.flowing)
        async with streaming(gateway) as viewer:
            frames = [await viewer.frame() for _ in range(30)]
    assert frames[0].key
    assert [each.number for each in frames] == list(range(1, 31))
    assert list(decoded(codec, frames)) == [(320, 240)] * 30
    assert (frames[0].width_px, frames[0].height_px) == ((320, 240) if codec == "vp8" else (0, 0))
    spans = [b.timestamp - a.timestamp for a, b in itertools.pairwise(frames)]
    assert 2000 < sum(spans) / len(spans) < 4500
    clocks = [each.at_ms for each in frames]
    assert clocks == sorted(clocks)
    states = [each.state for each in gateway.heard if isinstance(each, wire.ConnectionState)]
    assert states[0] == "connected"
    assert any(isinstance(each, wire.FirstFrameSent) for each in gateway.heard)
    await gateway.expect(wire.ConnectionState, lambda m: m.state == "closed")


async def test_input_control_and_reports_go_as_over_webrtc(gateway: GatewayProcess) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with running_machine() as machine, streaming(gateway, "c-7") as viewer:
        gateway.attach(SESSION, machine)
        assert await viewer.message(wire.ControlHeld) == wire.ControlHeld(held=True)
        assert await viewer.message(wire.DisplaySize) == wire.DisplaySize(320, 240)
        viewer.say(wire.KeyChanged(97, down=True))
        await machine.expect(lambda line: keysym(line) == 97)
        viewer.say(wire.InputPing(7.5))
        pong = await viewer.message(wire.InputPong)
        assert isinstance(pong, wire.InputPong)
        assert pong.t == 7.5
        assert pong.at_ms > 0

        figures = wire.ViewerFigures("websocket", frames_decoded=3, score=77.0, kbps=-1.0)
        viewer.say(wire.ViewerReported(figures))
        viewer.say(wire.ViewerReported(figures))
        report = await gateway.expect(wire.ConnectionReport)
        assert (report.connection, report.figures.score, report.figures.kbps) == ("c-7", 5.0, 0.0)

        gateway.say(wire.SetControl(SESSION, wire.ConnectionId("c-7"), controls=False))
        assert await viewer.message(wire.ControlHeld) == wire.ControlHeld(held=False)
        await machine.expect(lambda line: line.get("input") == {"type": "input.release"})
        viewer.say(wire.KeyChanged(98, down=True))
        stats = await gateway.expect(wire.ConnectionStats, lambda m: m.inputs_refused > 0)
        assert (stats.transport, stats.inputs_refused) == ("websocket", 1)
    assert not any(keysym(line) == 98 for line in machine.lines)
    assert sum(isinstance(each, wire.ConnectionReport) for each in gateway.heard) == 1


def keysym(line: dict[str, object]) -> object:
    """Give the key that a machine's line tells of."""
    said = line.get("input")
    return said.get("keysym") if isinstance(said, dict) else None


async def test_a_viewer_that_never_acks_costs_little_and_is_closed_with_a_reason(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with running_machine() as machine, streaming(gateway) as viewer:
        gateway.attach(SESSION, machine)
        await viewer.frame(ack=False)
        frames, said = 0, b""
        while (chunk := await viewer.next()) is not None:
            match chunk:
                case wire.StreamFrame():
                    frames += 1
                case wire.StreamText(line):
                    said = line
        # 0.6 s of them; then nothing more was sent, and no key frames were asked for in vain.
        assert frames < 40
        closed = wire.decode(said)
        assert isinstance(closed, wire.StreamClosed)
        assert closed.code == "slow-path"
        assert machine.requests < 5
    await gateway.expect(wire.ConnectionState, lambda m: m.state == "closed")


SLOW_BYTES_PER_S = 50_000


async def _taken_slowly(viewer: StreamViewer) -> list[float]:
    """Take frames at 400 kbit/s for some seconds; give how old each was when it was whole."""
    ages: list[float] = []
    cutter = wire.ChunkCutter(wire.MAX_CHUNK_BYTES)
    loop = asyncio.get_running_loop()
    free_at, until = loop.time(), loop.time() + 8.0
    while loop.time() < until:
        data = await viewer.reader.read(2048)
        free_at = max(free_at, loop.time()) + len(data) / SLOW_BYTES_PER_S
        await asyncio.sleep(free_at - loop.time())  # the path is what it waits for
        for chunk in map(wire.decode_chunk, cutter.feed(data)):
            if isinstance(chunk, wire.StreamFrame):
                ages.append(time.monotonic() - chunk.at_ms / 1000)
                viewer.say(wire.FramesTaken(chunk.number))
    return ages


async def test_a_slow_path_shows_nothing_old_and_the_machine_is_asked_for_less(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with (
        running_machine(pattern="snow") as machine,
        streaming(gateway, buffer_bytes=4096) as viewer,
    ):
        gateway.attach(SESSION, machine)
        ages = await _taken_slowly(viewer)
        said = [each for each in gateway.heard if isinstance(each, wire.ConnectionStats)]
        assert said[-1].frames_skipped > 0
        assert 0 < said[-1].estimate_kbps < 600, said
        assert any(0 < asked_kbps(line) < 600 for line in machine.lines)
        # What came in 0.6 s, the key frame before it, and what the sockets hold: 3.2 s were seen.
        assert max(ages) < 4.5, ages
        assert len(ages) > 20


def asked_kbps(line: dict[str, object]) -> int:
    """Give what the main layer was asked to take, in kbit/s; 0: the line says nothing of it."""
    said = line.get("targets")
    targets = read_targets(bytes.fromhex(said)) if isinstance(said, str) else None
    return targets[0].kbps if targets else 0


async def test_a_decoder_that_lost_its_way_gets_a_key_frame(gateway: GatewayProcess) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with running_machine() as machine, streaming(gateway) as viewer:
        gateway.attach(SESSION, machine)
        for _ in range(5):
            frame = await viewer.frame()
        viewer.say(wire.KeyFrameWanted())
        while not (frame := await viewer.frame()).key:
            assert frame.number < 20


async def test_a_flood_is_refused_with_a_counter_and_nobody_else_waits(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    flood = wire.encode_chunk(wire.StreamText(wire.encode(wire.WheelTurned(0, 1)))) * 500
    rubbish = wire.encode_chunk(wire.StreamText(b"\xff{")) * 2000
    async with running_machine() as machine, streaming(gateway, "c-bad") as bad:
        gateway.attach(SESSION, machine)
        async with streaming(gateway, "c-good", controls=False) as good:

            async def pour() -> None:
                while True:
                    bad.writer.write(rubbish + flood)
                    await bad.writer.drain()

            async with asyncio.TaskGroup() as tasks:
                pouring = tasks.create_task(pour())
                reading = tasks.create_task(_swallow(bad))
                await gateway.expect(
                    wire.ConnectionStats,
                    lambda m: m.connection == "c-bad" and m.inputs_refused > 2000,
                )
                waits = []
                for number in range(20):
                    good.say(wire.InputPing(float(number)))
                    asked = asyncio.get_running_loop().time()
                    await good.message(wire.InputPong)
                    waits.append(asyncio.get_running_loop().time() - asked)
                    await good.frame()
                pouring.cancel()
                reading.cancel()
    assert sorted(waits)[10] < 0.1
    assert len([line for line in machine.lines if "input" in line]) < 20_000


async def test_who_asks_for_answers_and_reads_none_does_not_fill_the_memory(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    pings = wire.encode_chunk(wire.StreamText(wire.encode(wire.InputPing(1.0)))) * 100
    async with streaming(gateway, buffer_bytes=4096) as viewer:
        for _ in range(300):
            viewer.writer.write(pings)
            await viewer.writer.drain()
        await _has_read(gateway)
        answered = 200
        for _ in range(answered):
            await viewer.message(wire.InputPong)
        viewer.say(wire.InputPing(2.0))
        while (await viewer.message(wire.InputPong)).t != 2.0:
            answered += 1
    # 1000 a second are taken: without a bound it would have kept all of some 5 seconds.
    assert answered < 2_000


async def _has_read(gateway: GatewayProcess) -> None:
    """Wait until the gateway refuses nothing more: it has read all that was said."""
    refused, heard = -1, len(gateway.heard)
    while True:
        stats = await gateway.expect(wire.ConnectionStats, after=heard)
        heard = gateway.heard.index(stats, heard) + 1
        if stats.inputs_refused == refused > 0:
            return
        refused = stats.inputs_refused


async def _swallow(viewer: StreamViewer) -> None:
    while True:
        await viewer.frame()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (wire.OpenStream(wire.SessionId("s-none"), wire.ConnectionId("c")), "session-not-found"),
        (wire.OpenStream(SESSION, wire.ConnectionId("c"), ("av1",)), "codec-unsupported"),
    ],
)
async def test_a_stream_that_cannot_be_is_refused_with_a_reason(
    gateway: GatewayProcess, request_: wire.OpenStream, code: str
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    reader, writer = await asyncio.open_unix_connection(gateway.path)
    writer.write(wire.encode(request_))
    async with asyncio.timeout(PATIENCE_S):
        refused = wire.decode(await reader.readline())
        assert await reader.read() == b""
    assert isinstance(refused, wire.ConnectionRejected)
    assert refused.code == code
    writer.close()


async def test_chunks_that_are_too_long_end_that_stream_only(gateway: GatewayProcess) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with running_machine() as machine, streaming(gateway, "c-a") as viewer:
        gateway.attach(SESSION, machine)
        async with streaming(gateway, "c-b") as bad:
            bad.writer.write(b"\xff\xff\xff\xff" + bytes(100))
            while await bad.next() is not None:
                pass
        await viewer.frame()
    closed = [
        each.connection
        for each in gateway.heard
        if isinstance(each, wire.ConnectionState) and each.state == "closed"
    ]
    assert closed[0] == "c-b"
