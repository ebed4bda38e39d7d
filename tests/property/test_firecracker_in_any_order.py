"""Firecracker's double: any sequence of requests gets the answers that the rules say.

What must be taken is said here once more, in other words than the tables', so that one mistake is
not two.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanlight.testing.firecracker import FirecrackerDouble
from fanlight.testing.firecracker_bodies import BODIES
from fanlight.testing.firecracker_routes import ACTIONS, ROUTES
from fanlight.testing.firecracker_rules import MicroVm
from fanlight.vmm.firecracker_api import FirecrackerApi, FirecrackerFailed, Request

CABLE = {"iface_id": "cable", "host_dev_name": "tap0", "guest_mac": "02:00:00:00:00:01"}
DISK = {
    "drive_id": "base",
    "path_on_host": "disk",
    "is_root_device": False,
    "is_read_only": True,
}
BALLOON = {"amount_mib": 0, "deflate_on_oom": True, "stats_polling_interval_s": 1}
OVERRIDES = {
    "network_overrides": [{"iface_id": "cable", "host_dev_name": "tap7"}],
    "vsock_override": {"uds_path": "other.sock"},
}


def load(state: str, **more: Any) -> dict[str, Any]:
    backend = {"backend_type": "File", "backend_path": "memory"}
    return {"snapshot_path": state, "mem_backend": backend, **more}


BEFORE: dict[str, tuple[str, str, Any]] = {
    "log": ("PUT", "/logger", {"log_path": "log"}),
    "metrics": ("PUT", "/metrics", {"metrics_path": "metrics"}),
    "kernel": ("PUT", "/boot-source", {"kernel_image_path": "kernel"}),
    "no kernel": ("PUT", "/boot-source", {"kernel_image_path": "nothing"}),
    "size": ("PUT", "/machine-config", {"vcpu_count": 2, "mem_size_mib": 64}),
    "resize": ("PATCH", "/machine-config", {"vcpu_count": 1}),
    "disk": ("PUT", "/drives/base", DISK),
    "cable": ("PUT", "/network-interfaces/cable", CABLE),
    "vsock": ("PUT", "/vsock", {"guest_cid": 3, "uds_path": "vsock.sock"}),
    "entropy": ("PUT", "/entropy", {}),
    "balloon": ("PUT", "/balloon", BALLOON),
    "mmds": ("PUT", "/mmds/config", {"network_interfaces": ["cable"], "version": "V2"}),
    "start": ("PUT", "/actions", {"action_type": "InstanceStart"}),
    "load": ("PUT", "/snapshot/load", load("state", **OVERRIDES)),
    "load and go": ("PUT", "/snapshot/load", load("state", resume_vm=True)),
    "load nothing": ("PUT", "/snapshot/load", load("nothing")),
}
AFTER: dict[str, tuple[str, str, Any]] = {
    "flush": ("PUT", "/actions", {"action_type": "FlushMetrics"}),
    "keys": ("PUT", "/actions", {"action_type": "SendCtrlAltDel"}),
    "pause": ("PATCH", "/vm", {"state": "Paused"}),
    "resume": ("PATCH", "/vm", {"state": "Resumed"}),
    "save": ("PUT", "/snapshot/create", {"snapshot_path": "s", "mem_file_path": "m"}),
    "other disk": ("PATCH", "/drives/base", {"drive_id": "base", "path_on_host": "disk"}),
    "rate": ("PATCH", "/network-interfaces/cable", {"iface_id": "cable"}),
    "inflate": ("PATCH", "/balloon", {"amount_mib": 8}),
    "inflate too much": ("PATCH", "/balloon", {"amount_mib": 1 << 20}),
    "poll": ("PATCH", "/balloon/statistics", {"stats_polling_interval_s": 2}),
    "statistics": ("GET", "/balloon/statistics", None),
}
ALWAYS: dict[str, tuple[str, str, Any]] = {
    "describe": ("GET", "/", None),
    "version": ("GET", "/version", None),
    "config": ("GET", "/vm/config", None),
    "machine": ("GET", "/machine-config", None),
    "read": ("GET", "/mmds", None),
    "balloon?": ("GET", "/balloon", None),
    "tell": ("PUT", "/mmds", {"token": "x"}),
    "tell more": ("PATCH", "/mmds", {"more": {"a": 1}}),
}
ALL = BEFORE | AFTER | ALWAYS
NEEDS = {
    "start": "kernel",
    "mmds": "cable",
    "tell": "cable",
    "tell more": "told",
    "flush": "metrics",
    "other disk": "disk",
    "rate": "cable",
    "inflate": "balloon",
    "poll": "balloon",
    "statistics": "balloon",
    "balloon?": "balloon",
    "save": "paused",
}
NEVER = {"no kernel", "load nothing", "inflate too much"}
HARMLESS = {"log", "metrics", "start"} | {name for name in BEFORE if name.startswith("load")}
WRECKS = ("unknown field", "missing field", "wrong type", "no object", "other id", "other method")


@dataclass
class Expected:
    """What the test believes of the machine."""

    is_started: bool = False
    is_configured: bool = False
    is_over: bool = False
    there: set[str] = field(default_factory=set)

    def takes(self, name: str) -> bool:
        in_time = name in ALWAYS or self.is_started == (name in AFTER)
        is_late_load = name.startswith("load") and self.is_configured
        is_second = name == "metrics" and "metrics" in self.there
        has_needed = name not in NEEDS or NEEDS[name] in self.there
        return in_time and has_needed and name not in NEVER and not is_late_load and not is_second

    def follow(self, name: str, *, is_taken: bool) -> None:
        in_time = name in ALWAYS or self.is_started == (name in AFTER)
        if in_time and (name in ("tell", "tell more") or name in BEFORE.keys() - HARMLESS):
            self.is_configured = True
        if name == "load nothing" and in_time and not self.is_configured:
            self.is_over = True
        if not is_taken:
            return
        self.there |= {"told"} if name == "tell" else {name}
        if name in ("start", "load", "load and go"):
            self.is_started = True
        if name.startswith("load"):
            self.there |= {"cable", "disk", "balloon", "vsock"}
        if name in ("pause", "load"):
            self.there.add("paused")
        if name in ("resume", "load and go", "start"):
            self.there.discard("paused")


def prepare(root: Path) -> None:
    """Make the files that the requests name, and a snapshot."""
    for name in ("kernel", "disk"):
        (root / name).touch()
    source = MicroVm(root)
    source.networks, source.drives = {"cable": CABLE}, {"base": DISK}
    source.parts = {"vsock": dict(BEFORE["vsock"][2]), "balloon": dict(BALLOON)}
    source.state = "Paused"
    body = b'{"snapshot_path": "state", "mem_file_path": "memory"}'
    assert source.answer("PUT", "/snapshot/create", body).status == 204


async def said(api: FirecrackerApi, request: Request) -> tuple[int, Any]:
    """Give the status and the body, or the fault."""
    try:
        body = await api.request(request)
    except FirecrackerFailed as failed:
        return failed.status, str(failed)
    return (204 if body is None else 200), body


def in_a_directory(work: Callable[[Path], Coroutine[Any, Any, None]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        prepare(Path(directory))
        asyncio.run(work(Path(directory)))


async def follow(root: Path, names: list[str]) -> None:
    expected = Expected()
    async with FirecrackerDouble(root / "api.sock", root):
        api = await FirecrackerApi.open(root / "api.sock")
        for name in names:
            method, path, body = ALL[name]
            is_taken = expected.takes(name)
            status, _ = await said(api, Request(method, path, body))
            wanted = (200 if method == "GET" else 204) if is_taken else 400
            assert status == wanted, (name, names)
            expected.follow(name, is_taken=is_taken)
            if expected.is_over:
                assert (await said(api, Request("GET", "/")))[0] == 0
                break
        await api.close()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(ALL)), max_size=25))
def test_any_sequence_of_requests_gets_the_answers_that_the_rules_say(names: list[str]) -> None:
    in_a_directory(lambda root: follow(root, names))


READY = ["kernel", "cable", "disk", "balloon", "metrics", "start"]


@pytest.mark.parametrize("first", [[], READY, ["load"], ["load and go"]])
def test_every_two_requests_get_their_answers_in_each_phase(
    first: list[str], tmp_path: Path
) -> None:
    prepare(tmp_path)
    for one, two in itertools.product(sorted(ALL), repeat=2):
        expected, vm = Expected(), MicroVm(tmp_path)
        for name in [*first, one, two]:
            method, path, body = ALL[name]
            is_taken = expected.takes(name)
            sent = b"" if body is None else json.dumps(body).encode()
            status = vm.answer(method, path, sent).status
            wanted = (200 if method == "GET" else 204) if is_taken else 400
            assert status == wanted, [*first, one, two]
            expected.follow(name, is_taken=is_taken)
            if expected.is_over:
                assert vm.is_ended
                break


def wrecked(name: str, how: str) -> Request | None:
    """Give a request that is wrong in one way; None: this one cannot be."""
    method, path, body = ALL[name]
    if how == "other method":
        other = {"PUT": "GET", "GET": "PUT", "PATCH": "GET"}[method]
        return Request(other, path, body if other == "GET" else {})
    route = ROUTES.get((method, path)) or ROUTES.get((method, path.rsplit("/", 1)[0] + "/ID"))
    if body is None or route is None or route.body == "Mmds":
        return None
    needed = [key for key, each in BODIES[route.body].items() if each.is_required]
    match how:
        case "unknown field":
            return Request(method, path, body | {"surprise": 1})
        case "missing field" if needed:
            return Request(method, path, {k: v for k, v in body.items() if k != needed[0]})
        case "wrong type" if body:
            return Request(method, path, body | {next(iter(body)): [None]})
        case "other id" if route.id_field:
            return Request(method, path + "2", body)
        case _:
            return None


async def wreck(root: Path, names: list[str], wrong: Request) -> None:
    async with FirecrackerDouble(root / "api.sock", root) as double:
        api = await FirecrackerApi.open(root / "api.sock")
        for name in names:
            await said(api, Request(*ALL[name]))
        before = await said(api, Request("GET", "/vm/config")), double.vm.state
        status, fault = await said(api, wrong)
        assert status == 400, (names, wrong, fault)
        assert (await said(api, Request("GET", "/vm/config")), double.vm.state) == before
        await api.close()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(ALL.keys() - {"load nothing"})), max_size=12),
    st.sampled_from(sorted(ALL)),
    st.sampled_from(WRECKS),
)
def test_a_request_that_is_wrong_is_refused_at_any_time_and_changes_nothing(
    names: list[str], name: str, how: str
) -> None:
    if wrong := wrecked(name, how):
        in_a_directory(lambda root: wreck(root, names, wrong))


def test_every_route_and_every_action_is_in_the_sequences() -> None:
    tried = {(method, path) for method, path, _ in ALL.values()}
    for method, path in ROUTES:
        assert any(m == method and p.startswith(path.removesuffix("ID")) for m, p in tried)
    assert {b["action_type"] for _, p, b in ALL.values() if p == "/actions"} == set(ACTIONS)
