"""What Firecracker is told, and in which order: pure functions.

Three lives: boot a machine; save one that runs, for others to be copies of it; restore a copy.
What no other machine has is given between the load and the restored guest's first step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .firecracker_api import Request

CABLE, STATISTICS_S = "cable", 5
GUEST_CID, STREAM_PORT = 3, 1024
"""The same in all machines: each has a vsock of its own."""
MMDS_ADDRESS = "169.254.169.254"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A rate: `size` bytes or operations each `refill_ms`, after `burst` at once."""

    size: int
    refill_ms: int
    burst: int = 0


@dataclass(frozen=True, slots=True)
class MachineFiles:
    """Paths as the jailed Firecracker sees them."""

    kernel: str
    initrd: str
    layers: tuple[str, ...]
    """Read-only disks, the base first."""
    log: str
    metrics: str
    """Both are there already, and the machine's uid may write them."""


@dataclass(frozen=True, slots=True)
class MachineKind:
    """What all copies of one snapshot have in common."""

    memory_mib: int
    cpus: int
    command_line: str
    mac: str
    disk: Bucket | None = None
    receive: Bucket | None = None
    send: Bucket | None = None


def to_boot(files: MachineFiles, kind: MachineKind, *, tap: str, vsock: str) -> list[Request]:
    """Give the requests that configure a machine and start it.

    The balloon is there from the start, empty, as none can be added afterwards.
    """
    return [
        *_watching(files),
        Request(
            "PUT",
            "/boot-source",
            {
                "kernel_image_path": files.kernel,
                "initrd_path": files.initrd,
                "boot_args": kind.command_line,
            },
        ),
        Request(
            "PUT",
            "/machine-config",
            {"vcpu_count": kind.cpus, "mem_size_mib": kind.memory_mib},
        ),
        *(_drive(number, path, kind.disk) for number, path in enumerate(files.layers)),
        _network(kind, tap),
        Request("PUT", "/vsock", {"guest_cid": GUEST_CID, "uds_path": vsock}),
        Request("PUT", "/entropy", {}),
        Request(
            "PUT",
            "/balloon",
            {
                "amount_mib": 0,
                "deflate_on_oom": True,
                "stats_polling_interval_s": STATISTICS_S,
            },
        ),
        Request(
            "PUT",
            "/mmds/config",
            {
                "network_interfaces": [CABLE],
                "version": "V2",
                "ipv4_address": MMDS_ADDRESS,
            },
        ),
        Request("PUT", "/actions", {"action_type": "InstanceStart"}),
    ]


def to_save(*, state: str, memory: str) -> list[Request]:
    """Give the requests that make a full snapshot. The machine stays stopped: it ends next."""
    return [
        Request("PATCH", "/vm", {"state": "Paused"}),
        Request(
            "PUT",
            "/snapshot/create",
            {"snapshot_type": "Full", "snapshot_path": state, "mem_file_path": memory},
        ),
    ]


def to_restore(
    files: MachineFiles,
    identity: dict[str, Any],
    *,
    state: str,
    memory: str,
    tap: str,
    vsock: str,
) -> list[Request]:
    """Give the requests that restore a copy and let it run.

    `identity` is in no snapshot: MMDS is empty after a load. It is put before the guest takes a
    step, so that no copy ever runs without one.
    """
    return [
        *_watching(files),
        Request(
            "PUT",
            "/snapshot/load",
            {
                "snapshot_path": state,
                "mem_backend": {"backend_type": "File", "backend_path": memory},
                "resume_vm": False,
                "network_overrides": [{"iface_id": CABLE, "host_dev_name": tap}],
                "vsock_override": {"uds_path": vsock},
            },
        ),
        Request("PUT", "/mmds", identity),
        Request("PATCH", "/vm", {"state": "Resumed"}),
    ]


def _watching(files: MachineFiles) -> list[Request]:
    """Log and metrics: all that may come before a load."""
    return [
        Request("PUT", "/logger", {"log_path": files.log, "level": "Warning"}),
        Request("PUT", "/metrics", {"metrics_path": files.metrics}),
    ]


def _drive(number: int, path: str, rate: Bucket | None) -> Request:
    # No root device: the initrd mounts the layers.
    body: dict[str, Any] = {
        "drive_id": f"layer{number}",
        "path_on_host": path,
        "is_root_device": False,
        "is_read_only": True,
    }
    if rate:
        body["rate_limiter"] = _limit(rate)
    return Request("PUT", f"/drives/layer{number}", body)


def _network(kind: MachineKind, tap: str) -> Request:
    body: dict[str, Any] = {"iface_id": CABLE, "host_dev_name": tap, "guest_mac": kind.mac}
    if kind.receive:
        body["rx_rate_limiter"] = _limit(kind.receive)
    if kind.send:
        body["tx_rate_limiter"] = _limit(kind.send)
    return Request("PUT", f"/network-interfaces/{CABLE}", body)


def _limit(rate: Bucket) -> dict[str, Any]:
    bucket = {"size": rate.size, "refill_time": rate.refill_ms, "one_time_burst": rate.burst}
    return {"bandwidth": bucket}
