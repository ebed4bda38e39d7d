"""What the sandbox provider finds on this host, for `fanlight doctor`: tried, not guessed."""

from __future__ import annotations

import re
import shutil
import subprocess

from fanlight.errors import HostError
from fanlight.host import Finding, host_report

from .seccomp import seccomp_program

LOWEST_BWRAP = (0, 8)
PROBE_TIMEOUT_S = 10
_ROOT = (
    *("--ro-bind", "/usr", "/usr"),
    *("--symlink", "usr/lib", "/lib"),
    *("--symlink", "usr/lib64", "/lib64"),
    *("--proc", "/proc"),
    *("--dev", "/dev"),
)


def sandbox_report() -> list[Finding]:
    """Try what a machine needs. Takes under a second and leaves nothing. Blocks: use a thread."""
    return [_bwrap(), _namespaces(), _nested(), _filter(), *host_report()]


def _bwrap() -> Finding:
    if shutil.which("bwrap") is None:
        remedy = "apt-get install bubblewrap"
        return Finding("bubblewrap", "bad", "not installed", remedy, "package-missing")
    version = _run(["bwrap", "--version"])[1]
    found = re.search(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < LOWEST_BWRAP:
        remedy = "0.8 or later is needed."
        return Finding("bubblewrap", "bad", f"{version}: too old", remedy, "package-missing")
    return Finding("bubblewrap", "good", version)


def _namespaces() -> Finding:
    status, text = _sandboxed(["/usr/bin/true"])
    if status == 0:
        return Finding("namespaces", "good", "user, mount, pid and network namespaces work")
    remedy = (
        "Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, or, with AppArmor, "
    )
    remedy += "kernel.apparmor_restrict_unprivileged_userns=0."
    return Finding("namespaces", "bad", f"a sandbox cannot be made: {text}", remedy, "host-unfit")


def _nested() -> Finding:
    status, text = _sandboxed(["/usr/bin/unshare", "--user", "--map-root-user", "/usr/bin/true"])
    if status == 0:
        return Finding("nested namespaces", "good", "Chromium keeps its own sandbox in machines")
    remedy = "Raise user.max_user_namespaces."
    text = f"Chromium's sandbox cannot be made: {text}"
    return Finding("nested namespaces", "bad", text, remedy, "host-unfit")


def _filter() -> Finding:
    try:
        seccomp_program()
    except HostError as error:
        return Finding("system call filter", "bad", str(error), error.hint, "host-unfit")
    return Finding("system call filter", "good", "known for this architecture")


def _sandboxed(argv: list[str]) -> tuple[int, str]:
    namespaces = ["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    identity = ["--uid", "1000", "--gid", "1000", "--die-with-parent"]
    return _run(["bwrap", *namespaces, *identity, *_ROOT, "--", *argv])


def _run(argv: list[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, (done.stdout + done.stderr).strip()[-300:]
