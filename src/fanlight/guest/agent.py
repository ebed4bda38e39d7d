"""The entry of guest.pyz: the first program in a machine, and its helpers.

    guest.pyz --boot-fd N        the agent: hands the host its sockets, then owns the desktop
    guest.pyz --role vm          process 1 of a virtual machine, which runs the agent
    guest.pyz --role input ...   the process that turns input messages into X events

Light at the top: what must happen first does not wait for the imports of what comes later.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import time

STARTED_AT = time.monotonic()
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38


def main(arguments: list[str] | None = None) -> int:
    """Run the agent, or the helper that `--role` names. Gives the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:2] == ["--role", "input"]:
        from .input import main as input_main

        return input_main(words[2:])
    if words[:2] == ["--role", "vm"]:
        from .vm import main as vm_main

        return vm_main()
    _harden()
    if os.getpid() == 1:
        _become_init()
    from .options import parse

    options = parse(words)
    control = _control(options.boot_fd, options.control_fd)
    from .life import live

    return live(options, control, STARTED_AT)


def _control(boot_fd: int, control_fd: int) -> socket.socket:
    """Our end of the control socket, which comes of the hand-over in a sandbox."""
    if control_fd >= 0:
        return socket.socket(fileno=control_fd)
    from .boot import hand_over

    return hand_over(boot_fd)


def _harden() -> None:
    """Nobody of our own uid may read this process's memory, and nobody below it gains rights."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _become_init() -> None:
    """As process 1: stay behind, bury the dead, and end with the agent, which goes on as a child.

    bubblewrap brings an init of its own; a virtual machine need not.
    """
    agent = os.fork()
    if agent == 0:
        return
    while True:
        try:
            pid, status = os.wait()
        except InterruptedError:
            continue
        if pid == agent:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
