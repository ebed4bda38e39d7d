"""Process 1 of a virtual machine: what the kernel and a host do for a sandbox, done inside.

It mounts what is writable, sets the network up, runs the agent as an ordinary user, carries its
sockets to the host over the one stream, and takes on a new identity after every restore.
"""

from .life import main

__all__ = ["main"]
