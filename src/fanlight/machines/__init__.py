"""Providers: what makes machines, behind one small contract.

The warm pool (`machines.pool`) is imported by its own name: it logs as the controller does, and
what is named here works with the system's Python alone.
"""

from .demand import PoolSettings
from .provider import (
    Machine,
    MachineEnd,
    MachineSpec,
    Pooled,
    Prepared,
    Provider,
    Suspends,
    check_ref,
)
from .report import sandbox_report
from .room import memory_room
from .vm_report import vm_report

__all__ = [
    "Machine",
    "MachineEnd",
    "MachineSpec",
    "PoolSettings",
    "Pooled",
    "Prepared",
    "Provider",
    "Suspends",
    "check_ref",
    "memory_room",
    "sandbox_report",
    "vm_report",
]
