"""The emulator's process: two TUN devices, and between them a path each way.

    python -m tests.networks.emulator VIEWER_FD HOST_FD SEED

It is given the descriptors of the devices. A line of JSON on the standard input changes it or asks
something, and is answered by a line: `{"set": CONDITIONS}` -> `{"ok": true}`, `{"counters": true}`
-> `{"up": {...}, "down": {...}}`; `{"error": ...}` for anything else. It ends with its input.
One thread and `select`, whose timeout is finer than a millisecond (that of epoll is not).
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import sys
import time
from typing import Any

from .conditions import from_json
from .path import Path

LARGEST_PACKET = 65_536
PACKETS_AT_ONCE = 32
"""Read from one device before the other gets its turn."""


class Exchange:
    """Two devices, the path in each direction, and the control."""

    def __init__(self, viewer: int, host: int, seed: int) -> None:
        self._up = Path(to_host=True, seed=seed)
        self._down = Path(to_host=False, seed=seed + 1)
        self._ways = ((viewer, self._up, host), (host, self._down, viewer))
        self._unread = b""

    def run(self) -> None:
        """Forward packets until the standard input ends."""
        devices = [way[0] for way in self._ways]
        while True:
            timeout = self._deliver()
            ready, _, _ = select.select([*devices, 0], [], [], timeout)
            for device, path, _ in self._ways:
                if device in ready:
                    self._take(device, path)
            if 0 in ready and not self._obey():
                return

    def _deliver(self) -> float | None:
        """Write what is due, and say how long there is nothing to do."""
        now = time.monotonic()
        times = []
        for _, path, to in self._ways:
            for packet in path.leaving(now):
                # A device that is down or full loses packets, as devices do.
                with contextlib.suppress(OSError):
                    os.write(to, packet)
            due = path.next_due()
            if due is not None:
                times.append(due)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _take(self, device: int, path: Path) -> None:
        now = time.monotonic()
        with contextlib.suppress(BlockingIOError):
            for _ in range(PACKETS_AT_ONCE):
                path.take(os.read(device, LARGEST_PACKET), now)

    def _obey(self) -> bool:
        """Answer what was asked; False when nobody will ask any more."""
        told = os.read(0, LARGEST_PACKET)
        *lines, self._unread = (self._unread + told).split(b"\n")
        for line in lines:
            print(json.dumps(self._answer(line)), flush=True)  # noqa: T201 - the control's answer
        return bool(told)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            if "set" in asked:
                wanted = from_json(asked["set"])
                self._up.change(wanted.up, wanted.filter, outage=wanted.outage)
                self._down.change(wanted.down, wanted.filter, outage=wanted.outage)
                return {"ok": True}
            if "counters" in asked:
                counters = {"up": self._up.counters, "down": self._down.counters}
                return {name: each.to_json() for name, each in counters.items()}
        except (TypeError, ValueError) as error:
            return {"error": str(error)}
        return {"error": "say set or counters"}


def main() -> None:
    """Run with the devices and the seed that were given."""
    viewer, host, seed = (int(argument) for argument in sys.argv[1:4])
    for device in (viewer, host):
        os.set_blocking(device, False)
    # A network does not slow down because the computers at its ends are busy.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    gc.freeze()
    Exchange(viewer, host, seed).run()


if __name__ == "__main__":
    main()
