"""The STUN and TURN servers that a viewer is told of.

TURN credentials are made for each principal and run out: the shared-secret scheme that coturn and
others take (`use-auth-secret`), a name with its end of life, and an HMAC of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from fanlight.wire import PrincipalId

from .schemas import IceServerAnswer
from .settings import ApiSettings

LIFE_S = 6 * 3600
"""Longer than a session (4 hours by default): TURN asks again whenever it refreshes."""


def ice_servers(
    settings: ApiSettings, principal: PrincipalId, now: float
) -> list[IceServerAnswer]:
    """Give the servers as RTCPeerConnection takes them."""
    servers = []
    if settings.stun_urls:
        servers.append(IceServerAnswer(urls=list(settings.stun_urls)))
    if settings.turn_urls and settings.turn_secret is not None:
        # The principal's hash, so that the TURN server's log names nobody.
        who = hashlib.sha256(principal.encode()).hexdigest()[:16]
        username = f"{int(now) + LIFE_S}:{who}"
        key = settings.turn_secret.reveal().encode()
        password = hmac.new(key, username.encode(), hashlib.sha1).digest()
        servers.append(
            IceServerAnswer(
                urls=list(settings.turn_urls),
                username=username,
                credential=base64.b64encode(password).decode(),
            )
        )
    return servers


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
