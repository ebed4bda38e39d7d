"""What Firecracker says to each request: a microVM that is judged by the tables.

No I/O but the files that a request names. See `firecracker` for what is left out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .firecracker_bodies import fault_in
from .firecracker_routes import ACTIONS, ROUTES, Route

Body = dict[str, Any]
BEFORE_ONLY = "The requested operation is not supported after starting the microVM."
AFTER_ONLY = "The requested operation is not supported before starting the microVM."
LOAD_LATE = (
    "Load snapshot error: Loading a microVM snapshot not allowed after configuring "
    "boot-specific resources."
)
NO_KERNEL = "Start microvm error: Cannot start microvm without kernel configuration."
MOST_MMDS_BYTES = 51_200
VERSION = "1.17.0-double"
_ID = re.compile(r"\w+")
_MACHINE = {"vcpu_count": 1, "mem_size_mib": 128, "smt": False, "track_dirty_pages": False}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body. `is_last`: the process ends after it."""

    status: int
    body: Any = None
    is_last: bool = False


class Refused(Exception):
    """A request is refused; the message is the fault."""

    def __init__(self, fault: str, status: int = 400, *, is_last: bool = False) -> None:
        super().__init__(fault)
        self.answer = Answer(status, {"fault_message": fault}, is_last)


@dataclass
class MicroVm:
    """One Firecracker process's state, as far as its API shows it."""

    root: Path
    """What its paths start from: the jail."""
    state: Literal["Not started", "Running", "Paused"] = "Not started"
    parts: dict[str, Any] = field(default_factory=dict)
    drives: dict[str, Body] = field(default_factory=dict)
    networks: dict[str, Body] = field(default_factory=dict)
    metadata: Body | None = None
    is_boot: bool = False
    is_ended: bool = False

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Give the answer to one request, and change accordingly."""
        try:
            answer = self._judged(method, path, body)
        except Refused as refused:
            answer = refused.answer
        self.is_ended |= answer.is_last
        return answer

    def _judged(self, method: str, path: str, body: bytes) -> Answer:
        route = ROUTES.get((method, place := _place_of(path)))
        if route is None:
            raise Refused(f"Invalid request method and/or path: {method} {path}.")
        said = _parsed(method, route, body)
        if route.id_field:
            _check_id(path.rpartition("/")[2], said[route.id_field])
        phase = ACTIONS[said["action_type"]] if place == "/actions" else route.phase
        if phase == "before" and self.state != "Not started":
            raise Refused(BEFORE_ONLY)
        if phase == "after" and self.state == "Not started":
            raise Refused(AFTER_ONLY)
        self.is_boot |= route.is_boot
        act: Callable[..., Any] = getattr(self, f"_{route.act}")
        found = act(said) if route.body else act()
        return Answer(204) if route.body else Answer(200, found)

    # --- questions ---------------------------------------------------------------------------

    def _describe(self) -> Body:
        about = {"app_name": "Firecracker", "id": "double", "vmm_version": VERSION}
        return {**about, "state": self.state}

    def _version(self) -> Body:
        return {"firecracker_version": VERSION}

    def _machine(self) -> Body:
        return {**_MACHINE, **self.parts.get("machine-config", {})}

    def _whole(self) -> Body:
        lists = {
            "drives": [*self.drives.values()],
            "network-interfaces": [*self.networks.values()],
        }
        return {**self.parts, **lists, "machine-config": self._machine()}

    def _contents(self) -> Body:
        return self.metadata or {}

    def _balloon(self) -> Body:
        if "balloon" not in self.parts:
            raise Refused("Balloon config error: No balloon device found.")
        return dict(self.parts["balloon"])

    def _statistics(self) -> Body:
        if not self._balloon().get("stats_polling_interval_s"):
            raise Refused("Internal VMM error: Statistics for the balloon device are not enabled")
        mib = self._balloon()["amount_mib"]
        pages = {"target_pages": mib * 256, "actual_pages": mib * 256}
        return {**pages, "target_mib": mib, "actual_mib": mib}

    # --- before the start --------------------------------------------------------------------

    def _set_logger(self, said: Body) -> None:
        self._written(said.get("log_path"))
        self.parts["logger"] = said

    def _set_metrics(self, said: Body) -> None:
        if "metrics" in self.parts:
            raise Refused("Metrics error: Reinitialization of metrics not allowed.")
        self._written(said["metrics_path"])
        self.parts["metrics"] = said

    def _set_boot_source(self, said: Body) -> None:
        for key in ("kernel_image_path", "initrd_path"):
            self._needed(said.get(key), "Boot source error: The file cannot be opened")
        self.parts["boot-source"] = said

    def _set_machine(self, said: Body) -> None:
        self._check_machine({**_MACHINE, **said})
        self.parts["machine-config"] = said

    def _change_machine(self, said: Body) -> None:
        if not said:
            raise Refused("Empty PATCH request.")
        self._check_machine(changed := {**self._machine(), **said})
        self.parts["machine-config"] = changed

    def _check_machine(self, wanted: Body) -> None:
        vcpus, mib = wanted["vcpu_count"], wanted["mem_size_mib"]
        if wanted["smt"] and vcpus > 1 and vcpus % 2:
            raise Refused("Machine config error: The number of vCPUs must be 1 or even with SMT.")
        if wanted.get("huge_pages") == "2M" and mib % 2:
            raise Refused("Machine config error: The memory size is invalid.")
        if self.parts.get("balloon", {}).get("amount_mib", 0) > mib:
            raise Refused("Machine config error: Smaller than the balloon's target size.")

    def _set_drive(self, said: Body) -> None:
        name = said["drive_id"]
        roots = {key for key, each in self.drives.items() if each["is_root_device"]}
        if said["is_root_device"] and roots - {name}:
            raise Refused("Drive config error: A root block device already exists!")
        self._needed(said["path_on_host"], "Drive config error: The file cannot be opened")
        self.drives[name] = said

    def _set_network(self, said: Body) -> None:
        name = said["iface_id"]
        for key, each in self.networks.items():
            for taken in ("guest_mac", "host_dev_name"):
                if key != name and taken in said and each.get(taken) == said[taken]:
                    raise Refused(f"Network config error: The {taken} is already in use.")
        self.networks[name] = said

    def _set_vsock(self, said: Body) -> None:
        self.parts["vsock"] = said

    def _set_entropy(self, said: Body) -> None:
        self.parts["entropy"] = said

    def _set_balloon(self, said: Body) -> None:
        self._check_amount(said, "Balloon config error")
        self.parts["balloon"] = said

    def _set_mmds_config(self, said: Body) -> None:
        if not said["network_interfaces"]:
            raise Refused("MMMDS config error: The list of network interface IDs is empty.")
        if set(said["network_interfaces"]) - set(self.networks):
            raise Refused("MMMDS config error: The list has an invalid network interface ID.")
        self.parts["mmds-config"] = said

    # --- at any time -------------------------------------------------------------------------

    def _set_contents(self, said: Body) -> None:
        self._check_contents(said)
        self.metadata = said

    def _change_contents(self, said: Body) -> None:
        if self.metadata is None:
            raise Refused("MMDS error: The MMDS data store is not initialized.")
        self._check_contents(changed := merged(self.metadata, said))
        self.metadata = changed

    def _check_contents(self, wanted: Body) -> None:
        if not self.networks:
            raise Refused("MMDS error: There is no network interface.")
        if len(json.dumps(wanted, separators=(",", ":")).encode()) > MOST_MMDS_BYTES:
            raise Refused("MMDS limit exceeded error: The MMDS patch request doesn't fit.", 413)

    def _act(self, said: Body) -> None:
        match said["action_type"]:
            case "InstanceStart":
                if "boot-source" not in self.parts:
                    raise Refused(NO_KERNEL)
                self.state = "Running"
            case "FlushMetrics":
                if "metrics" not in self.parts:
                    raise Refused("Metrics error: The metrics are not initialized.")
                with self._path(self.parts["metrics"]["metrics_path"]).open("a") as file:
                    file.write("{}\n")
            case _:
                pass

    # --- after the start ---------------------------------------------------------------------

    def _change_drive(self, said: Body) -> None:
        if said["drive_id"] not in self.drives:
            raise Refused("Drive config error: There is no such drive.")
        self._needed(said.get("path_on_host"), "Drive config error: The file cannot be opened")
        self.drives[said["drive_id"]] |= said

    def _change_network(self, said: Body) -> None:
        if said["iface_id"] not in self.networks:
            raise Refused("Network config error: There is no such interface.")
        self.networks[said["iface_id"]] |= said

    def _change_balloon(self, said: Body) -> None:
        self._balloon()
        self._check_amount(said, "Balloon update error")
        self.parts["balloon"] |= said

    def _change_statistics(self, said: Body) -> None:
        key = "stats_polling_interval_s"
        if bool(self._balloon().get(key)) != bool(said[key]):
            raise Refused("Balloon update error: Statistics cannot be switched after the start.")
        self.parts["balloon"] |= said

    def _check_amount(self, said: Body, error: str) -> None:
        if said["amount_mib"] > self._machine()["mem_size_mib"]:
            raise Refused(f"{error}: Amount of pages requested is too large.")

    def _set_state(self, said: Body) -> None:
        self.state = "Paused" if said["state"] == "Paused" else "Running"

    # --- snapshots ---------------------------------------------------------------------------

    def _create_snapshot(self, said: Body) -> None:
        if self.state != "Paused":
            raise Refused("Create snapshot error: The microVM is not paused.")
        if said.get("snapshot_type") == "Diff" and not self._machine()["track_dirty_pages"]:
            raise Refused("Create snapshot error: Diff snapshots need track_dirty_pages.")
        kept = {"machine-config", "vsock", "entropy", "balloon", "mmds-config"}
        saved = {
            "parts": {key: part for key, part in self.parts.items() if key in kept},
            "drives": self.drives,
            "networks": self.networks,
        }  # The metadata is not in it: docs/mmds/mmds-user-guide.md.
        mib = self._machine()["mem_size_mib"]
        try:
            self._path(said["snapshot_path"]).write_text(json.dumps(saved))
            with self._path(said["mem_file_path"]).open("wb") as memory:
                os.truncate(memory.fileno(), mib << 20)
        except OSError as error:
            raise Refused(f"Create snapshot error: {error.strerror}") from None

    def _load_snapshot(self, said: Body) -> None:
        if self.is_boot:
            raise Refused(LOAD_LATE)
        try:
            self._restore(said)
        except (OSError, ValueError, KeyError, TypeError) as error:
            fault = f"Load snapshot error: Failed to restore from snapshot: {error}"
            raise Refused(fault, is_last=True) from None

    def _restore(self, said: Body) -> None:
        saved = json.loads(self._path(said["snapshot_path"]).read_text())
        if not self._path(said["mem_backend"]["backend_path"]).exists():
            raise ValueError("the memory's file or socket is missing")
        networks, parts = saved["networks"], saved["parts"]
        for each in said.get("network_overrides", []):
            if each["iface_id"] not in networks:
                raise ValueError("Unknown Network Device.")
            networks[each["iface_id"]]["host_dev_name"] = each["host_dev_name"]
        if override := said.get("vsock_override"):
            if "vsock" not in parts:
                raise ValueError("there is no vsock device to override")
            parts["vsock"]["uds_path"] = override["uds_path"]
        for drive in saved["drives"].values():
            if not self._path(drive["path_on_host"]).exists():
                raise ValueError(f"the drive {drive['drive_id']} is missing")
        self.parts |= parts
        self.drives, self.networks = saved["drives"], networks
        self.state = "Running" if said.get("resume_vm") else "Paused"

    # --- files -------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def _needed(self, name: str | None, fault: str) -> None:
        if name is not None and not (name and self._path(name).is_file()):
            raise Refused(f"{fault}: {name}")

    def _written(self, name: str | None) -> None:
        if name is None:
            return
        try:
            self._path(name).open("ab").close()
        except (OSError, ValueError) as error:
            raise Refused(f"The file cannot be opened for writing: {error}") from None


def merged(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _place_of(path: str) -> str:
    """Give a path's key in `ROUTES`."""
    words = path.strip("/").split("/")
    is_named = len(words) == 2 and words[0] in ("drives", "network-interfaces")
    return f"/{words[0]}/ID" if is_named else path


def _parsed(method: str, route: Route, body: bytes) -> Body:
    if not route.body:
        if body:
            raise Refused("GET request cannot have a body.")
        return {}
    if not body:
        raise Refused(f"Empty {method} request.")
    try:
        said = json.loads(body)
    except ValueError as error:
        raise Refused(f"An error occurred when deserializing the json body: {error}.") from None
    if fault := fault_in(route.body, said):
        raise Refused(fault)
    assert isinstance(said, dict)
    return said


def _check_id(in_path: str, in_body: str) -> None:
    if not in_path:
        raise Refused("The ID cannot be empty.")
    if not _ID.fullmatch(in_path):
        raise Refused("API Resource IDs can only contain alphanumeric characters and underscores.")
    if in_path != in_body:
        raise Refused(
            f"The id from the path [{in_path}] does not match the id from the body [{in_body}]!"
        )
