"""The egress proxy's process: the only way from machines to the internet, for all of them.

It runs outside the machines, under a uid of its own, and is told by the keeper which listeners to
serve. Each listener is a socket of a machine's own network namespace: the socket, and not an
address, says which machine asks.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import logging
import signal
import socket
import sys
from collections import Counter

from fanlight.errors import PeerError
from fanlight.wire import (
    AttachEgress,
    DetachEgress,
    EgressRefused,
    MachineRef,
    Message,
    Refusal,
)

from .channel import Channel
from .children import drop_privileges
from .dial import Dialler
from .proxy import MachineProxy
from .settings import EgressSettings, egress_from_json, read_descriptor

log = logging.getLogger(__name__)

REPORT_EVERY_S = 1.0
MOST_DESTINATIONS = 64
"""Different refusals reported for each machine in one go; more are counted together."""


class Egress:
    """All machines' proxies, and what they refused since the last report."""

    def __init__(self, settings: EgressSettings, keeper: Channel) -> None:
        self._settings, self._keeper = settings, keeper
        self._dialler = Dialler(settings)
        self._proxies: dict[MachineRef, MachineProxy] = {}
        self._refused: Counter[tuple[MachineRef, str, str, Refusal]] = Counter()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Serve until the keeper's end closes."""
        async with asyncio.TaskGroup() as tasks:
            reporting = tasks.create_task(self._report_refusals())
            async for message in self._keeper.messages():
                await self._obey(message)
            reporting.cancel()
        for proxy in self._proxies.values():
            proxy.close()

    async def _obey(self, message: Message) -> None:
        match message:
            case AttachEgress(machine, policy):
                listener = socket.socket(fileno=self._keeper.descriptors.popleft())
                self._detach(machine)
                proxy = MachineProxy(
                    machine,
                    policy,
                    settings=self._settings,
                    dialler=self._dialler,
                    report=functools.partial(self._note, machine),
                )
                self._proxies[machine] = proxy
                await proxy.start(listener)
            case DetachEgress(machine):
                self._detach(machine)
            case _:
                raise PeerError(f"{type(message).__name__} is not for the egress proxy")

    def _detach(self, machine: MachineRef) -> None:
        if proxy := self._proxies.pop(machine, None):
            proxy.close()

    def _note(self, machine: MachineRef, destination: str, reason: str, why: Refusal) -> None:
        key = (machine, _shown(destination), reason, why)
        known = sum(1 for each in self._refused if each[0] == machine)
        if key not in self._refused and known >= MOST_DESTINATIONS:
            key = (machine, "", "and others", why)
        self._refused[key] += 1
        self._news.set()

    async def _report_refusals(self) -> None:
        """Tell the keeper at once, then at most once a second."""
        while True:
            await self._news.wait()
            self._news.clear()
            for (machine, destination, reason, why), count in self._refused.items():
                self._keeper.send(EgressRefused(machine, destination, reason, count, why))
            self._refused.clear()
            await asyncio.sleep(REPORT_EVERY_S)


def _shown(destination: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in destination)[:255]


async def _run(settings: EgressSettings, control: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    channel = Channel(control)
    serving = asyncio.current_task()
    assert serving is not None  # we are in it
    loop.add_signal_handler(signal.SIGTERM, serving.cancel)
    try:
        await Egress(settings, channel).run()
    finally:
        channel.close()


async def _warm_up() -> None:
    with contextlib.suppress(OSError):
        await asyncio.get_running_loop().getaddrinfo("localhost.", None)


def main() -> int:
    """`python -m fanlight.host.egress`, spawned by the keeper only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--settings-fd", type=int, required=True)
    parser.add_argument("--uid", type=int, required=True, help="to become when we are root")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="egress %(levelname)s %(message)s")
    settings = egress_from_json(read_descriptor(options.settings_fd))
    # Python and the resolver load some of their modules on first use, from where the uid that we
    # become may not be able to read.
    asyncio.run(_warm_up())
    drop_privileges(options.uid)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_run(settings, socket.socket(fileno=options.control_fd)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
