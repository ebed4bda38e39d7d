"""The agent, as an ordinary user with no way back, spawned by process 1."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path
from typing import NoReturn

from .mounts import HOME, UID

GUEST = "/opt/fanlight/guest.pyz"
ENVIRONMENT = {
    "HOME": str(HOME),
    "USER": "fanlight",
    "LOGNAME": "fanlight",
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "SHELL": "/bin/bash",
    "TMPDIR": "/tmp",  # noqa: S108 - the machine's own
    "XDG_RUNTIME_DIR": "/tmp/runtime",  # noqa: S108
}
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
_LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")


def spawn_agent(control: int, stages: int, words: tuple[str, ...]) -> int:
    """Spawn it with its ends of the two descriptors; give its process id."""
    last = int(_LAST_CAPABILITY.read_text())
    pid = os.fork()
    if pid:
        return pid
    _become_ordinary(last)
    for each in (control, stages):
        os.set_inheritable(each, True)
    argv = ["/usr/bin/python3", "-I", "-S", GUEST, "--place", "vm"]
    argv += ["--control-fd", str(control), "--stages-fd", str(stages), *words]
    _execute(argv)


def _become_ordinary(last_capability: int) -> None:
    libc = ctypes.CDLL(None)
    os.setsid()
    for number in (signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for capability in range(last_capability + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.chdir(HOME)


def _execute(argv: list[str]) -> NoReturn:
    try:
        os.execve(argv[0], argv, ENVIRONMENT)  # noqa: S606 - no shell is what is wanted
    finally:
        os._exit(127)
