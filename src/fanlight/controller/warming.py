"""The pool of machines that wait, as the controller has it: for its own kinds, and counted."""

from __future__ import annotations

from fanlight.machines import Pooled, Provider
from fanlight.machines.pool import Pool, PoolEars
from fanlight.wire import MachineRef, SessionId

from . import metrics
from .settings import ControllerSettings


def pool_before(provider: Provider, settings: ControllerSettings) -> Pool | None:
    """Give a pool in front of a provider; None: its machines cannot be made to wait.

    Somebody must run it (`Pool.run`). It is there when no machines are to wait, too: what waits
    since a controller before is given up then.
    """
    if not isinstance(provider, Pooled):
        return None
    kinds = [
        settings.machine_spec(MachineRef(""), SessionId(""), restricted=restricted)
        for restricted in (True, False)
    ]
    return Pool(provider, kinds, settings.warm, ears=PoolEars(_given, _missed, _waiting))


def _given(age_s: float) -> None:
    metrics.WARM_STARTS.labels("hit").inc()
    metrics.WARM_AGE.observe(age_s)


def _missed() -> None:
    metrics.WARM_STARTS.labels("miss").inc()


def _waiting(count: int) -> None:
    metrics.WARM_MACHINES.set(count)
