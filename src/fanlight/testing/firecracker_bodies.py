"""What bodies Firecracker's API takes: a table, and the judge of a body by it.

The table follows `src/firecracker/swagger/firecracker.yaml` of Firecracker 1.17.0-dev, for the
resources that `firecracker_rules` has. Every object refuses fields that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_PARSING = "An error occurred when deserializing the json body of a request: "
_U32, _U64 = 2**32 - 1, 2**64 - 1
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_LINK_LOCAL = re.compile(r"169\.254\.(\d{1,3})\.(\d{1,3})")
MOST_VCPUS, FIRST_CID = 32, 3

Kind = Callable[[object], str]
"""Gives what is wrong with a value; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object."""

    kind: Kind
    is_required: bool = False


def text(value: object) -> str:
    """Judge a string."""
    return "" if isinstance(value, str) else "expected a string"


def flag(value: object) -> str:
    """Judge a boolean."""
    return "" if isinstance(value, bool) else "expected a boolean"


def number(least: int = 0, most: int = _U32) -> Kind:
    """Judge whole numbers from `least` to `most`."""

    def judge(value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return ""
        return f"expected {least} to {most}"

    return judge


def one_of(*words: str) -> Kind:
    """Judge a word of a list."""
    return lambda value: "" if value in words else f"unknown variant, expected one of {words}"


def each(kind: Kind) -> Kind:
    """Judge a list."""

    def judge(value: object) -> str:
        if not isinstance(value, list):
            return "expected a sequence"
        return next((wrong for member in value if (wrong := kind(member))), "")

    return judge


def the(name: str) -> Kind:
    """Judge an object of `BODIES`."""
    return lambda value: wrong_in(name, value)


def mac(value: object) -> str:
    """Judge a hardware address."""
    return "" if isinstance(value, str) and _MAC.fullmatch(value) else "invalid MAC address"


def link_local(value: object) -> str:
    """Judge an address as RFC 3927 has it: its first and last 256 are reserved."""
    found = _LINK_LOCAL.fullmatch(value) if isinstance(value, str) else None
    octets = [int(octet) for octet in found.groups()] if found else [0, 0]
    return "" if 1 <= octets[0] <= 254 and octets[1] <= 255 else "not a link-local IPv4 address"


BODIES: dict[str, dict[str, Field]] = {
    "Action": {
        "action_type": Field(one_of("FlushMetrics", "InstanceStart", "SendCtrlAltDel"), True)
    },
    "Balloon": {
        "amount_mib": Field(number(), True),
        "deflate_on_oom": Field(flag, True),
        "stats_polling_interval_s": Field(number(most=65_535)),
    },
    "BalloonUpdate": {"amount_mib": Field(number(), True)},
    "BalloonStatsUpdate": {"stats_polling_interval_s": Field(number(most=65_535), True)},
    "BootSource": {
        "kernel_image_path": Field(text, True),
        "initrd_path": Field(text),
        "boot_args": Field(text),
    },
    "Drive": {
        "drive_id": Field(text, True),
        "is_root_device": Field(flag, True),
        # Without `socket`: disks of other processes (vhost-user) are not the double's.
        "path_on_host": Field(text, True),
        "is_read_only": Field(flag, True),
        "partuuid": Field(text),
        "cache_type": Field(one_of("Unsafe", "Writeback")),
        "io_engine": Field(one_of("Sync", "Async")),
        "rate_limiter": Field(the("RateLimiter")),
    },
    "PartialDrive": {
        "drive_id": Field(text, True),
        "path_on_host": Field(text),
        "rate_limiter": Field(the("RateLimiter")),
    },
    "Entropy": {"rate_limiter": Field(the("RateLimiter"))},
    "Logger": {
        "log_path": Field(text),
        "level": Field(one_of("Error", "Warning", "Info", "Debug", "Trace", "Off")),
        "show_level": Field(flag),
        "show_log_origin": Field(flag),
        "module": Field(text),
    },
    "Machine": {
        "vcpu_count": Field(number(1, MOST_VCPUS), True),
        "mem_size_mib": Field(number(1), True),
        "smt": Field(flag),
        "track_dirty_pages": Field(flag),
        "huge_pages": Field(one_of("None", "2M")),
    },
    "PartialMachine": {
        "vcpu_count": Field(number(1, MOST_VCPUS)),
        "mem_size_mib": Field(number(1)),
        "smt": Field(flag),
        "track_dirty_pages": Field(flag),
        "huge_pages": Field(one_of("None", "2M")),
    },
    "MemoryBackend": {
        "backend_type": Field(one_of("File", "Uffd"), True),
        "backend_path": Field(text, True),
    },
    "Metrics": {"metrics_path": Field(text, True)},
    "MmdsConfig": {
        "network_interfaces": Field(each(text), True),
        "version": Field(one_of("V1", "V2")),
        "ipv4_address": Field(link_local),
        "imds_compat": Field(flag),
    },
    "NetworkInterface": {
        "iface_id": Field(text, True),
        "host_dev_name": Field(text, True),
        "guest_mac": Field(mac),
        "mtu": Field(number(68, 65_535)),
        "rx_rate_limiter": Field(the("RateLimiter")),
        "tx_rate_limiter": Field(the("RateLimiter")),
    },
    "PartialNetworkInterface": {
        "iface_id": Field(text, True),
        "rx_rate_limiter": Field(the("RateLimiter")),
        "tx_rate_limiter": Field(the("RateLimiter")),
    },
    "NetworkOverride": {"iface_id": Field(text, True), "host_dev_name": Field(text, True)},
    "RateLimiter": {"bandwidth": Field(the("TokenBucket")), "ops": Field(the("TokenBucket"))},
    "SnapshotCreate": {
        "snapshot_path": Field(text, True),
        "mem_file_path": Field(text, True),
        "snapshot_type": Field(one_of("Full", "Diff")),
    },
    "SnapshotLoad": {
        "snapshot_path": Field(text, True),
        # Without what is deprecated: mem_file_path, enable_diff_snapshots.
        "mem_backend": Field(the("MemoryBackend"), True),
        "track_dirty_pages": Field(flag),
        "resume_vm": Field(flag),
        "network_overrides": Field(each(the("NetworkOverride"))),
        "vsock_override": Field(the("VsockOverride")),
        "clock_realtime": Field(flag),
    },
    "TokenBucket": {
        "size": Field(number(most=_U64), True),
        "refill_time": Field(number(most=_U64), True),
        "one_time_burst": Field(number(most=_U64)),
    },
    "Vm": {"state": Field(one_of("Paused", "Resumed"), True)},
    "Vsock": {"guest_cid": Field(number(FIRST_CID), True), "uds_path": Field(text, True)},
    "VsockOverride": {"uds_path": Field(text, True)},
    "Mmds": {},
}
"""By name: the fields. `Mmds` is any object."""


def wrong_in(name: str, value: object) -> str:
    """Say what is wrong with a value that should be the object `name`; empty: nothing."""
    if not isinstance(value, dict):
        return f"invalid type, expected an object {name}"
    if name == "Mmds":
        return ""
    fields = BODIES[name]
    for key in value:
        if key not in fields:
            return f"unknown field `{key}`"
    for key, field in fields.items():
        if key not in value:
            if field.is_required:
                return f"missing field `{key}`"
        elif wrong := field.kind(value[key]):
            return f"{key}: {wrong}"
    return ""


def fault_in(name: str, value: object) -> str:
    """Give Firecracker's fault for a body that is no object `name`; empty: it is one."""
    wrong = wrong_in(name, value)
    return f"{_PARSING}{wrong}." if wrong else ""
