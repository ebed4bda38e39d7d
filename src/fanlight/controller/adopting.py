"""Going on with sessions after a controller's restart, and destroying machines that nobody has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from fanlight import log, wire
from fanlight.errors import FanlightError
from fanlight.machines import Machine
from fanlight.session import Reason, SetTimer, lifecycle, login, negotiation
from fanlight.store import SessionRecord
from fanlight.wire import ConnectionId, GatewayWelcome, MachineRef

from .driver import Driver
from .fan_out import FanOut, session_of

GATEWAY_FIRST_S = 3.0
"""How long adoption waits for what the gateway holds."""
SWEEP_S = 30.0

_log = log.get("controller")


class Adoption(FanOut):
    """Takes up the sessions of the controller before."""

    async def adopt_all(self) -> None:
        """Adopt what the store, the provider and the gateway still have; end the rest."""
        machines = {each.ref: each for each in await self._provider.list()}
        records = await self._store.unended_sessions()
        if records:
            await self.gateway.wait_there(GATEWAY_FIRST_S)
        welcome = self.gateway.welcome or GatewayWelcome(0)
        resting = await self._resting_of(records)
        for record in records:
            ref = record.machine_ref
            machine = machines.get(ref) if ref else None
            self._adopt_one(record, machine, welcome, rests=machine is None and ref in resting)
        await self._destroy_strays(machines)
        self.close_unknown(welcome)

    def _adopt_one(
        self,
        record: SessionRecord,
        machine: Machine | None,
        welcome: GatewayWelcome,
        *,
        rests: bool,
    ) -> None:
        driver = self.drivers[record.id] = Driver(record, self.work())
        if reason := _began_to_end(record):
            _end_unadopted(driver, reason)  # and its machine is a stray now
            return
        state = record.memo.get("login", {}).get("state")
        is_stored = state in (login.State.SEALED.value, login.State.FETCHED.value)
        if machine is None and not is_stored and not rests:
            text = "The session's machine was gone when it came back."
            _end_unadopted(driver, Reason("controller-restarted", text))
            return
        mine = [each for each in welcome.connections if session_of(each) == record.id]
        # The first that is adopted holds control: it goes on where it was.
        mine.sort(key=lambda each: each not in welcome.controlling)
        # Who held control over a WebSocket, which broke off with the controller, comes back.
        gone = (each for each in welcome.controlling if each not in mine)
        lost = next((each for each in gone if session_of(each) == record.id), None)
        recalled = driver.negotiation.recalled = dict(record.memo.get("viewersOf", {}))
        owed = driver.negotiation.owed = list(record.memo.get("owed") or ())
        if lost is not None and recalled.get(lost, lost) not in owed:
            owed.append(recalled.get(lost, lost))
        watches = {each: each in welcome.watching for each in mine}
        _adopt(driver, machine, watches, rests=rests)
        _log.info("session adopted", session=record.id, viewers=len(mine))

    async def _resting_of(self, records: Sequence[SessionRecord]) -> frozenset[MachineRef]:
        """Give the machines on disk that sessions wait for."""
        if self.resting is None:
            return frozenset()
        wanted = [each for each in records if each.view.get("pause") == "paused"]
        return await self.resting.keep_only(
            {each.machine_ref for each in wanted if each.machine_ref}
        )

    async def _destroy_strays(self, machines: dict[MachineRef, Machine]) -> None:
        for machine in machines.values():
            driver = self.drivers.get(machine.session)
            if driver is None or driver.is_over:
                _log.warning("a machine without a session is destroyed", machine=machine.ref)
                await self._provider.destroy(machine.ref)

    async def sweep(self) -> None:
        """Now and then: a machine that was being made when a controller died comes late."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                machines = {each.ref: each for each in await self._provider.list()}
                await self._destroy_strays(machines)
            except FanlightError as error:
                _log.warning("machines were not listed", error=str(error))


def _adopt(
    driver: Driver,
    machine: Machine | None,
    connections: Mapping[ConnectionId, bool],
    *,
    rests: bool,
) -> None:
    """Go on after a controller's restart. Without a machine: it rests, or its credential is
    stored.

    `connections`: whether each can only watch.
    """
    driver.begin_work()
    age_s = max(0.0, driver.around.clock() - driver.record.created_at)
    ready = driver.record.status == "vm_created"
    if machine is not None:
        driver.machine.adopt(machine)
    else:
        driver.machine.is_gone = not rests
    _adopt_login(driver, age_s)
    stages = driver.shown.guest_stages()
    begun = driver.login is not None and driver.login.state is not login.State.REQUESTED
    memo = driver.record.memo
    driver.life(
        lifecycle.Adopted(
            ready or machine is None,
            age_s,
            stages,
            begun,
            granted_s=float(memo.get("grantedS", 0.0)),
            idle_until_s=memo.get("idleUntilS"),
            paused=rests,
        )
    )
    for connection, watches_only in connections.items():
        driver.signalling.add(connection, driver.around.clock())
        driver.talk(negotiation.ConnectionAdopted(connection, watches_only))
    holder = driver.negotiation.holder
    # The holder last: a handing over that the controller before began may still be under way.
    for connection in sorted(connections, key=lambda each: each == holder):
        driver.around.gateway.say(wire.SetControl(driver.id, connection, connection == holder))
    if machine is not None:
        driver.guest.open(machine)


def _began_to_end(record: SessionRecord) -> Reason | None:
    """Give the reason for which a session was ending when its controller did; None: it was not."""
    said = record.view.get("reason")
    if record.status != "ending" or not said:
        return None
    return Reason(said["code"], said["detail"])


def _end_unadopted(driver: Driver, reason: Reason) -> None:
    """End after a restart that found nothing of the session."""
    driver.begin_work()
    _adopt_login(driver, 0.0)
    driver.life(lifecycle.EndRequested(reason))


def _adopt_login(driver: Driver, age_s: float) -> None:
    """Set the login's state and timers as they were; the guest says again what came since."""
    if driver.login is None:
        return
    driver.shown.recall_login(driver.login)
    settings, state = driver.login.settings, login.State
    left_s = max(1.0, settings.login_timeout_s - age_s)
    match driver.login.state:
        case state.REQUESTED | state.DELIVERED | state.REJECTED | state.FAILED:
            pass
        case state.CONFIRMED:
            driver.set_timer(driver.sign, SetTimer(settings.seal_timeout_s, login.SealTimedOut()))
        case state.SEALED | state.FETCHED:
            since_s = driver.around.clock() - driver.shown.sealed_at
            left_s = max(0.0, settings.delivery_s - since_s)
            driver.set_timer(driver.sign, SetTimer(left_s, login.DeliveryTimedOut()))
        case state.REJECTING:
            timer = SetTimer(settings.reject_timeout_s, login.RejectTimedOut())
            driver.set_timer(driver.sign, timer)
        case _:
            driver.set_timer(driver.sign, SetTimer(left_s, login.LoginTimedOut()))
            driver.set_timer(driver.sign, SetTimer(1.0, login.PageSettled()))
