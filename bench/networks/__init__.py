"""`./dev bench networks`: what a viewer gets through each network, next to noVNC on the same path.

Namespaces of this run's own hold the viewer and the host; between them stands the emulator of the
test suite (tests/networks). Each condition is measured for Fanlight and then for noVNC, with the
same desktop, the same moving picture and the same meter.
"""

from .command import main

__all__ = ["main"]
