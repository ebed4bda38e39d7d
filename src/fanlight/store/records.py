"""What the store gives and takes: frozen, plain values. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fanlight.wire import ConnectionId, MachineRef, PrincipalId, SessionId

Json = Mapping[str, Any]
TicketUse = Literal["vnc", "whep", "stream"]
DeviceState = Literal["pending", "approved", "denied", "redeemed"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who may own sessions."""

    id: PrincipalId
    name: str
    created_at: float


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is listed: the key itself was shown once."""

    id: str
    prefix: str
    label: str
    principal: PrincipalId
    created_at: float
    seen_at: float | None


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session. `view` is what the API shows of it, `memo` what the controller needs to go on
    after a restart; both are JSON and never hold a secret.
    """

    id: SessionId
    owner: PrincipalId
    created_at: float
    tool: str | None = None
    recipient: str | None = None
    label: str = ""
    status: str = "requested"
    answerer: str = "gateway"
    machine_ref: MachineRef | None = None
    machine_token_hash: str | None = None
    reason: Json | None = None
    view: Json = field(default_factory=dict)
    memo: Json = field(default_factory=dict)
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One kept event of a session; ids rise from 1."""

    id: int
    kind: str
    data: Json
    at: float


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What a session-scoped token stands for."""

    session: SessionId
    principal: PrincipalId


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket stands for. `connection` is set once it opened one."""

    session: SessionId
    principal: PrincipalId
    use: TicketUse
    connection: ConnectionId | None = None


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A program on another machine asks for a login; somebody must approve it."""

    user_code: str
    tool: str
    recipient: str
    client_name: str
    state: DeviceState
    expires_at: float
    interval_s: float
    principal: PrincipalId | None = None
    session: SessionId | None = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the audit trail."""

    at: float
    principal: PrincipalId
    session: SessionId | None
    action: str
    detail: Json
