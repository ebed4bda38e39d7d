"""Sessions: start, look, end; confirm or reject the account; fetch the sealed credential."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from fanlight import errors
from fanlight.controller import NetworkRequest, Session, StartRequest
from fanlight.wire import SessionId

from .identity import Anyone, Owner, SignedIn, require_browser_owner
from .parts import SharedParts
from .problems import responses
from .schemas import Confirm, Credential, Screen, SessionAnswer, SessionList, Start

router = APIRouter(tags=["sessions"])

ONE = "/api/auth/session/{id}"
OWNERS = responses(errors.NotSignedIn, errors.NotAllowed, errors.SessionNotFound)
CHANGES = OWNERS | responses(
    errors.SessionNotFound, errors.NotSignedIn, errors.NotAllowed, errors.IllegalEvent
)


def shown(session: Session, *, status: int = 200) -> Response:
    """Give a session as the API shows it; `SessionAnswer` describes it."""
    return JSONResponse(session.to_json(), status, {"cache-control": "no-store"})


@router.post(
    "/api/auth/start",
    status_code=202,
    response_model=SessionAnswer,
    responses=responses(
        errors.NotSignedIn, errors.NotAllowed, errors.ToolNotInstalled, errors.HostFull
    ),
)
async def start(body: Start, asker: Anyone, parts: SharedParts) -> Response:
    """Start a session; its machine is made in the background."""
    if body.provider is not None and body.recipient is None:
        raise errors.InvalidRequest(
            "recipient: a login needs the key that its credential is sealed to",
            hint="Send `recipient`, an age X25519 recipient (age1...).",
        )
    screen = body.screen or Screen()
    request = StartRequest(
        tool=body.provider,
        recipient=body.recipient,
        width_px=screen.width_px,
        height_px=screen.height_px,
        answerer=body.answerer,
        label=body.label,
        keep_s=body.keep_s,
        network=_network(body),
    )
    return shown(await parts.controller.start(asker.principal, request), status=202)


def _network(body: Start) -> NetworkRequest | None:
    asked = body.network
    return NetworkRequest(asked.mode, tuple(asked.domains)) if asked else None


@router.get(
    "/api/auth/sessions",
    response_model=SessionList,
    responses=responses(errors.NotSignedIn, errors.NotAllowed),
)
async def list_sessions(
    asker: Anyone,
    parts: SharedParts,
    ended: Annotated[bool, Query(description="With those that are over")] = False,
) -> Response:
    """List the principal's sessions, newest first."""
    found = await parts.controller.sessions(asker.principal, ended)
    return JSONResponse({"sessions": [session.to_json() for session in found]})


@router.get(ONE, response_model=SessionAnswer, responses=OWNERS)
async def show(id: str, asker: Owner, parts: SharedParts) -> Response:
    """Give one session."""
    return shown(await parts.controller.session(asker.principal, SessionId(id)))


@router.delete(ONE, status_code=204, responses=OWNERS)
async def end(id: str, asker: Owner, parts: SharedParts) -> None:
    """End a session. Of one that is over: nothing."""
    await parts.controller.end(asker.principal, SessionId(id))


@router.post(
    ONE + "/extend",
    response_model=SessionAnswer,
    responses=OWNERS | responses(errors.SessionEnded, errors.LimitReached),
)
async def extend(id: str, asker: Owner, parts: SharedParts) -> Response:
    """Let a session go on as if it were asked for now, within max_session_s in all."""
    if asker.kind == "session":
        raise errors.NotAllowed("a session's token does not extend it")
    return shown(await parts.controller.extend(asker.principal, SessionId(id)))


@router.post(ONE + "/confirm", status_code=204, responses=CHANGES)
async def confirm(id: str, body: Confirm, asker: SignedIn, parts: SharedParts) -> None:
    """Say that the account shown is the right one: its credential is sealed and handed over."""
    session = SessionId(id)
    await require_browser_owner(asker, session, parts)
    await parts.controller.confirm(asker.principal, session, body.account)


@router.post(ONE + "/reject", status_code=204, responses=CHANGES)
async def reject(id: str, asker: SignedIn, parts: SharedParts) -> None:
    """Say that the account is the wrong one: nothing is handed over, the session ends."""
    session = SessionId(id)
    await require_browser_owner(asker, session, parts)
    await parts.controller.reject(asker.principal, session)


@router.post(ONE + "/credential", responses=CHANGES | responses(errors.Expired))
async def credential(id: str, asker: Owner, parts: SharedParts) -> Credential:
    """Fetch the sealed credential; again until it is acknowledged, for 15 minutes."""
    session = SessionId(id)
    found = await parts.controller.session(asker.principal, session)
    bundle = await parts.controller.credential(asker.principal, session)
    return Credential(bundle=base64.b64encode(bundle).decode(), tool=found.provider)


@router.post(ONE + "/credential/ack", status_code=204, responses=CHANGES)
async def acknowledge(id: str, asker: Owner, parts: SharedParts) -> None:
    """Say that the credential arrived: the ciphertext is deleted, the session ends."""
    await parts.controller.acknowledge(asker.principal, SessionId(id))
