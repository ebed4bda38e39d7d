"""Giving a machine that waits its session: what must hold first.

A machine is given once. So whoever gets one gets it as it came up, and nothing of another session
can be in it.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from fanlight.errors import MachineRefused
from fanlight.wire import AssignMachine, MachineRef

from .layout import Layout
from .machine import REF, KeptMachine


def assign(
    order: AssignMachine, machines: MutableMapping[MachineRef, KeptMachine], layout: Layout
) -> KeptMachine:
    """Make a machine that waits the one that was ordered, also in `machines`, and give it.

    Raises:
        MachineRefused: there is no such machine, it has a session, or the new ref cannot be.
    """
    machine = machines.get(order.machine)
    if machine is not None and machine.is_assigned:
        raise MachineRefused(f"machine {order.machine} has its session already")
    if machine is None or not machine.is_waiting:
        raise MachineRefused(f"no machine {order.machine} waits")
    if not order.session:
        raise MachineRefused("a machine is assigned to a session")
    if not REF.fullmatch(order.as_machine):
        raise MachineRefused("the machine's new ref is not one")
    # A machine that is being made has its directory before the keeper hears of it; rename(2)
    # would put ours in place of it while it is empty.
    if order.as_machine in machines or os.path.lexists(layout.machines / order.as_machine):
        raise MachineRefused(f"there is a machine {order.as_machine} already")
    machine.assign(order.as_machine, order.session, order.policy)
    del machines[order.machine]
    machines[machine.ref] = machine
    return machine
