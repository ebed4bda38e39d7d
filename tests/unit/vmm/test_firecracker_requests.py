"""What Firecracker is told, said to its double. No test here has seen Firecracker itself."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.unit.vmm.answering import answering, silent

from fanlight.testing.firecracker import MOST_BODY_BYTES, FirecrackerDouble
from fanlight.testing.firecracker_rules import MOST_MMDS_BYTES
from fanlight.vmm.firecracker_api import FirecrackerApi, FirecrackerFailed, Request, written
from fanlight.vmm.firecracker_requests import (
    Bucket,
    MachineFiles,
    MachineKind,
    to_boot,
    to_restore,
    to_save,
)

FILES = MachineFiles("/kernel", "/initrd", ("/base", "/tools"), "/log", "/metrics")
KIND = MachineKind(64, 2, "quiet", "02:00:00:00:00:01", send=Bucket(1_000_000, 100))
BOOT = to_boot(FILES, KIND, tap="tap0", vsock="/vsock.sock")
SAVE = to_save(state="/state", memory="/memory")
RESTORE = to_restore(
    FILES,
    {"nonce": "its own"},
    state="/state",
    memory="/memory",
    tap="tap7",
    vsock="/other.sock",
)
Talk = Callable[[FirecrackerApi, FirecrackerDouble], Awaitable[None]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("kernel", "initrd", "base", "tools"):
        (tmp_path / name).touch()
    return tmp_path


def talk(root: Path, what: Talk) -> None:
    """Start a double, connect, talk."""

    async def talking() -> None:
        async with FirecrackerDouble(root / "api.sock", root) as double:
            api = await FirecrackerApi.open(root / "api.sock")
            try:
                await what(api, double)
            finally:
                await api.close()

    asyncio.run(talking())


async def tell(api: FirecrackerApi, requests: list[Request]) -> None:
    for each in requests:
        await api.request(each)


def saved(root: Path) -> None:
    """Boot and save a machine."""

    async def work(api: FirecrackerApi, double: FirecrackerDouble) -> None:
        await tell(api, [*BOOT, *SAVE])
        assert double.vm.state == "Paused"

    talk(root, work)


def test_a_machine_is_configured_and_started(root: Path) -> None:
    async def work(api: FirecrackerApi, _: FirecrackerDouble) -> None:
        await tell(api, BOOT)
        config = await api.request(Request("GET", "/vm/config"))
        assert [each["is_read_only"] for each in config["drives"]] == [True, True]
        assert config["mmds-config"]["version"] == "V2"
        assert config["network-interfaces"][0]["tx_rate_limiter"]["bandwidth"]["size"] == 1_000_000
        assert (await api.request(Request("GET", "/balloon/statistics")))["actual_mib"] == 0

    talk(root, work)


def test_a_copy_has_a_tap_and_a_vsock_of_its_own(root: Path) -> None:
    saved(root)

    async def work(api: FirecrackerApi, double: FirecrackerDouble) -> None:
        await tell(api, RESTORE)
        assert double.vm.state == "Running"
        assert double.vm.networks["cable"]["host_dev_name"] == "tap7"
        assert double.vm.parts["vsock"]["uds_path"] == "/other.sock"

    talk(root, work)


def test_a_copy_stands_still_until_it_has_its_identity(root: Path) -> None:
    saved(root)

    async def work(api: FirecrackerApi, double: FirecrackerDouble) -> None:
        *first, last = RESTORE
        for each in first:
            await api.request(each)
            assert double.vm.state != "Running"
        assert await api.request(Request("GET", "/mmds")) == {"nonce": "its own"}
        await api.request(last)
        assert double.vm.state == "Running"

    talk(root, work)


def test_nothing_of_what_one_machine_was_told_is_in_the_snapshot(root: Path) -> None:
    async def work(api: FirecrackerApi, _: FirecrackerDouble) -> None:
        await tell(api, [*BOOT, Request("PUT", "/mmds", {"token": "hush-hush"}), *SAVE])

    talk(root, work)
    assert "hush-hush" not in (root / "state").read_text()


def test_a_saved_machine_is_not_resumed(root: Path) -> None:
    # Two that go on from one moment would share what must be one machine's.
    assert Request("PATCH", "/vm", {"state": "Resumed"}) not in SAVE


@pytest.mark.parametrize("left_out", range(len(RESTORE)))
def test_each_request_of_a_restore_is_needed(root: Path, left_out: int) -> None:
    saved(root)

    async def work(api: FirecrackerApi, double: FirecrackerDouble) -> None:
        try:
            await tell(api, RESTORE[:left_out] + RESTORE[left_out + 1 :])
        except FirecrackerFailed:
            return
        parts = double.vm.parts
        is_whole = {"logger", "metrics"} <= parts.keys() and double.vm.metadata is not None
        assert not (is_whole and double.vm.state == "Running")

    talk(root, work)


def test_a_refusal_keeps_firecrackers_words(root: Path) -> None:
    async def work(api: FirecrackerApi, _: FirecrackerDouble) -> None:
        with pytest.raises(FirecrackerFailed, match="without kernel configuration") as caught:
            await api.request(BOOT[-1])
        assert caught.value.status == 400
        await tell(api, BOOT)  # on the same connection

    talk(root, work)


def test_what_was_said_is_in_no_error(root: Path) -> None:
    async def work(api: FirecrackerApi, _: FirecrackerDouble) -> None:
        with pytest.raises(FirecrackerFailed) as caught:
            await api.request(Request("PUT", "/mmds", {"token": "hush-hush"}))
        assert "hush-hush" not in str(caught.value)

    talk(root, work)


def test_metadata_that_does_not_fit_is_refused(root: Path) -> None:
    async def work(api: FirecrackerApi, double: FirecrackerDouble) -> None:
        await tell(api, BOOT)
        for size in (MOST_MMDS_BYTES - 5, MOST_BODY_BYTES + 1):
            with pytest.raises(FirecrackerFailed) as caught:
                await api.request(Request("PUT", "/mmds", {"x": "y" * size}))
            assert caught.value.status == 413
        assert double.vm.metadata is None

    talk(root, work)


def test_firecracker_is_gone_after_a_load_that_failed(root: Path) -> None:
    async def work(api: FirecrackerApi, _: FirecrackerDouble) -> None:
        with pytest.raises(FirecrackerFailed, match="Failed to restore"):
            await tell(api, RESTORE)
        with pytest.raises(FirecrackerFailed, match="the connection is over"):
            await api.request(Request("GET", "/"))

    talk(root, work)


def test_an_override_of_what_the_snapshot_lacks_is_refused(root: Path) -> None:
    saved(root)
    state = json.loads((root / "state").read_text())
    (root / "state").write_text(json.dumps(state | {"networks": {}}))

    async def work(api: FirecrackerApi, _: FirecrackerDouble) -> None:
        with pytest.raises(FirecrackerFailed, match="Unknown Network Device"):
            await tell(api, RESTORE)

    talk(root, work)


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(FirecrackerFailed, match="Firecracker's API"):
        asyncio.run(FirecrackerApi.open(tmp_path / "api.sock"))


def test_an_answer_that_does_not_come_is_named(tmp_path: Path) -> None:
    async def work() -> None:
        async with answering(tmp_path / "api.sock", silent):
            api = await FirecrackerApi.open(tmp_path / "api.sock")
            with pytest.raises(FirecrackerFailed, match=r"no answer in 0\.01 s"):
                await api.request(Request("GET", "/"), timeout_s=0.01)

    asyncio.run(work())


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"],
)
def test_an_answer_that_is_none_is_named(tmp_path: Path, answer: bytes) -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async def work() -> None:
        async with answering(tmp_path / "api.sock", odd):
            api = await FirecrackerApi.open(tmp_path / "api.sock")
            with pytest.raises(FirecrackerFailed, match="the connection is over"):
                await api.request(Request("GET", "/"))

    asyncio.run(work())


def test_chunks_are_refused_as_firecracker_does(root: Path) -> None:
    async def work() -> None:
        async with FirecrackerDouble(root / "api.sock", root):
            reader, writer = await asyncio.open_unix_connection(root / "api.sock")
            writer.write(b"PUT /vsock HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
            await writer.wait_closed()

    asyncio.run(work())


def test_a_request_says_its_length() -> None:
    assert b"Content-Length: 2\r\n" in written(Request("PUT", "/entropy", {}))
    assert b"Content-Length" not in written(Request("GET", "/"))


def test_limits_are_left_out_where_there_are_none() -> None:
    free = to_boot(FILES, dataclasses.replace(KIND, send=None), tap="tap0", vsock="/v")
    assert not any("limiter" in str(each.body) for each in free)
