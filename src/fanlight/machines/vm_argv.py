"""The bubblewrap command of what runs beside one virtual machine: a pure function.

QEMU is a large program that a hostile guest talks to: it gets namespaces of its own as a sandbox
does, sees its image and its snapshot read-only, and has no capability. `vmm.pyz` has one for as
long as it makes the tap.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .provider import MachineSpec

IMAGE, SNAPSHOT, VMM = "/image", "/snapshot", "/opt/vmm.pyz"


@dataclass(frozen=True, slots=True)
class VmPaths:
    """What of the host's files one machine is made with."""

    vmm: Path
    image: Path
    kernel: str
    initrd: str
    layers: tuple[str, ...]
    """Names in `image`."""
    snapshot: Path
    """The directory with the snapshot's state; to make one, the directory to make it in."""
    tun: Path
    kvm: Path | None
    """Nodes of these devices that the machine's uid may open."""


@dataclass(frozen=True, slots=True)
class VmShape:
    """What all machines of one snapshot have in common."""

    accel: str
    memory_mib: int
    cpus: int
    restricted: bool
    pids: int = 0
    """Processes and threads of its user's at most. 0: no limit but its kernel's."""
    home_mib: int = 1024
    display: str = "1280x720"


def vm_argv(
    spec: MachineSpec,
    paths: VmPaths,
    shape: VmShape,
    *,
    directory: Path,
    is_saving: bool = False,
    is_resuming: bool = False,
) -> tuple[str, ...]:
    """Give the command of a machine that is restored, of one that was suspended and goes on, or
    of the one that the snapshot is of.

    `{boot_fd}`, `{seccomp_fd}` and `{file0_fd}`, the snapshot's memory, are the keeper's to fill.
    """
    memory = _memory(is_saving=is_saving, is_resuming=is_resuming)
    return (
        "/usr/bin/bwrap",
        *_namespaces(),
        *_files(paths, directory, is_saving=is_saving),
        *("--seccomp", "{seccomp_fd}"),
        "--",
        *("/usr/bin/python3", "-I", "-S", VMM),
        *("--boot-fd", "{boot_fd}"),
        *("--kernel", f"{IMAGE}/{paths.kernel}"),
        *("--initrd", f"{IMAGE}/{paths.initrd}"),
        *(word for name in paths.layers for word in ("--layer", f"{IMAGE}/{name}")),
        *("--accel", shape.accel),
        *("--memory-mib", str(shape.memory_mib)),
        *("--cpus", str(shape.cpus)),
        *("--pids", str(shape.pids)),
        *("--home-mib", str(shape.home_mib)),
        *("--display", shape.display),
        *(() if shape.restricted else ("--no-login",)),
        *memory,
    )


def _memory(*, is_saving: bool, is_resuming: bool) -> tuple[str, ...]:
    """Say where memory and state are, or come from."""
    if is_resuming:
        return ("--resume",)
    state = ("--state", f"{SNAPSHOT}/state")
    if is_saving:
        return (*state, "--memory", f"{SNAPSHOT}/memory", "--save")
    return (*state, "--memory-fd", "{file0_fd}")


def _namespaces() -> tuple[str, ...]:
    return (
        "--die-with-parent",
        "--new-session",
        "--unshare-user",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        # Not uid 0, and no --dev, which would take a second user namespace and with it the right
        # to make the tap.
        *("--uid", "1000"),
        *("--gid", "1000"),
        *("--cap-drop", "ALL"),
        *("--cap-add", "CAP_NET_ADMIN"),
        *("--hostname", "fanlight"),
        "--clearenv",
        *("--setenv", "PATH", "/usr/bin:/bin"),
    )


def _files(paths: VmPaths, directory: Path, *, is_saving: bool) -> tuple[str, ...]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        words += ["--symlink", f"usr/{name}", f"/{name}"]
    for path in ("/usr/local", "/usr/src"):
        words += ["--tmpfs", path, "--remount-ro", path]
    for path in ("/etc/alternatives", "/etc/ld.so.cache"):
        words += ["--ro-bind-try", path, path]
    words += ["--proc", "/proc", "--tmpfs", "/dev"]
    for node in ("null", "zero", "random", "urandom"):
        words += ["--dev-bind", f"/dev/{node}", f"/dev/{node}"]
    words += ["--dir", "/dev/net", "--dev-bind", str(paths.tun), "/dev/net/tun"]
    if paths.kvm:
        words += ["--dev-bind", str(paths.kvm), "/dev/kvm"]
    words += ["--remount-ro", "/dev"]
    words += ["--ro-bind", str(paths.image), IMAGE]
    words += ["--bind" if is_saving else "--ro-bind", str(paths.snapshot), SNAPSHOT]
    words += ["--ro-bind", str(paths.vmm), VMM]
    words += ["--bind", str(directory), "/run/fanlight", "--remount-ro", "/"]
    return tuple(words)
