"""Our TURN server relays to the media gateway and to nobody else, for those who may."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from tests.integration.machines.running import RunningHost, running_host

from fanlight.controller.allocation import Allocation, TurnRefused, TurnServer
from fanlight.host import Layout, TurnSettings, turn_secret
from fanlight.host.processes import children_of
from fanlight.wire.stun import temporary_credential

pytestmark = pytest.mark.timeout(60)

GATEWAY, ELSEWHERE = "127.0.0.7", "127.0.0.8"


def free_port() -> int:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        return port


@pytest.fixture
async def turn() -> AsyncIterator[tuple[RunningHost, TurnSettings]]:
    settings = TurnSettings(
        port=free_port(),
        tls_port=free_port(),
        realm="fanlight",
        gateway=(GATEWAY,),
        announced=("203.0.113.7",),
        listen=("127.0.0.1",),
    )
    async with running_host(turn=settings) as host:
        yield host, settings


def allocate(
    host: RunningHost, settings: TurnSettings, transport: str = "udp", *, life_s: int = 600
) -> Allocation:
    server = TurnServer("127.0.0.1", settings.port, "tcp" if transport == "tcp" else "udp")
    secret = turn_secret(Layout(host.data))
    return Allocation(server, *temporary_credential(secret, "me", int(time.time()) + life_s))


def listens(host: RunningHost, settings: TurnSettings) -> None:
    """Wait until the TURN server is there."""
    deadline = time.monotonic() + 15
    while True:
        try:
            with socket.create_connection(("127.0.0.1", settings.port), timeout=1):
                return
        except OSError:
            assert time.monotonic() < deadline, "the TURN server did not come"
            time.sleep(0.02)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_only_the_gateway_can_be_relayed_to(
    turn: tuple[RunningHost, TurnSettings], transport: str
) -> None:
    def attempt() -> None:
        listens(*turn)
        with allocate(*turn, transport) as allocation:
            allocation.permit((GATEWAY, 40000))
            allocation.permit(("203.0.113.7", 40000))
            for peer in (ELSEWHERE, "127.0.0.1", "192.0.2.2", "169.254.169.254", "8.8.8.8"):
                with pytest.raises(TurnRefused) as refused:
                    allocation.permit((peer, 40000))
                assert refused.value.number == 403, peer

    await asyncio.to_thread(attempt)


async def test_credentials_that_have_run_out_are_refused(
    turn: tuple[RunningHost, TurnSettings],
) -> None:
    def attempt() -> None:
        listens(*turn)
        with pytest.raises(TurnRefused) as refused, allocate(*turn, life_s=-1):
            pass
        assert refused.value.number == 401

    await asyncio.to_thread(attempt)


async def test_a_viewer_that_comes_by_ipv4_is_relayed_to_a_gateway_of_ipv6_only() -> None:
    settings = TurnSettings(
        port=free_port(), tls_port=free_port(), realm="f", gateway=("::1",), listen=("127.0.0.1",)
    )
    async with running_host(turn=settings) as host:

        def attempt() -> None:
            listens(host, settings)
            with allocate(host, settings) as allocation:
                assert allocation.relayed is not None
                assert allocation.relayed[0] == "::1"
                allocation.permit(("::1", 40000))

        await asyncio.to_thread(attempt)


async def test_it_runs_without_rights_and_its_secret_is_in_no_argument(
    turn: tuple[RunningHost, TurnSettings],
) -> None:
    host, settings = turn
    await asyncio.to_thread(listens, host, settings)
    pid = (await host.client.state()).turn_pid

    status = await asyncio.to_thread(Path(f"/proc/{pid}/status").read_text)
    command = await asyncio.to_thread(Path(f"/proc/{pid}/cmdline").read_bytes)

    secret = await asyncio.to_thread(turn_secret, Layout(host.data))
    assert secret.encode() not in command
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    if os.geteuid() == 0:
        assert "Uid:\t199997" in status
    assert pid in await asyncio.to_thread(children_of, host.keeper_pid)


async def test_a_port_below_1024_is_opened_with_that_right_and_no_other() -> None:
    if os.geteuid() != 0:
        return  # an ordinary user's keeper has no such right to leave to anybody
    settings = TurnSettings(
        port=free_low_port(), tls_port=5349, realm="f", gateway=(GATEWAY,), listen=("127.0.0.1",)
    )
    async with running_host(turn=settings) as host:
        await asyncio.to_thread(listens, host, settings)
        pid = (await host.client.state()).turn_pid
        status = await asyncio.to_thread(Path(f"/proc/{pid}/status").read_text)

        assert "CapEff:\t0000000000000400" in status
        assert "Uid:\t199997" in status


async def test_a_renewed_certificate_is_taken_without_a_new_process(tmp_path: Path) -> None:
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    settings = TurnSettings(
        port=free_port(), tls_port=free_port(), realm="f", gateway=(GATEWAY,),
        listen=("127.0.0.1",), certificate=chain, key=key,
    )  # fmt: skip
    first = await asyncio.to_thread(issue, chain, key)
    async with running_host(turn=settings) as host:
        await asyncio.to_thread(listens, host, settings)
        await asyncio.to_thread(shows, settings.tls_port, first)
        pid = (await host.client.state()).turn_pid

        second = await asyncio.to_thread(issue, chain, key)
        state = await host.client.state()  # as a controller that starts asks for it

        await asyncio.to_thread(shows, settings.tls_port, second)
        assert state.turn_pid == pid == (await host.client.state()).turn_pid


def issue(chain: Path, key: Path) -> str:
    """Write a new certificate and its key; give the certificate."""
    issued = trustme.CA().issue_cert("localhost")
    chain.write_bytes(issued.cert_chain_pems[0].bytes())
    key.write_bytes(issued.private_key_pem.bytes())
    return chain.read_text().strip()


def shows(port: int, certificate: str) -> None:
    """Wait until this certificate is shown on a TLS port."""
    deadline, shown = time.monotonic() + 15, ""
    while shown != certificate:
        assert time.monotonic() < deadline, "the certificate is not shown"
        with contextlib.suppress(OSError):
            shown = ssl.get_server_certificate(("127.0.0.1", port), timeout=5).strip()


def free_low_port() -> int:
    for port in range(700, 1000):
        with socket.socket() as tcp:
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port below 1024 is free")
