"""Talking to QEMU: here the other end is played; tests/machines has the real one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fanlight.vmm.qmp import MOST_LINE_BYTES, Qmp, QmpFailed

GREETING: dict[str, Any] = {"QMP": {"version": {}, "capabilities": []}}


class Played:
    """QEMU's end: hears lines, says lines."""

    def __init__(self, end: socket.socket) -> None:
        self.end, self._rest = end, b""
        self.descriptors: list[int] = []
        end.settimeout(5)

    def say(self, *words: dict[str, Any]) -> None:
        self.end.sendall(b"".join(json.dumps(each).encode() + b"\r\n" for each in words))

    async def hears(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            data, got, _, _ = await asyncio.to_thread(socket.recv_fds, self.end, 65_536, 4)
            self._rest += data
            self.descriptors += got
        line, self._rest = self._rest.split(b"\n", 1)
        return dict(json.loads(line))


@contextlib.asynccontextmanager
async def talking() -> AsyncIterator[tuple[Qmp, Played]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        qmp, played = Qmp(ours), Played(theirs)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(qmp.run())
            try:
                yield qmp, played
            finally:
                running.cancel()
        for each in played.descriptors:
            os.close(each)


async def test_it_gets_past_the_greeting_and_switches_capabilities_on() -> None:
    async with talking() as (qmp, played), asyncio.TaskGroup() as tasks:
        begun = tasks.create_task(qmp.begin("events", "x-ignore-shared"))
        played.say(GREETING)
        assert (await played.hears())["execute"] == "qmp_capabilities"
        played.say({"return": {}})
        wanted = await played.hears()
        played.say({"return": {}})
        await begun

    assert wanted["execute"] == "migrate-set-capabilities"
    assert [each["capability"] for each in wanted["arguments"]["capabilities"]] == [
        "events",
        "x-ignore-shared",
    ]


async def test_what_qemu_refuses_is_said_in_its_words() -> None:
    async with talking() as (qmp, played):
        played.say({"error": {"class": "GenericError", "desc": "no such thing"}})

        with pytest.raises(QmpFailed, match="cont: no such thing"):
            await qmp.execute("cont")


async def test_events_in_between_are_no_answers() -> None:
    async with talking() as (qmp, played):
        played.say({"event": "RESUME", "timestamp": {}}, {"return": {"running": True}})

        assert await qmp.execute("query-status") == {"running": True}


async def test_a_descriptor_goes_along_with_its_command() -> None:
    async with talking() as (qmp, played):
        read_end, write_end = os.pipe()
        played.say({"return": {}})

        await qmp.execute("getfd", fd=read_end, fdname="state")

        assert (await played.hears())["arguments"] == {"fdname": "state"}
        assert len(played.descriptors) == 1
        os.close(read_end)
        os.close(write_end)


async def test_a_migration_is_over_when_it_says_so() -> None:
    async with talking() as (qmp, played):
        for status in ("setup", "active", "completed"):
            played.say({"event": "MIGRATION", "data": {"status": status}})

        await qmp.migrated(5)


async def test_a_migration_that_fails_is_an_error() -> None:
    async with talking() as (qmp, played):
        played.say({"event": "MIGRATION", "data": {"status": "failed"}})

        with pytest.raises(QmpFailed, match="migration failed"):
            await qmp.migrated(5)


async def test_a_line_without_an_end_is_not_kept() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reading = asyncio.gather(Qmp(ours).run(), return_exceptions=True)
        await asyncio.to_thread(_pour, theirs, MOST_LINE_BYTES + 65_536)

        (outcome,) = await reading
    assert isinstance(outcome, QmpFailed)


def _pour(end: socket.socket, count: int) -> None:
    end.settimeout(5)
    with contextlib.suppress(OSError):
        end.sendall(b"x" * count)
