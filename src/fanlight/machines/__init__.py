"""Providers: what makes machines, behind one small contract."""

from .demand import PoolSettings
from .pool import Pool, PoolEars
from .provider import Machine, MachineEnd, MachineSpec, Pooled, Provider, check_ref
from .report import sandbox_report
from .room import memory_room

__all__ = [
    "Machine",
    "MachineEnd",
    "MachineSpec",
    "Pool",
    "PoolEars",
    "PoolSettings",
    "Pooled",
    "Provider",
    "check_ref",
    "memory_room",
    "sandbox_report",
]
