"""What runs once per host: the keeper, the egress proxy. Standard library only.

A keeper may have to run under an interpreter of the system's and an ordinary user's uid, where
nothing of our environment can be reached; so nothing else is imported here.
"""

from .addresses import is_this_hosts, media_addresses
from .client import KeeperClient, KeeperEvent
from .layout import Layout
from .machine_sockets import open_machine_socket
from .report import Finding, host_report
from .runtime import Runtime, install_runtime
from .settings import EgressSettings, KeeperSettings, TurnSettings, mark_of
from .start import ensure_keeper
from .turn import turn_secret

__all__ = [
    "EgressSettings",
    "Finding",
    "KeeperClient",
    "KeeperEvent",
    "KeeperSettings",
    "Layout",
    "Runtime",
    "TurnSettings",
    "ensure_keeper",
    "host_report",
    "install_runtime",
    "is_this_hosts",
    "mark_of",
    "media_addresses",
    "open_machine_socket",
    "turn_secret",
]
