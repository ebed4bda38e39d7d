"""The media gateway: takes RTP from machines and is the WebRTC peer of the viewers.

One unprivileged process per host (gateway.pyz). `main` is its entry; the pure parts can be used
without GStreamer.
"""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gateway; gives the exit status."""
    from .process import main as run  # GStreamer is loaded only to run

    return run(arguments)


__all__ = ["main"]
