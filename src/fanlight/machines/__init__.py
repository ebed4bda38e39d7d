"""Providers: what makes machines, behind one small contract."""

from .provider import Machine, MachineEnd, MachineSpec, Provider
from .report import sandbox_report

__all__ = ["Machine", "MachineEnd", "MachineSpec", "Provider", "sandbox_report"]
