"""The bubblewrap command of one machine: a pure function, so that it can be read and tested."""

from __future__ import annotations

from pathlib import Path

from .provider import MachineSpec

MIB = 1 << 20
HOME = "/home/fanlight"
ENVIRONMENT = {
    "HOME": HOME,
    "USER": "fanlight",
    "LOGNAME": "fanlight",
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "SHELL": "/bin/bash",
    "TMPDIR": "/tmp",  # noqa: S108 - the machine's own
    "XDG_RUNTIME_DIR": "/tmp/runtime",  # noqa: S108
}
"""All of a machine's environment. No secret is ever in it."""

ETC_READ = (
    "alternatives",
    "fonts",
    "ssl/certs",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "terminfo",
    "X11",
    "xdg",
    "gtk-3.0",
    "glvnd",
    "vulkan",
    "tigervnc",
    "chromium.d",
    "chromium/master_preferences",
)
"""What the desktop's programs read in the host's /etc. No names, keys, proxies or machine id."""

ETC_OWN = ("passwd", "group", "hosts", "nsswitch.conf", "hostname")
"""Made by us; see host/runtime.py."""

HIDDEN = ("/usr/local", "/usr/src")
"""Parts of /usr where administrators put what is theirs."""


def sandbox_argv(
    spec: MachineSpec, *, directory: Path, guest: Path, etc: Path, tools: Path
) -> tuple[str, ...]:
    """Give the command of a machine. `{boot_fd}` and `{seccomp_fd}` are the keeper's to fill."""
    return (
        "/usr/bin/bwrap",
        *_namespaces(),
        *_environment(),
        *_read_only_root(etc),
        *_devices(),
        *_writable(spec),
        *("--ro-bind", str(tools), "/opt/fanlight/tools"),
        *("--ro-bind", str(guest), "/opt/fanlight/guest.pyz"),
        *("--bind", str(directory), "/run/fanlight"),
        # Last, as nothing can be mounted on it afterwards: the root itself is memory too.
        *("--remount-ro", "/"),
        *("--chdir", HOME),
        *("--seccomp", "{seccomp_fd}"),
        "--",
        *("/usr/bin/python3", "-I", "-S", "/opt/fanlight/guest.pyz"),
        *("--boot-fd", "{boot_fd}"),
        *("--display", f"{spec.width_px}x{spec.height_px}"),
        "--login" if spec.restricted else "--no-login",
    )


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
        # Nested user namespaces, which Chromium's sandbox is made of, fail for uid 0.
        *("--uid", "1000"),
        *("--gid", "1000"),
        *("--cap-drop", "ALL"),
        *("--hostname", "fanlight"),
    )


def _environment() -> tuple[str, ...]:
    words = ["--clearenv"]
    for name, value in ENVIRONMENT.items():
        words += ["--setenv", name, value]
    return tuple(words)


def _read_only_root(etc: Path) -> tuple[str, ...]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        words += ["--symlink", f"usr/{name}", f"/{name}"]
    for path in HIDDEN:
        words += ["--tmpfs", path, "--remount-ro", path]
    words += ["--perms", "0755", "--dir", "/etc"]
    for name in ETC_READ:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name in ETC_OWN:
        words += ["--ro-bind", str(etc / name), f"/etc/{name}"]
    return tuple(words)


def _devices() -> tuple[str, ...]:
    return (
        *("--dev", "/dev"),
        *("--size", str(512 * MIB), "--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--remount-ro", "/dev"),
        *("--proc", "/proc"),
    )


def _writable(spec: MachineSpec) -> tuple[str, ...]:
    return (
        *("--size", str(512 * MIB), "--perms", "1777", "--tmpfs", "/tmp"),  # noqa: S108
        *("--perms", "0700", "--dir", "/tmp/runtime"),  # noqa: S108
        *("--perms", "1777", "--dir", "/tmp/.X11-unix"),  # noqa: S108
        *("--size", str(spec.home_mib * MIB), "--perms", "0700", "--tmpfs", HOME),
        *("--perms", "0755", "--dir", "/etc/chromium/policies"),
        *("--size", str(MIB), "--perms", "0755", "--tmpfs", "/etc/chromium/policies/managed"),
    )
