"""News of the keeper and the gateway, passed on to the sessions that they are about."""

from __future__ import annotations

from fanlight import log
from fanlight.host import KeeperEvent
from fanlight.wire import (
    CloseConnection,
    CloseSession,
    ConnectionId,
    EgressRefused,
    GatewayExited,
    GatewaySpawned,
    GatewayWelcome,
    MachineRef,
    Message,
    OrphansRemoved,
    SessionId,
)

from . import metrics
from .preflight import is_preflight
from .reasons import inert
from .registry import Registry

_log = log.get("controller")


class FanOut(Registry):
    """Hears keeper and gateway for everybody."""

    _has_had_gateway = False

    def keeper_said(self, event: KeeperEvent) -> None:
        """Hear what the keeper says unasked."""
        match event:
            case GatewaySpawned():
                self.gateway.hurry()
            case GatewayExited(status, tail):
                metrics.GATEWAY_RESTARTS.inc()
                _log.error("the gateway died", status=status, tail=tail)
            case EgressRefused(machine, destination, reason, count, why):
                metrics.EGRESS_REFUSED.labels(why).inc(count)
                self._tell_refused(machine, destination, reason, count)
            case OrphansRemoved(directories, control_groups, processes):
                metrics.orphans_removed(directories, control_groups, processes)
            case _:
                pass  # providers tell of machines

    def _tell_refused(
        self, machine: MachineRef, destination: str, reason: str, count: int
    ) -> None:
        destination, reason = inert(destination, 100), inert(reason)
        for driver in self.drivers.values():
            if driver.ref == machine:
                driver.shown.network.refuse(destination, reason, count)
                text = f"The machine may not reach {destination}: {reason}."
                driver.notice("egress-refused", text)
                # Whoever looks sees it at once; it is kept with the next change of the session.
                driver.tell("session", driver.view.to_json())

    def gateway_back(self, welcome: GatewayWelcome) -> None:
        """Tell every session, and have the gateway forget those that are not ours."""
        again, self._has_had_gateway = self._has_had_gateway, True
        # First of all: one of them may still be connected, and hold control.
        if self.ready.is_set():
            self.close_unknown(welcome)
        for driver in list(self.drivers.values()):
            driver.gateway_back(again=again)

    def gateway_lost(self) -> None:
        """Tell every session."""
        self.preflights.lose_all()
        for driver in list(self.drivers.values()):
            driver.gateway_lost()

    def gateway_said(self, message: Message) -> None:
        """Pass it on to the session that it is about."""
        session: SessionId = getattr(message, "session", SessionId(""))
        if is_preflight(session):
            self.preflights.hear(message)
            return
        driver = self.drivers.get(session)
        if driver is not None:
            driver.gateway_said(message)

    def close_unknown(self, welcome: GatewayWelcome) -> None:
        """Close what the gateway holds and no session of ours knows."""
        for session in welcome.sessions:
            if session not in self.drivers:
                self.gateway.say(CloseSession(session))
        for connection in welcome.connections:
            session = session_of(connection)
            driver = self.drivers.get(session)
            if driver is not None and not any(
                each.id == connection for each in driver.negotiation.live
            ):
                self.gateway.say(CloseConnection(session, connection))


def session_of(connection: ConnectionId) -> SessionId:
    """A connection's id starts with its session's, so that a restart needs no list of them."""
    return SessionId(connection.rpartition("-")[0])
