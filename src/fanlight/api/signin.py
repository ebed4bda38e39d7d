"""Signing a browser in and out, and who one is."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fanlight.errors import Expired, NotAllowed, NotSignedIn, SignedInAsAnother
from fanlight.wire import PrincipalId

from .identity import Browser, SignedIn, cookie_name, find_asker, require_origin
from .parts import SharedParts, address_of
from .problems import responses
from .schemas import Me, SignIn
from .settings import ApiSettings

COOKIE_AGE_S = 30 * 24 * 3600

router = APIRouter(tags=["who"])


@router.post(
    "/api/signin",
    status_code=204,
    responses=responses(NotAllowed, SignedInAsAnother, Expired),
)
async def sign_in(request: Request, body: SignIn, parts: SharedParts) -> Response:
    """Redeem a one-time sign-in link: sets the cookie."""
    require_origin(request, parts.settings)
    now = parts.clock()
    parts.limits.sign_in.take(address_of(request), now)
    present = await _present_principal(request, parts)
    if present is not None and present != await parts.store.link_principal(body.token, now):
        raise SignedInAsAnother(f"signed in as {present}")
    principal, cookie = await parts.store.redeem_link(body.token, now)
    await parts.store.record(principal, "signed_in", now=now)
    answer = Response(status_code=204)
    _set_cookie(answer, parts.settings, cookie)
    return answer


async def _present_principal(request: Request, parts: SharedParts) -> PrincipalId | None:
    try:
        asker = await find_asker(request, parts)
    except (NotSignedIn, NotAllowed):
        return None
    return asker.principal if asker and asker.kind == "browser" else None


def _set_cookie(answer: Response, settings: ApiSettings, value: str) -> None:
    answer.set_cookie(
        cookie_name(settings),
        value,
        max_age=COOKIE_AGE_S if value else 0,
        path="/",
        secure=settings.tls,
        httponly=True,
        samesite="strict",
    )


@router.post("/api/signout", status_code=204, responses=responses(NotSignedIn, NotAllowed))
async def sign_out(request: Request, asker: Browser, parts: SharedParts) -> Response:
    """Sign this browser out."""
    await parts.store.end_browser_session(request.cookies[cookie_name(parts.settings)])
    await parts.store.record(asker.principal, "signed_out", now=parts.clock())
    answer = Response(status_code=204)
    _set_cookie(answer, parts.settings, "")
    return answer


@router.get("/api/me", response_model=Me, responses=responses(NotSignedIn, NotAllowed))
async def me(asker: SignedIn, parts: SharedParts) -> Me:
    """Say who is asking."""
    principal = await parts.store.principal(asker.principal)
    if principal is None:
        raise NotSignedIn
    return Me(
        principal=principal.id,
        name=principal.name,
        kind=asker.kind,
        origin=parts.settings.public_url,
    )
