"""The host's end of a vsock, on a double of Firecracker's. No guest has been on its other end."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from tests.unit.vmm.answering import answering, silent

from fanlight.testing.firecracker_vsock import VsockDouble
from fanlight.vmm.firecracker_requests import STREAM_PORT
from fanlight.vmm.vsock import VsockFailed, connect


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet at once, so that the greeting may come with the answer; then give back all."""
    writer.write(b"hello")
    writer.write(await reader.read())


def test_what_the_guest_says_first_is_not_lost(tmp_path: Path) -> None:
    async def work() -> None:
        async with VsockDouble(tmp_path / "v.sock", {STREAM_PORT: echo}):
            loop = asyncio.get_running_loop()
            end = await connect(tmp_path / "v.sock", STREAM_PORT)
            await loop.sock_sendall(end, b" and back")
            end.shutdown(socket.SHUT_WR)
            heard = b""
            while data := await loop.sock_recv(end, 100):
                heard += data
            end.close()
            assert heard == b"hello and back"

    asyncio.run(work())


def test_a_port_where_nobody_listens_is_named(tmp_path: Path) -> None:
    async def work() -> None:
        async with VsockDouble(tmp_path / "v.sock", {}):
            with pytest.raises(VsockFailed, match="port 1024 in the machine: nobody listens"):
                await connect(tmp_path / "v.sock", STREAM_PORT)

    asyncio.run(work())


def test_no_socket_is_no_connection(tmp_path: Path) -> None:
    with pytest.raises(VsockFailed, match="No such file"):
        asyncio.run(connect(tmp_path / "v.sock", STREAM_PORT))


@pytest.mark.parametrize("answer", [b"OK\n", b"OK x\n", b"NO 1\n", b"O" * 1000])
def test_another_answer_is_no_connection(tmp_path: Path, answer: bytes) -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)

    async def work() -> None:
        async with answering(tmp_path / "v.sock", odd):
            with pytest.raises(VsockFailed, match="no answer of a vsock's"):
                await connect(tmp_path / "v.sock", STREAM_PORT)

    asyncio.run(work())


def test_no_answer_is_no_connection(tmp_path: Path) -> None:
    async def work() -> None:
        async with answering(tmp_path / "v.sock", silent):
            with pytest.raises(VsockFailed, match="no answer in"):
                await connect(tmp_path / "v.sock", STREAM_PORT, timeout_s=0.01)

    asyncio.run(work())
