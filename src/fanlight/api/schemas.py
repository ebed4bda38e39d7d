"""Bodies: closed schemas in camelCase. What is not described here is refused with a 422."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pyrage
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel


class Body(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, validate_by_name=False, validate_by_alias=True
    )


class Answer(BaseModel):
    """What we send; made from any object with these attributes."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        from_attributes=True,
    )


def _an_age_key(recipient: str) -> str:
    try:
        pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise ValueError("this is not an age X25519 recipient") from None
    return recipient


# Names that people typed, or that a program gave itself: no control characters, which could move
# a terminal's cursor or hide in a log.
Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Recipient = Annotated[
    str, StringConstraints(pattern=r"^age1[a-z0-9]{58}$"), AfterValidator(_an_age_key)
]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class SignIn(Body):
    """A sign-in link's token, as it stands behind the address's `#`."""

    token: Secret


class Screen(Body):
    """The size of the display, in pixels."""

    width_px: Annotated[int, Field(strict=True, ge=320, le=3840)] = 1280
    height_px: Annotated[int, Field(strict=True, ge=240, le=2160)] = 720


class Network(Body):
    """Where a machine may go: nowhere, the public internet, or some domains and those below."""

    mode: Literal["none", "public", "listed"]
    domains: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=253)]],
        Field(max_length=100),
    ] = []


class Start(Body):
    """What to start. Without `provider` (a tool's name): a plain desktop."""

    provider: ToolName | None = None
    recipient: Recipient | None = None
    screen: Screen | None = None
    answerer: Literal["gateway", "machine"] = "gateway"
    label: Name = ""
    keep_s: Annotated[float, Field(strict=True, ge=1, le=604_800)] | None = None
    """How long the session is kept without viewers, in seconds; bounded by max_keep_s."""
    network: Network | None = None
    """Where the machine may go, within what the server allows; without: all of that."""


class Confirm(Body):
    """The account, as it was shown."""

    account: Annotated[str, StringConstraints(min_length=1, max_length=320)]


Sdp = Annotated[str, StringConstraints(min_length=1, max_length=250_000)]


class OfferBody(Body):
    """A viewer's offer."""

    type: Literal["offer"]
    sdp: Sdp


class AnswerBody(Body):
    """A machine's answer."""

    type: Literal["answer"]
    sdp: Sdp


class CandidateBody(Body):
    """An ICE candidate as the browser gives it; empty text ends them."""

    candidate: Annotated[str, StringConstraints(max_length=512)]
    sdp_mid: Annotated[str, StringConstraints(max_length=64)] | None = None
    sdp_m_line_index: Annotated[int, Field(strict=True, ge=0, le=64)] | None = None
    username_fragment: Annotated[str, StringConstraints(max_length=256)] | None = None


class NewTicket(Body):
    """What the ticket is to open."""

    session: Annotated[str, StringConstraints(max_length=128)] = ""
    """One's own session; none for `preflight`."""
    use: Literal["vnc", "whep", "stream", "preflight"]


class NewKey(Body):
    """What the API key is for, in the person's words."""

    label: Name = ""


class NewDevice(Body):
    """A program on another machine asks for a login."""

    tool: ToolName
    recipient: Recipient
    client_name: Name = ""


class DevicePoll(Body):
    """A program asks whether it was approved."""

    device_code: Secret


class Me(Answer):
    """Who you are."""

    principal: str
    name: str
    kind: Literal["browser", "key", "session"]
    origin: str


class CredentialPath(Answer):
    """A file of a tool's credential, under HOME; no `fields`: all of it is the credential."""

    path: str
    fields: list[str]
    required: bool
    merge: bool


class ToolAnswer(Answer):
    """One tool of the catalogue."""

    name: str
    title: str
    vendor: str
    installed: bool
    installable: bool
    version: str
    note: str
    credential_paths: list[CredentialPath]
    next_command: str


class Stage(Answer):
    """One stage of the boot."""

    name: str
    text: str
    done: bool
    at_ms: float | None = None


class Mark(Answer):
    """A step from Connect to a picture; without `connectionId` it is the machine's."""

    name: str
    text: str
    at_ms: float
    connection_id: str | None = None


class Reason(Answer):
    """Why a session ended or failed."""

    code: str
    title: str
    detail: str
    hint: str


class LoginAnswer(Answer):
    """How far the login is."""

    state: str
    account: str | None = None
    url_host: str | None = None
    user_code: str | None = None
    fingerprint: str | None = None
    recipient: str | None = None
    matching_code: str | None = None


class RefusedAnswer(Answer):
    """A destination that the machine was refused; its name is the machine's word."""

    destination: str
    reason: str
    count: int


class NetworkAnswer(Answer):
    """Where the machine may go, and the newest fifty places that it was refused."""

    mode: Literal["none", "public", "listed"]
    domains: list[str]
    refused: list[RefusedAnswer]
    refused_count: int


class SessionAnswer(Answer):
    """A session. `machineToken` only in the answer to a start with answerer "machine"."""

    session_id: str
    provider: str | None
    status: Literal["requested", "booting", "vm_created", "ending", "ended"]
    step: str
    percent: int
    stages: list[Stage]
    reason: Reason | None
    login: LoginAnswer | None
    answerer: Literal["gateway", "machine"]
    machine_token: str | None = None
    viewers: int
    label: str
    created_at: float
    ended_at: float | None
    page: str
    keep_s: float
    ends_at: float | None
    ending: Literal["idle", "limit"] | None
    pause: Literal["pausing", "paused", "resuming"] | None
    timeline: list[Mark]
    network: NetworkAnswer | None = None


class SessionList(Answer):
    """The principal's sessions, newest first."""

    sessions: list[SessionAnswer]


class Credential(Answer):
    """The sealed credential: an age file in base64."""

    bundle: str
    tool: str | None


class Opened(Answer):
    """A viewer's connection."""

    connection_id: str


class DescriptionAnswer(Answer):
    """An offer or an answer."""

    type: Literal["offer", "answer"]
    sdp: str
    connection_id: str | None = None


class CandidateAnswer(Answer):
    """An ICE candidate of the other side."""

    candidate: str
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None


class CandidateList(Answer):
    """Candidates from number `after` on; ask for `next` the next time."""

    candidates: list[CandidateAnswer]
    next: int


class IceServerAnswer(Answer):
    """A STUN or TURN server."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class IceServerList(Answer):
    """What RTCPeerConnection takes as `iceServers`."""

    ice_servers: list[IceServerAnswer]


class TicketAnswer(Answer):
    """A ticket: 60 seconds, once."""

    ticket: str


class KeyAnswer(Answer):
    """An API key; `key` itself only in the answer to its making."""

    id: str
    prefix: str
    label: str
    created_at: float
    seen_at: float | None
    key: str | None = None


class KeyList(Answer):
    """The principal's API keys, newest first."""

    keys: list[KeyAnswer]


class DeviceAnswer(Answer):
    """RFC 8628 section 3.2."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class DeviceToken(Answer):
    """A token that is good for this session only."""

    token: str
    session: str


class DeviceShown(Answer):
    """What the person is asked to approve."""

    tool: str
    client_name: str
    recipient: str
    fingerprint: str
    expires_at: float


class DeviceApproved(Answer):
    """The session that was started."""

    session: str


class AuditLine(Answer):
    """One line of the audit trail."""

    at: float
    session: str | None
    action: str
    detail: dict[str, Any]


class History(Answer):
    """The principal's audit trail, newest first."""

    history: list[AuditLine]


class Health(Answer):
    """The server is well."""

    status: Literal["ok"]
