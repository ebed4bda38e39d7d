"""What is mounted over the read-only root: the same writable places as in a sandbox."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

UID = 1000
HOME = Path("/home/fanlight")
RUN_DIR = Path("/run/fanlight")
IDENTITY_DIR = Path("/run/identity")
"""/etc/machine-id and /etc/hostname are links to here."""

_RDONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Mount:
    """One call of mount(2)."""

    kind: str
    target: str
    flags: int = _NOSUID | _NODEV
    options: str = ""


PROC = Mount("proc", "/proc", _NOSUID | _NODEV | _NOEXEC)
MOUNTS = (
    Mount("sysfs", "/sys", _NOSUID | _NODEV | _NOEXEC | _RDONLY),
    Mount("devpts", "/dev/pts", _NOSUID | _NOEXEC, "mode=0620,ptmxmode=0666,gid=5"),
    Mount("tmpfs", "/dev/shm", options="mode=1777,size=256m"),  # noqa: S108 - the machine's own
    Mount("tmpfs", "/tmp", options="mode=1777,size=256m"),  # noqa: S108
    Mount("tmpfs", "/run", _NOSUID | _NODEV | _NOEXEC, "mode=0755,size=16m"),
    Mount(
        "tmpfs",
        "/etc/chromium/policies/managed",
        _NOSUID | _NODEV | _NOEXEC,
        f"mode=0755,size=1m,uid={UID},gid={UID}",
    ),
)
"""In memory, and so gone with the machine; sizes leave the programs most of it."""

DIRECTORIES = (
    (RUN_DIR, 0o700, UID),
    (IDENTITY_DIR, 0o755, 0),
    (Path("/tmp/runtime"), 0o700, UID),  # noqa: S108
    (Path("/tmp/.X11-unix"), 0o1777, 0),  # noqa: S108
)


def home(size_mib: int) -> Mount:
    """The user's home directory."""
    options = f"mode=0700,size={size_mib}m,uid={UID},gid={UID}"
    return Mount("tmpfs", str(HOME), options=options)


def mount_proc() -> None:
    """Mount /proc, where the kernel says what the rest is to be like. As root, once.

    Raises:
        OSError: it cannot be mounted.
    """
    _mount(PROC)


def mount_rest(home_mib: int) -> None:
    """Mount everything else and make the directories. As root, once.

    Raises:
        OSError: something cannot be mounted; its name is in the message.
    """
    Path("/dev/pts").mkdir(exist_ok=True)
    Path("/dev/shm").mkdir(exist_ok=True)  # noqa: S108
    for each in (*MOUNTS, home(home_mib)):
        _mount(each)
    for path, mode, uid in DIRECTORIES:
        path.mkdir(exist_ok=True)
        os.chown(path, uid, uid)
        path.chmod(mode)
    _link_descriptors()


def _mount(what: Mount) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = (what.kind.encode(), what.target.encode(), what.kind.encode())
    if libc.mount(*words, ctypes.c_ulong(what.flags), what.options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what.target)


def _link_descriptors() -> None:
    """The links in /dev that programs expect, and a terminal multiplexer of devpts's own."""
    links = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        link = Path("/dev") / name
        if not link.is_symlink():
            link.symlink_to(target)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (Path("/dev") / name).chmod(0o666)
    ptmx = Path("/dev/ptmx")
    ptmx.unlink(missing_ok=True)
    ptmx.symlink_to("pts/ptmx")
