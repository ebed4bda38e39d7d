"""Where one session's machine may go, and where it was refused.

Whoever starts a session may ask for less than the server allows, never for more. The egress proxy
enforces it; the machine has no other way out.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fanlight.errors import InvalidRequest
from fanlight.host.policy import is_name
from fanlight.wire import EgressPolicy

Mode = Literal["none", "public", "listed"]
MOST_DOMAINS = 100
MOST_REFUSED = 50
"""Destinations that are remembered by name; a machine can make up any number."""


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """What a start asks for."""

    mode: Mode
    domains: tuple[str, ...] = ()
    """With those below them; of `listed` only."""


@dataclass(frozen=True, slots=True)
class RefusedView:
    """Where the machine was refused to go, and how often. The name is the machine's word."""

    destination: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class NetworkView:
    """A session's network, as its owner sees it."""

    mode: Mode
    domains: tuple[str, ...] = ()
    refused: tuple[RefusedView, ...] = ()
    """The newest last; at most fifty."""
    refused_count: int = 0
    """All of them, also those that are not listed any more."""


class Network:
    """One session's, from its start on; `to_memo` is what a later controller goes on with."""

    def __init__(self, mode: Mode, domains: tuple[str, ...]) -> None:
        self._mode, self._domains = mode, domains
        self._enforced: tuple[Mode, tuple[str, ...]] | None = None
        self._refused: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._count = 0

    @classmethod
    def recalled(cls, memo: Mapping[str, Any]) -> Network:
        """Give the one that `to_memo` wrote; from our own store."""
        found = cls(memo.get("mode", "public"), tuple(memo.get("domains", ())))
        for destination, reason, count in memo.get("refused", ()):
            found._refused[destination, reason] = count
        found._count = memo.get("count", 0)
        if enforced := memo.get("enforced"):
            found._enforced = enforced[0], tuple(enforced[1])
        return found

    def to_memo(self) -> dict[str, Any]:
        """Give it as JSON."""
        refused = [[*key, count] for key, count in self._refused.items()]
        domains = list(self._domains)
        memo = {"mode": self._mode, "domains": domains, "refused": refused, "count": self._count}
        return memo | ({"enforced": list(self._enforced)} if self._enforced else {})

    def enforce(self, server: EgressPolicy) -> EgressPolicy:
        """Give the policy of the machine that is made now; from now on it is the one shown."""
        policy = self.policy(server)
        self._enforced = policy.mode, policy.domains
        return policy

    def policy(self, server: EgressPolicy) -> EgressPolicy:
        """Give what the egress proxy is told; pins and ports are the server's.

        A server that was started again with less gives less.
        """
        mode, domains = self._mode, self._domains
        if server.mode == "none" or (server.mode, mode) == ("listed", "public"):
            return server
        if (server.mode, mode) == ("listed", "listed"):
            domains = tuple(each for each in domains if _is_below(each, server.domains))
        return dataclasses.replace(server, mode=mode, domains=domains)

    def refuse(self, destination: str, reason: str, count: int) -> None:
        """Note that the machine was refused a destination. Both texts are inert."""
        key = destination, reason
        self._refused[key] = self._refused.pop(key, 0) + count
        self._count += count
        while len(self._refused) > MOST_REFUSED:
            self._refused.popitem(last=False)

    @property
    def view(self) -> NetworkView:
        """How it stands."""
        refused = tuple(RefusedView(*key, count) for key, count in self._refused.items())
        mode, domains = self._enforced or (self._mode, self._domains)
        return NetworkView(mode, domains, refused, self._count)


def narrowed(server: EgressPolicy, asked: NetworkRequest | None) -> Network:
    """Give what a session gets of what the server allows.

    Raises:
        InvalidRequest: more is asked for than that, or a domain is none; it is named.
    """
    if asked is None:
        return Network(server.mode, server.domains)
    domains = _checked(asked)
    if server.mode == "none" and asked.mode != "none":
        raise InvalidRequest(
            "network: machines of this server reach no internet",
            hint='Ask for "none", or have egress_mode changed.',
        )
    if server.mode == "listed" and asked.mode == "public":
        raise InvalidRequest(
            "network: machines of this server reach listed domains only",
            hint='Ask for "listed" with some of them, or leave network out for all.',
        )
    if server.mode == "listed":
        for each in domains:
            if not _is_below(each, server.domains):
                raise InvalidRequest(
                    f"network.domains: {each} is not on this server's list",
                    hint="Ask for domains of egress_domains, or below them.",
                )
    return Network(asked.mode, domains)


def _checked(asked: NetworkRequest) -> tuple[str, ...]:
    if asked.mode != "listed":
        if asked.domains:
            raise InvalidRequest(f'network.domains: "{asked.mode}" has no list of domains')
        return ()
    if not asked.domains:
        raise InvalidRequest(
            'network.domains: "listed" needs at least one domain',
            hint='For no network at all ask for "none".',
        )
    if len(asked.domains) > MOST_DOMAINS:
        raise InvalidRequest(f"network.domains: at most {MOST_DOMAINS}")
    return tuple(dict.fromkeys(map(_normalised, asked.domains)))


def _normalised(domain: str) -> str:
    """Give a domain as the egress proxy compares it: lower case, in the form of RFC 5891."""
    try:
        name = domain.strip().removesuffix(".").encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    if not is_name(name):
        raise InvalidRequest(
            f"network.domains: {domain[:80]!r} is no domain",
            hint="A name such as example.org: it stands for itself and all below it.",
        )
    return name


def _is_below(domain: str, allowed: Sequence[str]) -> bool:
    return any(domain == each or domain.endswith(f".{each}") for each in map(str.lower, allowed))
