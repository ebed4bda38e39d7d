"""Which request Firecracker takes when: a table.

Sources: Firecracker's `firecracker.yaml` (1.17.0-dev), `docs/device-api.md`, `docs/mmds`,
`docs/snapshotting`, and what its `rpc_interface.rs` allows before and after the start. Where these
differ, the stricter holds here: what passes the double is meant to pass the program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["before", "after", "any"]
"""When of the start (or the load of a snapshot) a request is taken."""


@dataclass(frozen=True, slots=True)
class Route:
    """What the API does with one method on one path."""

    phase: Phase
    body: str
    """The name of its object in `BODIES`; empty: it has none."""
    act: str
    """The method of `MicroVm` that does it."""
    is_boot: bool = False
    """After it no snapshot can be loaded, whether it was refused for its content or not."""
    id_field: str = ""
    """The path ends with an id, and this field says the same."""


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/"): Route("any", "", "describe"),
    ("GET", "/version"): Route("any", "", "version"),
    ("GET", "/vm/config"): Route("any", "", "whole"),
    ("GET", "/machine-config"): Route("any", "", "machine"),
    ("GET", "/mmds"): Route("any", "", "contents"),
    ("GET", "/balloon"): Route("any", "", "balloon"),
    ("GET", "/balloon/statistics"): Route("after", "", "statistics"),
    ("PUT", "/logger"): Route("before", "Logger", "set_logger"),
    ("PUT", "/metrics"): Route("before", "Metrics", "set_metrics"),
    ("PUT", "/boot-source"): Route("before", "BootSource", "set_boot_source", True),
    ("PUT", "/machine-config"): Route("before", "Machine", "set_machine", True),
    ("PATCH", "/machine-config"): Route("before", "PartialMachine", "change_machine", True),
    ("PUT", "/drives/ID"): Route("before", "Drive", "set_drive", True, "drive_id"),
    ("PATCH", "/drives/ID"): Route("after", "PartialDrive", "change_drive", False, "drive_id"),
    ("PUT", "/network-interfaces/ID"): Route(
        "before", "NetworkInterface", "set_network", True, "iface_id"
    ),
    ("PATCH", "/network-interfaces/ID"): Route(
        "after", "PartialNetworkInterface", "change_network", False, "iface_id"
    ),
    ("PUT", "/vsock"): Route("before", "Vsock", "set_vsock", True),
    ("PUT", "/entropy"): Route("before", "Entropy", "set_entropy", True),
    ("PUT", "/balloon"): Route("before", "Balloon", "set_balloon", True),
    ("PATCH", "/balloon"): Route("after", "BalloonUpdate", "change_balloon"),
    ("PATCH", "/balloon/statistics"): Route("after", "BalloonStatsUpdate", "change_statistics"),
    ("PUT", "/mmds/config"): Route("before", "MmdsConfig", "set_mmds_config", True),
    ("PUT", "/mmds"): Route("any", "Mmds", "set_contents", True),
    ("PATCH", "/mmds"): Route("any", "Mmds", "change_contents", True),
    ("PUT", "/actions"): Route("any", "Action", "act"),
    ("PATCH", "/vm"): Route("after", "Vm", "set_state"),
    ("PUT", "/snapshot/create"): Route("after", "SnapshotCreate", "create_snapshot"),
    ("PUT", "/snapshot/load"): Route("before", "SnapshotLoad", "load_snapshot"),
}
"""By method and path, `ID` for an id. What is not here is refused."""

ACTIONS: dict[str, Phase] = {
    "InstanceStart": "before",
    "FlushMetrics": "after",
    "SendCtrlAltDel": "after",
}
