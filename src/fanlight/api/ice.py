"""The STUN and TURN servers that a viewer is told of.

TURN credentials are made for each principal and run out: the shared-secret scheme that coturn and
others take (`use-auth-secret`), a name with its end of life, and an HMAC of it.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from fanlight.log import Secret
from fanlight.wire import PrincipalId
from fanlight.wire.stun import temporary_credential

from .schemas import IceServerAnswer
from .settings import ApiSettings, OwnTurn

LIFE_S = 6 * 3600
"""Longer than a session (4 hours by default): TURN asks again whenever it refreshes."""
STEP_S = 3600
"""Names of one hour are the same, as a TURN server counts allocations by name."""


def ice_servers(
    settings: ApiSettings, principal: PrincipalId, now: float, *, host: str
) -> list[IceServerAnswer]:
    """Give the servers as RTCPeerConnection takes them.

    `host`: the request's Host, by which this viewer reaches us, with or without a port.
    """
    servers = []
    if settings.stun_urls:
        servers.append(IceServerAnswer(urls=list(settings.stun_urls)))
    if settings.own_turn is not None:
        own = settings.own_turn
        servers.append(_turn(own_urls(own, host), own.secret, principal, now))
    if settings.turn_urls and settings.turn_secret is not None:
        servers.append(_turn(list(settings.turn_urls), settings.turn_secret, principal, now))
    return servers


def own_urls(turn: OwnTurn, host: str) -> list[str]:
    """Give the addresses of our own TURN server, the fastest way first."""
    name = turn.host or _name_of(host)
    urls = [f"turn:{name}:{turn.port}?transport={way}" for way in ("udp", "tcp")]
    if turn.tls_port:
        urls.append(f"turns:{name}:{turn.tls_port}?transport=tcp")
    return urls


def _turn(
    urls: list[str], secret: Secret[str], principal: PrincipalId, now: float
) -> IceServerAnswer:
    # The principal's hash, so that the TURN server's log names nobody.
    who = hashlib.sha256(principal.encode()).hexdigest()[:16]
    expires_at = (int(now) + LIFE_S) // STEP_S * STEP_S + STEP_S
    username, password = temporary_credential(secret.reveal(), who, expires_at)
    return IceServerAnswer(urls=urls, username=username, credential=password)


def _name_of(host: str) -> str:
    """Give the name in a Host; `localhost` as the address on which our TURN server listens."""
    name = urlsplit(f"//{host}").hostname or "127.0.0.1"
    if name == "localhost":
        return "127.0.0.1"
    return f"[{name}]" if ":" in name else name


def link_headers(servers: list[IceServerAnswer]) -> list[str]:
    """Give WHEP's `Link` values: one URL each, in the order that simple parsers expect."""
    links = []
    for server in servers:
        rest = ""
        if server.username is not None:
            rest = f'; username="{server.username}"; credential="{server.credential}"'
            rest += '; credential-type="password"'
        links += [f'<{url}>; rel="ice-server"{rest}' for url in server.urls]
    return links
