"""The device flow (RFC 8628): a program without a browser asks, a person at a browser approves."""

from __future__ import annotations

import asyncio
import hashlib

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fanlight import errors
from fanlight.controller import StartRequest
from fanlight.errors import FanlightError
from fanlight.store import DeviceRequest

from .identity import Browser
from .parts import Parts, SharedParts, address_of
from .problems import problem, responses
from .schemas import (
    DeviceAnswer,
    DeviceApproved,
    DevicePoll,
    DeviceShown,
    DeviceToken,
    NewDevice,
)

router = APIRouter(tags=["device"])

CONNECT_AGAIN = "Run `fanlight connect` again, and open the new link that it prints."
PERSON = responses(errors.NotSignedIn, errors.NotAllowed, errors.NotFound, errors.Expired)


def fingerprint(recipient: str) -> str:
    """Give what people compare: 16 hex digits of the key's SHA-256, in groups of four."""
    digits = hashlib.sha256(recipient.encode()).hexdigest()[:16]
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


@router.post("/api/device", responses=responses(errors.UnknownTool))
async def ask(request: Request, body: NewDevice, parts: SharedParts) -> DeviceAnswer:
    """Ask for a login. Show the user code and the address; then poll for the token."""
    now = parts.clock()
    parts.limits.device.take(address_of(request), now)
    if body.tool not in {tool.name for tool in await asyncio.to_thread(parts.tools)}:
        raise errors.UnknownTool(f"there is no tool called {body.tool}")
    made, device_code = await parts.store.new_device_request(
        tool=body.tool, recipient=body.recipient, client_name=body.client_name, now=now
    )
    address = f"{parts.settings.public_url}/device"
    return DeviceAnswer(
        device_code=device_code,
        user_code=made.user_code,
        verification_uri=address,
        verification_uri_complete=f"{address}?code={made.user_code}",
        expires_in=round(made.expires_at - now),
        interval=round(made.interval_s),
    )


@router.post(
    "/api/device/token",
    response_model=DeviceToken,
    responses=responses(errors.AuthorizationPending, errors.SlowDown, errors.AccessDenied),
)
async def poll(body: DevicePoll, parts: SharedParts) -> DeviceToken | Response:
    """Fetch the session's token, once it was approved; given once."""
    found, too_soon, token = await parts.store.poll_device_request(body.device_code, parts.clock())
    if found is None:
        gone = errors.Expired("this request was answered before, or is too old")
        # RFC 8628 section 3.5 answers 400 to all of these.
        return problem(gone, status=400)
    if found.state == "denied":
        raise errors.AccessDenied
    if too_soon:
        raise errors.SlowDown
    if token is None or found.session is None:
        raise errors.AuthorizationPending
    return DeviceToken(token=token, session=found.session)


@router.get("/api/device/{user_code}", responses=PERSON)
async def show(user_code: str, asker: Browser, parts: SharedParts) -> DeviceShown:
    """Show what a person is asked to approve."""
    found = await _pending(user_code, asker, parts)
    return DeviceShown(
        tool=found.tool,
        client_name=found.client_name,
        recipient=found.recipient,
        fingerprint=fingerprint(found.recipient),
        expires_at=found.expires_at,
    )


@router.post(
    "/api/device/{user_code}/approve",
    responses=PERSON | responses(errors.ToolNotInstalled, errors.NotAllowed, errors.NotFound),
)
async def approve(user_code: str, asker: Browser, parts: SharedParts) -> DeviceApproved:
    """Start the session that the program asked for, as one's own."""
    pending = await _pending(user_code, asker, parts)
    now = parts.clock()
    code = pending.user_code
    claimed = await parts.store.claim_device_request(code, asker.principal, now)
    request = StartRequest(
        tool=claimed.tool,
        recipient=claimed.recipient,
        label=claimed.client_name,
        matching_code=code,
    )
    try:
        session = await parts.controller.start(asker.principal, request)
    except FanlightError:
        await parts.store.release_device_request(code)
        raise
    try:
        await parts.store.settle_device_request(code, asker.principal, session.session_id, now)
    except FanlightError:
        # Denied in between, or not stored: nobody would ever get this session's token.
        await parts.controller.end(asker.principal, session.session_id)
        raise
    detail = {"userCode": code, "clientName": claimed.client_name}
    await parts.store.record(
        asker.principal, "device_approved", now=now, session=session.session_id, detail=detail
    )
    return DeviceApproved(session=session.session_id)


@router.post("/api/device/{user_code}/deny", status_code=204, responses=PERSON)
async def deny(user_code: str, asker: Browser, parts: SharedParts) -> None:
    """Refuse the program's request."""
    pending = await _pending(user_code, asker, parts)
    now = parts.clock()
    await parts.store.settle_device_request(pending.user_code, asker.principal, None, now)
    detail = {"userCode": pending.user_code, "clientName": pending.client_name}
    await parts.store.record(asker.principal, "device_denied", now=now, detail=detail)


async def _pending(user_code: str, asker: Browser, parts: Parts) -> DeviceRequest:
    """Find a request by its code as people type it: any case, with or without the dash.

    Counted, so that nobody tries codes until one fits.
    """
    now = parts.clock()
    parts.limits.device.take(asker.principal, now)
    letters = "".join(letter for letter in user_code.upper() if letter.isalnum())
    found = await parts.store.device_request(f"{letters[:4]}-{letters[4:12]}", now)
    if found is None:
        raise errors.NotFound("no such code; it may be too old", hint=CONNECT_AGAIN)
    if found.state != "pending":
        raise errors.Expired("this request was answered before", hint=CONNECT_AGAIN)
    return found
