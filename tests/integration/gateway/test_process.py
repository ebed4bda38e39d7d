"""The gateway as a process: its socket, its connections, what it does at the end."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from fanlight import wire

from .harness import GatewayProcess, build_gateway, running_gateway, running_machine
from .test_offers import offer, outcome

pytestmark = [pytest.mark.timeout(120), pytest.mark.anyio]

SESSION = wire.SessionId("s-1")
CLOSED = ("c-gone", "closed")


async def welcome(gateway: GatewayProcess) -> wire.GatewayWelcome:
    """Give what a controller that connects now is told."""
    reader, writer = await asyncio.open_unix_connection(gateway.path)
    writer.write(wire.encode(wire.GatewayHello()))
    async with asyncio.timeout(20):
        said = wire.decode(await reader.readline())
    writer.close()
    assert isinstance(said, wire.GatewayWelcome)
    return said


async def test_a_socket_of_its_own_is_for_its_owner_only_and_goes_at_the_end(
    directory: Path,
) -> None:
    path = directory / "own.sock"
    process = await asyncio.create_subprocess_exec(
        *["/usr/bin/python3", "-I", "-S", str(build_gateway(directory / "own.pyz"))],
        *["--socket", str(path)],
    )
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(path)
            except OSError:
                await asyncio.to_thread(os.sched_yield)
            else:
                break
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    writer.close()
    await writer.wait_closed()
    process.terminate()
    assert await process.wait() == 0
    assert not path.exists()


async def test_lines_that_are_no_messages_close_their_connection_only(
    gateway: GatewayProcess,
) -> None:
    for line in (b"rubbish\n", b"{}\n", wire.encode(wire.GuestReady()), b"\xff" * 70_000):
        reader, writer = await asyncio.open_unix_connection(gateway.path)
        writer.write(line + b"\n")
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
    gateway.say(wire.OpenSession(SESSION))
    assert isinstance(await outcome(gateway, offer()), wire.ConnectionAnswer)


async def test_an_attachment_without_its_descriptors_closes_the_connection(
    gateway: GatewayProcess,
) -> None:
    reader, writer = await asyncio.open_unix_connection(gateway.path)
    writer.write(wire.encode(wire.AttachMachine(SESSION, wire.MachineRef("m"))))
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as keeper:
        keeper.connect(str(gateway.path))
        line = wire.encode(wire.AttachMachine(SESSION, wire.MachineRef("m")))
        null = os.open("/dev/null", os.O_RDONLY)
        socket.send_fds(keeper, [line], [null, null, null])
        os.close(null)
        keeper.setblocking(False)
        async with asyncio.timeout(20):
            assert await asyncio.get_running_loop().sock_recv(keeper, 1) == b""


async def test_a_new_controller_hears_what_is_held(gateway: GatewayProcess) -> None:
    gateway.say(wire.OpenSession(SESSION))
    connection = wire.ConnectionId("c-held")
    await gateway.answer(wire.OpenConnection(SESSION, connection, offer()))
    watcher = wire.ConnectionId("c-watching")
    plain = offer().partition("m=application")[0]
    await gateway.answer(wire.OpenConnection(SESSION, watcher, plain, controls=False))
    pid, held = gateway.process.pid, (connection, watcher)
    expected = wire.GatewayWelcome(pid, (SESSION,), held, (connection,), (watcher,))
    assert await welcome(gateway) == expected


async def test_a_new_controller_hears_who_held_control_and_is_gone(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    gone, left = wire.ConnectionId("c-gone"), wire.ConnectionId("c-left")
    await gateway.answer(wire.OpenConnection(SESSION, gone, offer()))
    await gateway.answer(wire.OpenConnection(SESSION, left, offer(), controls=False))
    gateway.say(wire.CloseConnection(SESSION, gone))
    await gateway.expect(wire.ConnectionState, lambda m: (m.connection, m.state) == CLOSED)
    said = await welcome(gateway)
    assert (said.connections, said.controlling) == ((left,), (gone,))
    gateway.say(wire.SetControl(SESSION, left, controls=True), wire.DescribeSession(SESSION))
    await gateway.expect(wire.SessionDescribed, lambda m: m.viewers[0].controls)
    assert (await welcome(gateway)).controlling == (left,)


async def test_packets_from_elsewhere_and_rubbish_are_counted_not_shown(
    gateway: GatewayProcess,
) -> None:
    rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtp.bind(("127.0.0.1", 0))
    rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with rtp, rtcp, control, theirs:
        line = wire.encode(wire.AttachMachine(SESSION, wire.MachineRef("m")))
        ends = [rtp.fileno(), rtcp.fileno(), theirs.fileno()]
        socket.send_fds(gateway.keeper, [line], ends)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for data in (b"", b"rubbish", bytes([0x80, 96]) + bytes(40)):
                stranger.sendto(data, rtp.getsockname())
        flow = await gateway.expect(wire.MediaFlow, lambda m: m.malformed == 3)
        assert (flow.flowing, flow.packets) == (False, 0)


async def test_an_announced_nat_address_is_the_only_one_in_answers(directory: Path) -> None:
    arguments = ["--announce", "203.0.113.9", "--udp-ports", "40000-40100"]
    async with running_gateway(directory, *arguments) as gateway:
        gateway.say(wire.OpenSession(SESSION))
        said = await outcome(gateway, offer())
        if isinstance(said, wire.ConnectionRejected):
            # A host without any address but loopback has nothing behind such a NAT.
            assert said.code == "gateway-failed"
            return
        candidates = [line for line in said.sdp.splitlines() if line.startswith("a=candidate:")]
        assert len(candidates) == 1
        _, _, _, _, address, port, *_ = candidates[0].split()
        assert (address, 40000 <= int(port) <= 40100) == ("203.0.113.9", True)


async def test_the_machines_sockets_are_closed_when_it_is_detached(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    before = gateway.threads_and_descriptors[1]
    async with running_machine() as machine:
        gateway.attach(SESSION, machine)
        await gateway.expect(wire.MediaFlow, lambda m: m.flowing)
        gateway.detach(SESSION, machine)
        await gateway.expect(wire.MediaFlow, lambda m: not m.flowing and m.packets > 0)
    assert gateway.threads_and_descriptors[1] == before
