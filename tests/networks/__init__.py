"""Networks that the tests make themselves: nothing of them is seen by the host, or left behind.

`topology.py` gives a viewer's and a host's network namespace with an emulator between them,
`conditions.py` says what the emulator does to packets, `browser.py` runs a Chromium inside, and
`server.py` a Fanlight. Namespaces have no names: they are held by descriptors of this process and
are gone, with every device in them, when it is, however it ends. Needs root.
"""

from .conditions import CLEAN, Conditions, Direction, Filter, both
from .emulation import Emulator
from .namespaces import Namespace
from .topology import Network, behind_nats, direct

__all__ = [
    "CLEAN",
    "Conditions",
    "Direction",
    "Emulator",
    "Filter",
    "Namespace",
    "Network",
    "behind_nats",
    "both",
    "direct",
]
