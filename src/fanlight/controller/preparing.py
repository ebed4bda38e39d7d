"""What providers make once, before their first machine, made while nobody waits for it."""

from __future__ import annotations

import time

from fanlight import log
from fanlight.errors import FanlightError
from fanlight.machines import Prepared, Provider
from fanlight.wire import MachineRef, SessionId

from .settings import ControllerSettings

_log = log.get("controller")


async def prepare(provider: Provider, settings: ControllerSettings) -> None:
    """Have a provider prepare for each kind of session, if it is one that does. May take minutes.

    When it fails nothing is lost but time: a session that starts tries again, and says why not.
    """
    if not isinstance(provider, Prepared):
        return
    for restricted in (True, False):
        kind = settings.machine_spec(MachineRef(""), SessionId(""), restricted=restricted)
        began = time.monotonic()
        _log.info("machines are being prepared", with_login=restricted)
        try:
            await provider.prepare(kind)
        except FanlightError as error:
            _log.warning("machines cannot be prepared", error=str(error), hint=error.hint)
            return
        took_s = round(time.monotonic() - began, 1)
        _log.info("machines are prepared", with_login=restricted, took_s=took_s)
