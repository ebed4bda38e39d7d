"""Who asks, and whether they may: a browser's cookie, an API key, a session token, a ticket.

A request with `Authorization` is judged by that alone; its cookie then counts for nothing.
Tokens are looked up by their SHA-256, so that no comparison leaks how much of one was right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends
from starlette.requests import HTTPConnection

from fanlight.errors import NotAllowed, NotSignedIn, OriginRefused, SessionNotFound
from fanlight.wire import PrincipalId, SessionId

from .guard import UNSAFE_METHODS
from .parts import Parts, parts_of
from .settings import ApiSettings

MAX_TOKEN_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Asker:
    """Who sent a request. `session` is the only one that a session token is good for."""

    principal: PrincipalId
    kind: Literal["browser", "key", "session"]
    session: SessionId | None = None


def cookie_name(settings: ApiSettings) -> str:
    """Give the name of the browser's cookie; with TLS its prefix binds it to this very host."""
    return "__Host-fanlight_session" if settings.tls else "fanlight_session"


def bearer(connection: HTTPConnection) -> str | None:
    """Give the token of `Authorization`, with or without "Bearer" (players leave it out).

    Raises NotSignedIn when the header holds something that can be no token.
    """
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, rest = header.strip().partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else header.strip()
    if not token or " " in token or len(token) > MAX_TOKEN_CHARACTERS:
        raise NotSignedIn("the header Authorization holds no token")
    return token


async def find_asker(connection: HTTPConnection, parts: Parts) -> Asker | None:
    """Give who asks; None when nobody is named, or the cookie is no longer good.

    Raises NotSignedIn for a token that is unknown, OriginRefused for a write by cookie from a
    page that is not ours.
    """
    token = bearer(connection)
    if token is not None:
        return await _of_token(token, parts)
    cookie = connection.cookies.get(cookie_name(parts.settings))
    if not cookie or len(cookie) > MAX_TOKEN_CHARACTERS:
        return None
    principal = await parts.store.browser_principal(cookie, parts.clock())
    if principal is None:
        return None
    method = connection.scope.get("method", "GET")
    if method in UNSAFE_METHODS:
        require_origin(connection, parts.settings)
    return Asker(principal, "browser")


async def _of_token(token: str, parts: Parts) -> Asker:
    if token.startswith("fl_"):
        principal = await parts.store.key_principal(token, parts.clock())
        if principal is not None:
            return Asker(principal, "key")
    elif token.startswith("fls_"):
        found = await parts.store.session_token(token)
        if found is not None:
            return Asker(found.principal, "session", found.session)
    elif token.startswith(("flt_", "flm_")):
        raise NotAllowed("a token of this kind is not good for this address")
    raise NotSignedIn("this token is not known, or not any more")


def require_origin(connection: HTTPConnection, settings: ApiSettings) -> None:
    """Raise OriginRefused unless the request comes from our own page."""
    if connection.headers.get("origin") not in settings.origins:
        raise OriginRefused


async def _signed_in(connection: HTTPConnection) -> Asker:
    """Anybody who is known: for what a session token may do as well."""
    asker = await find_asker(connection, parts_of(connection))
    if asker is None:
        raise NotSignedIn
    return asker


async def _anyone(asker: Annotated[Asker, Depends(_signed_in)]) -> Asker:
    if asker.kind == "session":
        raise NotAllowed("a session's token is good for that session only")
    return asker


async def _browser(asker: Annotated[Asker, Depends(_signed_in)]) -> Asker:
    if asker.kind != "browser":
        raise NotAllowed(
            "this needs a browser that is signed in; a key or token alone is not enough",
            hint="Open the page and do it there.",
        )
    return asker


async def _owner(id: str, asker: Annotated[Asker, Depends(_signed_in)]) -> Asker:
    """Whoever may touch session `id`, as far as a token tells; the controller knows owners."""
    if asker.session is not None and asker.session != id:
        raise SessionNotFound
    return asker


async def require_browser_owner(asker: Asker, id_: SessionId, parts: Parts) -> None:
    """Let only a browser of the owner's pass: strangers learn nothing (SessionNotFound), the
    owner's keys and tokens learn why (NotAllowed).
    """
    if asker.session is not None and asker.session != id_:
        raise SessionNotFound
    await parts.controller.session(asker.principal, id_)
    await _browser(asker)


SignedIn = Annotated[Asker, Depends(_signed_in)]
Anyone = Annotated[Asker, Depends(_anyone)]
Browser = Annotated[Asker, Depends(_browser)]
Owner = Annotated[Asker, Depends(_owner)]
