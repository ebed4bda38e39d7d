"""Carries a virtual machine's sockets over its one stream: the same at both ends.

`wire.mux` says what goes over the stream; this moves the bytes between it and real sockets.
Standard library only, as both ends run on the system's Python. Memory is bounded by the mux's
windows, whatever the other end sends.
"""

from .carrying import Relay, StreamOver

__all__ = ["Relay", "StreamOver"]
