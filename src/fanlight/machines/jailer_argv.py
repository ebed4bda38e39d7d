"""The command of Firecracker's jailer for one machine: a pure function.

Source: Firecracker's `docs/jailer.md` and `src/jailer`. The jailer needs root, makes the machine's
chroot, control group and process namespace, and becomes the machine's uid before it runs
Firecracker. Never run so far: see docs/explanation/firecracker.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .provider import MachineSpec, check_ref

API_SOCKET = "/api.sock"
"""As Firecracker sees it: in its root, which the jailer gives to the machine's uid."""
PARENT_GROUP = "fanlight"
CPU_PERIOD_US = 100_000
MOST_FILES = 256
"""Descriptors: layers, tap, sockets and the machine's own. The jailer's own default is 2048."""
MOST_WRITTEN_BYTES = 64 << 20
"""Of one file that a restored machine writes: log and metrics. Memory and layers are only read."""


@dataclass(frozen=True, slots=True)
class Jail:
    """What of the host one machine is jailed with."""

    jailer: Path
    firecracker: Path
    """Of the same version, linked statically. Its name has "firecracker" in it, or the jailer
    refuses."""
    base: Path
    """The directory of all jails."""
    netns: Path
    """A network namespace of the machine's own, with its tap."""
    uid: int
    """The machine's own; the gid is the same."""
    overhead_mib: int = 128
    """What Firecracker takes besides the machine's memory."""


def id_of(ref: str) -> str:
    """Give a machine's id for the jailer, which knows no `_`: `-u` stands for it, `--` for `-`.

    Two refs never have one id, and it is 64 characters at most, as the jailer wants it.

    Raises:
        MachineRefused: it is no ref.
    """
    check_ref(ref)
    return ref.replace("-", "--").replace("_", "-u")


def root_of(jail: Jail, ref: str) -> Path:
    """Give the directory that is the machine's root."""
    return jail.base / jail.firecracker.name / id_of(ref) / "root"


def jailer_argv(
    spec: MachineSpec, jail: Jail, *, memory_mib: int, is_saving: bool = False
) -> tuple[str, ...]:
    """Give the command. With `is_saving` the machine may write a file as large as its memory.

    `memory_mib` is what the machine has, whatever the spec limits.

    Raises:
        MachineRefused: the spec's ref is none.
        ValueError: the machine would be root, or Firecracker's file has another name.
    """
    if jail.uid <= 0:
        raise ValueError("a machine never has the host's uid 0")
    if "firecracker" not in PurePosixPath(jail.firecracker).name:
        raise ValueError("the jailer runs only what is called firecracker")
    written = MOST_WRITTEN_BYTES + (memory_mib << 20 if is_saving else 0)
    groups = _groups(spec, memory_mib + jail.overhead_mib)
    return (
        str(jail.jailer),
        *("--id", id_of(spec.ref)),
        *("--exec-file", str(jail.firecracker)),
        *("--uid", str(jail.uid)),
        *("--gid", str(jail.uid)),
        *("--chroot-base-dir", str(jail.base)),
        *("--netns", str(jail.netns)),
        "--new-pid-ns",
        *("--cgroup-version", "2"),
        *("--parent-cgroup", PARENT_GROUP),
        *(word for each in groups for word in ("--cgroup", each)),
        *("--resource-limit", f"no-file={MOST_FILES}"),
        *("--resource-limit", f"fsize={written}"),
        "--",
        *("--api-sock", API_SOCKET),
    )


def _groups(spec: MachineSpec, most_mib: int) -> list[str]:
    groups = []
    if spec.memory_mib:
        groups.append(f"memory.max={most_mib << 20}")
    if spec.pids:
        groups.append(f"pids.max={spec.pids}")
    if spec.cpus:
        groups.append(f"cpu.max={int(spec.cpus * CPU_PERIOD_US)} {CPU_PERIOD_US}")
    return groups
