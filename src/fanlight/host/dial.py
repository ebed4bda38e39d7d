"""Connecting for a machine: resolve once, judge, and connect to the very address judged."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

from fanlight.errors import FanlightError, SettingRejected
from fanlight.wire import EgressPolicy

from .addresses import Address, is_this_hosts, why_refused
from .policy import Destination, EgressDenied, check_policy, pin_of
from .requests import MOST_HEAD_BYTES
from .resolver import Lookups, Resolve, resolve_name
from .settings import EgressSettings

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
RESOLVE_TIMEOUT_S = 8.0
CONNECTION_ATTEMPT_S = 4.0
"""One address of several gets so long before the next is tried."""


class Unreachable(FanlightError):
    """The destination may be reached, but is not."""

    code = "unreachable"
    title = "The address could not be reached"
    status = 502


@dataclass(frozen=True, slots=True)
class Upstream:
    """The proxy that this host itself must use."""

    host: str
    port: int
    authorization: bytes = b""
    """Value of Proxy-Authorization, or nothing."""


@dataclass(frozen=True, slots=True)
class Connected:
    """An open connection. `via`: the upstream proxy that still has to be asked, if any."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    via: Upstream | None = None


class Dialler:
    """Connects machines. One for all of them; each call brings the machine's own limits."""

    def __init__(
        self,
        settings: EgressSettings,
        *,
        resolve: Resolve | None = None,
        is_own: Callable[[Address], bool] = is_this_hosts,
    ) -> None:
        self._settings, self._is_own = settings, is_own
        self._resolve = resolve or resolve_name
        self._refused = tuple(map(ipaddress.ip_network, settings.refused_networks))
        self._upstream = parse_upstream(settings.upstream_proxy)

    async def connect(
        self, policy: EgressPolicy, destination: Destination, lookups: Lookups
    ) -> Connected:
        """Connect to where a machine wants to go.

        Raises:
            EgressDenied: it must not.
            Unreachable: it may, but nobody answers there.
        """
        if pinned := pin_of(policy, destination):
            return Connected(*await self._open(*pinned))
        check_policy(policy, destination)
        addresses = await self._addresses(destination, lookups)
        if self._upstream:
            streams = await self._open(self._upstream.host, self._upstream.port)
            return Connected(*streams, via=self._upstream)
        for address in addresses:
            try:
                return Connected(*await self._open(str(address), destination.port))
            except Unreachable as error:
                last = error
        raise last

    async def _addresses(self, destination: Destination, lookups: Lookups) -> tuple[Address, ...]:
        """Give the addresses that may be connected to, at least one (none: upstream resolves)."""
        found: tuple[Address, ...]
        if destination.address is not None:
            found = (destination.address,)
        else:
            found = await self._resolved(destination.host, lookups)
        reasons = [why_refused(each, self._refused, self._is_own) for each in found]
        allowed = tuple(each for each, reason in zip(found, reasons, strict=True) if not reason)
        if found and not allowed:
            raise EgressDenied(f"{found[0]} is {reasons[0]}", "address")
        # A public name with a private address beside it is either broken or rebinding; connect
        # to the public ones only, and never look the name up again.
        return allowed

    async def _resolved(self, name: str, lookups: Lookups) -> tuple[Address, ...]:
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT_S):
                found = await self._resolve(name, lookups)
        except (OSError, TimeoutError):
            found = ()
        # Behind an upstream proxy this host may know no public names: then the proxy resolves.
        if not found and not self._upstream:
            raise Unreachable(f"{name} has no address")
        return found

    async def _open(self, host: str, port: int) -> Streams:
        limit_s = min(self._settings.connect_timeout_s, CONNECTION_ATTEMPT_S)
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.open_connection(host, port, limit=MOST_HEAD_BYTES)
        except (OSError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or "no answer"
            raise Unreachable(f"{host} port {port}: {reason}") from None


def parse_upstream(url: str) -> Upstream | None:
    """Read the setting `upstream_proxy`; nothing for none.

    Raises:
        SettingRejected: it is no http:// address.
    """
    if not url:
        return None
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        # The address may hold a password: it is not repeated here.
        raise SettingRejected("the upstream proxy is not an http:// address")
    authorization = b""
    if parts.username is not None:
        user = urllib.parse.unquote(parts.username)
        secret = f"{user}:{urllib.parse.unquote(parts.password or '')}"
        authorization = b"Basic " + base64.b64encode(secret.encode())
    return Upstream(parts.hostname, parts.port or 3128, authorization)
