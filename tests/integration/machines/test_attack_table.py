"""What a hostile program in a sandbox meets is what the documentation says."""

from __future__ import annotations

import pytest
from tests.attacks.outside import attack
from tests.attacks.table import check
from tests.integration.machines.running import running_host

pytestmark = pytest.mark.timeout(180)


async def test_every_attack_from_a_sandbox_meets_what_the_table_says() -> None:
    async with running_host() as host:
        check("sandbox", await attack(host, "sandbox"))
