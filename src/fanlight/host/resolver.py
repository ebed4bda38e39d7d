"""This host's resolver, which all machines share, and a machine's part of it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .addresses import Address

RESOLVER_THREADS = 32
MOST_LOOKUPS = 4
"""Names that one machine may have looked up at a time. A name whose servers do not answer holds
a thread for as long as the system's resolver goes on, whether or not anybody still waits."""

_threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolver")


class Lookups:
    """One machine's lookups that are under way."""

    def __init__(self, most: int = MOST_LOOKUPS) -> None:
        self._free = asyncio.Semaphore(most)

    async def begin(self) -> Callable[[], None]:
        """Wait for one's turn; give what ends it, to be called once, from any thread."""
        loop = asyncio.get_running_loop()
        await self._free.acquire()

        def end() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and we with it
                loop.call_soon_threadsafe(self._free.release)

        return end


Resolve = Callable[[str, Lookups], Awaitable[tuple[Address, ...]]]


async def resolve_name(
    name: str, lookups: Lookups, ask: Callable[..., list[Any]] = socket.getaddrinfo
) -> tuple[Address, ...]:
    """Ask this host's resolver. The final dot keeps its search domains out.

    The machine's turn is over when the resolver is done, not when the waiting for it is.
    """
    end = await lookups.begin()
    asked = functools.partial(ask, name + ".", None, type=socket.SOCK_STREAM)
    answer: Future[list[Any]] = _threads.submit(asked)
    answer.add_done_callback(lambda _: end())
    found = await asyncio.wrap_future(answer)
    texts = dict.fromkeys(str(address[0]) for *_, address in found)
    return tuple(ipaddress.ip_address(text) for text in texts)
