"""Ctrl-C ends a login, also when a library below loses the first cancellation."""

from __future__ import annotations

import asyncio

import pytest

from fanlight.client.connect import ended_by_cancelling


async def test_what_loses_a_cancellation_is_cancelled_again() -> None:
    began, lost = asyncio.Event(), asyncio.Event()

    async def loses_one() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(ended_by_cancelling(loses_one()))
            await began.wait()
            waiting.cancel()

    assert lost.is_set()
    assert waiting.cancelled()


async def test_what_the_work_raises_is_raised() -> None:
    async def fails() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await ended_by_cancelling(fails())
