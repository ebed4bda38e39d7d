"""Providers: what makes machines, behind one small contract."""

from .provider import Machine, MachineEnd, MachineSpec, Pooled, Provider, check_ref
from .report import sandbox_report

__all__ = [
    "Machine",
    "MachineEnd",
    "MachineSpec",
    "Pooled",
    "Provider",
    "check_ref",
    "sandbox_report",
]
