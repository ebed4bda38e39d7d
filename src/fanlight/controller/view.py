"""What the controller takes and gives: a request, the session as it is shown, its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from fanlight.session.lifecycle import Ending, Pause
from fanlight.session.negotiation import Answerer
from fanlight.wire import ConnectionId, SessionId

from .network import NetworkRequest, NetworkView, RefusedView

EventKind = Literal["session", "viewers", "quality", "gateway", "notice", "end"]

_CAMEL = {
    "session_id": "sessionId",
    "at_ms": "atMs",
    "url_host": "urlHost",
    "user_code": "userCode",
    "matching_code": "matchingCode",
    "machine_token": "machineToken",
    "created_at": "createdAt",
    "ended_at": "endedAt",
    "keep_s": "keepS",
    "refused_count": "refusedCount",
    "ends_at": "endsAt",
    "connection_id": "connectionId",
}


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What to start. Without a tool: a plain desktop."""

    tool: str | None = None
    recipient: str | None = None
    """age1...; needed with a tool, fixed for the session's life."""
    width_px: int = 1280
    height_px: int = 720
    answerer: Answerer = "gateway"
    label: str = ""
    keep_s: float | None = None
    """How long to keep it without viewers; None: idle_timeout_s."""
    network: NetworkRequest | None = None
    """Where the machine may go; None: wherever the server lets machines go."""
    matching_code: str | None = None
    """The device flow's user code; without one it is made from recipient and session."""


@dataclass(frozen=True, slots=True)
class StageView:
    """A stage of the boot. `at_ms` since the request."""

    name: str
    text: str
    done: bool
    at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class MarkView:
    """A step on the way from Connect to a picture; `at_ms` since the request."""

    name: str
    text: str
    at_ms: float
    connection_id: ConnectionId | None = None
    """Whose step it is; None: the machine's."""


@dataclass(frozen=True, slots=True)
class ReasonView:
    """Why a session ended, for a person."""

    code: str
    title: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class LoginView:
    """How far the login is. `account` and `url_host` were said by the guest and made inert."""

    state: str
    account: str | None = None
    url_host: str | None = None
    user_code: str | None = None
    fingerprint: str | None = None
    recipient: str | None = None
    matching_code: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its owner sees it; `to_json` is the object `Session` of the HTTP API."""

    session_id: SessionId
    provider: str | None
    status: Literal["requested", "booting", "vm_created", "ending", "ended"]
    step: str
    percent: int
    stages: tuple[StageView, ...]
    reason: ReasonView | None
    login: LoginView | None
    answerer: Answerer
    viewers: int
    label: str
    created_at: float
    ended_at: float | None
    page: str
    keep_s: float = 0.0
    """How long it is kept without viewers, in seconds."""
    ends_at: float | None = None
    """When it ends if nothing happens; None: it is over."""
    ending: Ending | None = None
    """The end that was announced: nobody looks (`idle`), or its time is over (`limit`)."""
    pause: Pause | None = None
    """Nobody looks, and its machine is on its way to disk, there, or on its way back."""
    timeline: tuple[MarkView, ...] = ()
    """From Connect to the first picture, for the first viewers and the newest."""
    network: NetworkView | None = None
    """Where the machine may go, and where it was refused."""
    machine_token: str | None = None
    """Only in what `start` returns, and only when the machine is to answer viewers."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON object; `machineToken` is in it only when there is one."""
        data: dict[str, Any] = _json(self)
        if self.machine_token is None:
            del data["machineToken"]
        return data

    def __repr__(self) -> str:
        """Name the session; the token that may be in it is in no log and no traceback."""
        return f"Session({self.session_id!r}, {self.status!r}, {self.percent})"


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """Something that happened to a session. `id` rises from 1; None: it is not kept."""

    id: int | None
    kind: EventKind
    data: Mapping[str, Any]


def session_from_json(data: Mapping[str, Any]) -> Session:
    """Give the session that `to_json` made; from our own store, not from a peer."""
    snake = {camel: name for name, camel in _CAMEL.items()}
    values = {snake.get(name, name): value for name, value in data.items()}
    reason, login = values["reason"], values["login"]
    stages = [{snake.get(k, k): v for k, v in stage.items()} for stage in values["stages"]]
    values["stages"] = tuple(StageView(**stage) for stage in stages)
    marks = [{snake.get(k, k): v for k, v in mark.items()} for mark in values.get("timeline", ())]
    values["timeline"] = tuple(MarkView(**mark) for mark in marks)
    values["network"] = _network_from(values.get("network"))
    values["reason"] = ReasonView(**reason) if reason else None
    values["login"] = (
        LoginView(**{snake.get(k, k): v for k, v in login.items()}) if login else None
    )
    return Session(**values)


def _network_from(data: Mapping[str, Any] | None) -> NetworkView | None:
    if data is None:
        return None
    refused = tuple(RefusedView(**each) for each in data["refused"])
    return NetworkView(data["mode"], tuple(data["domains"]), refused, data["refusedCount"])


def _json(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {_CAMEL.get(f.name, f.name): _json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return value
