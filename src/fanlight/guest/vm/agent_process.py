"""The agent, as an ordinary user with no way back, spawned by process 1."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path
from typing import NoReturn

from .given import Given
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


def spawn_agent(control: int, stages: int, given: Given) -> int:
    """Spawn it with its ends of the two descriptors; give its process id."""
    argv = ["/usr/bin/python3", "-I", "-S", GUEST, "--place", "vm"]
    argv += ["--control-fd", str(control), "--stages-fd", str(stages), *given.agent_words()]
    last = int(_LAST_CAPABILITY.read_text())
    pid = os.fork()
    if pid:
        return pid
    _execute(argv, last, (control, stages), given.pids)


def _become_ordinary(last_capability: int, pids: int) -> None:
    """Give up whatever process 1 has, and be held to so many processes (RLIMIT_NPROC counts those
    of the uid, and what they make in user namespaces of their own).

    Raises:
        OSError: some of it could not be given up.
    """
    os.setsid()
    for number in (signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for capability in range(last_capability + 1):
        _prctl(_PR_CAPBSET_DROP, capability)
    if pids:
        resource.setrlimit(resource.RLIMIT_NPROC, (pids, pids))
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    os.chdir(HOME)


def _prctl(option: int, argument: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl {option}")


def _execute(
    argv: list[str], last_capability: int, inherited: tuple[int, ...], pids: int
) -> NoReturn:
    """Become the agent. The forked child never gets back into what process 1 does."""
    try:
        _become_ordinary(last_capability, pids)
        for each in inherited:
            os.set_inheritable(each, True)
        os.execve(argv[0], argv, ENVIRONMENT)  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        os.write(2, f"fanlight: the agent cannot be started: {error}\n".encode())
    finally:
        os._exit(127)
