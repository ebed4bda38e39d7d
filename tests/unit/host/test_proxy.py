"""One machine's proxy, over real sockets of this process; names resolve as each test says."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from fanlight.host.addresses import Address
from fanlight.host.dial import Dialler
from fanlight.host.proxy import MachineProxy
from fanlight.host.resolver import Lookups
from fanlight.host.settings import EgressSettings
from fanlight.wire import EgressPolicy, MachineRef, Refusal

LIMITS = EgressSettings(header_timeout_s=0.2, idle_timeout_s=2, connect_timeout_s=1)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Playground:
    """A proxy, what it refused, and a server of the test's own pinned as pinned.test:80."""

    def __init__(self) -> None:
        self.refused: list[tuple[str, str, Refusal]] = []
        self.lookups: list[str] = []
        self.port = 0

    async def ask(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


@contextlib.asynccontextmanager
async def playground(
    serve: Handler,
    resolves_to: str = "10.0.0.1",
    most: int = 256,
    per_s: int = 0,
    bytes_per_s: int = 0,
) -> AsyncIterator[Playground]:
    play = Playground()

    async def resolve(name: str, lookups: Lookups) -> tuple[Address, ...]:
        play.lookups.append(name)
        return (ipaddress.ip_address(resolves_to),)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy = MachineProxy(
        MachineRef("m1"),
        EgressPolicy(
            pins={"pinned.test:80": f"127.0.0.1:{port}"},
            max_connections=most,
            connections_per_s=per_s,
            bytes_per_s=bytes_per_s,
        ),
        settings=LIMITS,
        dialler=Dialler(LIMITS, resolve=resolve),
        report=lambda destination, reason, why: play.refused.append((destination, reason, why)),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    play.port = listener.getsockname()[1]
    await proxy.start(listener)
    try:
        yield play
    finally:
        proxy.close()
        server.close()
        for _ in range(12):  # let what was accepted in this moment be closed
            await asyncio.sleep(0)


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def echo_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(3) if b"Content-Length" in head else b""
    seen = head + body
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(seen), seen))
    writer.close()


async def test_a_name_that_means_a_private_address_is_refused_and_looked_up_once() -> None:
    async with playground(nothing) as play:
        answer = await play.ask(b"CONNECT rebind.example.org:443 HTTP/1.1\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"Fanlight refused this address" in answer
        assert play.lookups == ["rebind.example.org"]
        assert play.refused == [
            ("rebind.example.org:443", "10.0.0.1 is a private network", "address")
        ]


async def test_a_request_is_passed_on_without_what_is_meant_for_the_proxy() -> None:
    async with playground(echo_request) as play:
        answer = await play.ask(
            b"POST http://pinned.test/x HTTP/1.1\r\nHost: other\r\nContent-Length: 3\r\n"
            b"Proxy-Connection: keep-alive\r\n\r\nabc"
        )

        assert b"POST /x HTTP/1.1\r\nHost: pinned.test\r\n" in answer
        assert answer.endswith(b"abc")
        assert b"Proxy-Connection" not in answer


async def test_what_could_be_smuggled_is_refused() -> None:
    async with playground(echo_request) as play:
        answer = await play.ask(
            b"POST http://pinned.test/ HTTP/1.1\r\nContent-Length: 4\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )

        assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_head_that_never_ends_is_given_up() -> None:
    async with playground(nothing) as play, asyncio.timeout(2):
        assert (await play.ask(b"GET http://pinned.test/ HTTP/1.1\r\nA: ")).startswith(
            b"HTTP/1.1 408 "
        )


async def test_a_head_without_measure_is_refused() -> None:
    async with playground(nothing) as play:
        answer = await play.ask(b"GET http://pinned.test/ HTTP/1.1\r\nA: " + b"x" * 70_000)

        assert answer.startswith(b"HTTP/1.1 400 ")


async def test_an_answer_that_is_not_http_is_named() -> None:
    async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        writer.close()

    async with playground(garble) as play:
        answer = await play.ask(b"GET http://pinned.test/ HTTP/1.1\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"not HTTP" in answer


async def test_connections_that_have_asked_for_nothing_yet_count_as_much_as_others() -> None:
    async with playground(nothing, most=2) as play, asyncio.timeout(5):
        held = [await asyncio.open_connection("127.0.0.1", play.port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", play.port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        assert play.refused == [("", "more than 2 connections at once", "connections")]
        for each in (writer, *(writer for _, writer in held)):
            each.close()


async def test_connections_that_come_too_fast_are_refused_and_counted() -> None:
    async with playground(nothing, per_s=1) as play, asyncio.timeout(10):
        opened = [await asyncio.open_connection("127.0.0.1", play.port) for _ in range(40)]
        for reader, writer in opened:
            with contextlib.suppress(ConnectionResetError):
                await reader.read()  # those let in have a time for their request
            writer.close()
        assert set(play.refused) == {("", "more than 1 new connections a second", "rate")}


async def test_a_machines_connections_share_its_bandwidth_each_way() -> None:
    size, rate = 300_000, 1_000_000

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        writer.close()

    async with playground(pour, bytes_per_s=rate) as play:
        loop = asyncio.get_running_loop()
        began = loop.time()
        ask = b"GET http://pinned.test/ HTTP/1.1\r\n\r\n"
        answers = await asyncio.gather(*(play.ask(ask) for _ in range(6)))
        took_s = loop.time() - began

    assert all(len(each.partition(b"\r\n\r\n")[2]) == size for each in answers)
    # One second's worth may pass at once; the last part of each is not waited for by its reader.
    assert took_s >= (6 * (size - 65_536) - rate) / rate
