"""QEMU's machine protocol (docs/interop/qmp-spec.txt): commands, answers, the events we await."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

MOST_LINE_BYTES = 1 << 20
ANSWER_S = 30.0


class QmpFailed(Exception):
    """QEMU refused a command, or is gone."""


class Qmp:
    """One connection. Runs inside `run`."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._migration: asyncio.Queue[str] = asyncio.Queue()
        self.is_greeted = asyncio.Event()

    async def run(self) -> None:
        """Read until QEMU closes its end."""
        loop, rest = asyncio.get_running_loop(), b""
        while data := await loop.sock_recv(self._end, 65_536):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > MOST_LINE_BYTES:
                raise QmpFailed("a line without an end")
            for line in lines:
                self._take(json.loads(line))

    def _take(self, said: dict[str, Any]) -> None:
        if "QMP" in said:
            self.is_greeted.set()
        elif said.get("event") == "MIGRATION":
            self._migration.put_nowait(said["data"]["status"])
        elif "return" in said or "error" in said:
            self._answers.put_nowait(said)

    async def execute(self, command: str, fd: int = -1, **arguments: object) -> Any:
        """Give what a command returns. `fd` goes along with it.

        Raises:
            QmpFailed: it is refused, or is not answered.
        """
        words = {"execute": command, "arguments": arguments}
        line = json.dumps(words).encode() + b"\n"
        if fd >= 0:
            socket.send_fds(self._end, [line], [fd])
        else:
            await asyncio.get_running_loop().sock_sendall(self._end, line)
        try:
            async with asyncio.timeout(ANSWER_S):
                said = await self._answers.get()
        except TimeoutError:
            raise QmpFailed(f"{command}: no answer in {ANSWER_S:g} s") from None
        if "error" in said:
            raise QmpFailed(f"{command}: {said['error'].get('desc', said['error'])}")
        return said["return"]

    async def begin(self, *capabilities: str) -> None:
        """Get past the greeting and switch migration's capabilities on.

        Raises:
            QmpFailed: QEMU does not know one.
        """
        async with asyncio.timeout(ANSWER_S):
            await self.is_greeted.wait()
        await self.execute("qmp_capabilities")
        wanted = [{"capability": each, "state": True} for each in capabilities]
        await self.execute("migrate-set-capabilities", capabilities=wanted)

    async def migrated(self, timeout_s: float) -> None:
        """Return when the migration that was begun is through.

        Raises:
            QmpFailed: it failed, or took too long.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while (status := await self._migration.get()) != "completed":
                    if status in ("failed", "cancelled"):
                        raise QmpFailed(f"the snapshot's state: migration {status}")
        except TimeoutError:
            raise QmpFailed(f"the snapshot's state: nothing in {timeout_s:g} s") from None
