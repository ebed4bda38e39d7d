"""What a hostile program in a virtual machine meets is what the documentation says."""

from __future__ import annotations

from tests.attacks.outside import attack
from tests.attacks.table import check
from tests.machines.world import VmHost


async def test_every_attack_from_a_virtual_machine_meets_what_the_table_says(host: VmHost) -> None:
    check("vm", await attack(host, "vm"))
