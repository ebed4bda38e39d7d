"""Providers: what makes machines, behind one small contract."""

from .provider import Machine, MachineEnd, MachineSpec, Provider

__all__ = ["Machine", "MachineEnd", "MachineSpec", "Provider"]
