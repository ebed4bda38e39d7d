"""The QEMU provider: the suites of every provider, of those whose machines wait, of guests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.machines.world import RESTORE_S, VmHost, restarted, vm_host

from fanlight.image import Image
from fanlight.machines import Pooled, Provider, Suspends
from fanlight.testing.conformance import Restart, fresh_spec
from fanlight.testing.guest_conformance import GuestConformance
from fanlight.testing.pooled import PooledConformance
from fanlight.testing.suspending import SuspendsConformance


class TestQemu(PooledConformance):
    LINK_TIMEOUT_S = RESTORE_S
    INTERRUPT_AFTER_S = (0.0, 0.1, 0.8)

    @pytest.fixture
    async def provider(self, host: VmHost) -> Pooled:
        for restricted in (True, False):
            await host.provider.prepare(fresh_spec(restricted=restricted))
        return host.provider

    @pytest.fixture
    def restart(self, host: VmHost) -> Restart:
        return restarted(host)


class TestQemuSuspends(SuspendsConformance):
    LINK_TIMEOUT_S = RESTORE_S

    @pytest.fixture
    async def suspends(self, host: VmHost) -> Suspends:
        await host.provider.prepare(fresh_spec())
        return host.provider


class TestQemuGuest(GuestConformance):
    LINK_TIMEOUT_S = RESTORE_S
    ANSWER_TIMEOUT_S = 60.0

    @pytest.fixture
    async def provider(self, golden: Image) -> AsyncIterator[Provider]:
        async with vm_host(golden) as host:
            await host.provider.prepare(fresh_spec())
            yield host.provider
