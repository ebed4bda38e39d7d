"""The egress proxy behind a proxy that this host itself must use."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator

import pytest

from fanlight.errors import SettingRejected
from fanlight.host.addresses import Address
from fanlight.host.dial import Dialler, parse_upstream
from fanlight.host.proxy import MachineProxy
from fanlight.host.resolver import Lookups
from fanlight.host.settings import EgressSettings
from fanlight.wire import EgressPolicy, MachineRef

NAMES = {"public.example": "8.8.8.8", "private.example": "10.0.0.1"}


async def resolve(name: str, lookups: Lookups) -> tuple[Address, ...]:
    if name not in NAMES:
        raise OSError("no such name")
    return (ipaddress.ip_address(NAMES[name]),)


@contextlib.asynccontextmanager
async def chained(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Give a machine's proxy's port, and the heads that the upstream proxy was sent."""
    heads: list[bytes] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = EgressSettings(upstream_proxy=f"http://me:p%40ss@127.0.0.1:{port}")
    proxy = MachineProxy(
        MachineRef("m1"),
        EgressPolicy(),
        settings=settings,
        dialler=Dialler(settings, resolve=resolve),
        report=lambda destination, reason, why: None,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    await proxy.start(listener)
    try:
        yield listener.getsockname()[1], heads
    finally:
        proxy.close()
        server.close()
        for _ in range(12):  # let what was accepted in this moment be closed
            await asyncio.sleep(0)


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_what_may_be_reached_is_asked_of_the_upstream_with_its_password() -> None:
    async with chained(b"HTTP/1.1 200 OK\r\n\r\nhello") as (port, heads):
        answer = await ask(port, b"CONNECT public.example:443 HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"hello")
    assert heads[0].startswith(b"CONNECT public.example:443 HTTP/1.1\r\n")
    assert base64.b64encode(b"me:p@ss") in heads[0]


@pytest.mark.parametrize(
    "destination", ["private.example:443", "127.0.0.1:443", "169.254.169.254:80", "localhost:443"]
)
async def test_what_may_not_be_reached_never_gets_there(destination: str) -> None:
    async with chained(b"HTTP/1.1 200 OK\r\n\r\n") as (port, heads):
        answer = await ask(port, f"CONNECT {destination} HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert heads == []


async def test_an_upstream_that_refuses_is_named() -> None:
    async with chained(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as (port, _):
        answer = await ask(port, b"CONNECT public.example:443 HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 502 ")


def test_an_address_that_is_none_is_refused_without_being_repeated() -> None:
    with pytest.raises(SettingRejected) as refused:
        parse_upstream("https://me:secret@proxy.example")
    assert "secret" not in str(refused.value)
