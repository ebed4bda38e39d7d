"""Connections without a session: answered by the gateway, counted, and closed by themselves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fanlight.controller import preflight
from fanlight.errors import (
    ConnectionNotFound,
    GatewayUnavailable,
    LimitReached,
    OfferRejected,
)
from fanlight.store import OWNER
from fanlight.testing.gateway import ANSWER
from fanlight.wire import ConnectionRejected, OpenConnection, PrincipalId

if TYPE_CHECKING:
    from .conftest import Stage

EVE = PrincipalId("eve")


async def test_an_offer_is_answered_and_nothing_of_it_is_left_when_it_is_closed(
    stage: Stage,
) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        first, answer = await controller.preflight(OWNER, "v=0")
        second, _ = await controller.preflight(OWNER, "v=0")

        assert answer == ANSWER
        assert len(stage.gateway.sessions) == 1
        assert OWNER not in next(iter(stage.gateway.sessions))
        with pytest.raises(ConnectionNotFound):
            await controller.close_preflight(EVE, first)
        await controller.close_preflight(OWNER, first)
        await controller.close_preflight(OWNER, second)
        await stage.until(lambda: not stage.gateway.sessions)
        assert not stage.gateway.connections
        assert len(controller.preflights) == 0
        assert controller.drivers == {}


async def test_each_principal_may_try_so_much_at_once(stage: Stage) -> None:
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        for _ in range(preflight.MOST_OF_ONE):
            await controller.preflight(OWNER, "v=0")
        with pytest.raises(LimitReached):
            await controller.preflight(OWNER, "v=0")
        await controller.preflight(EVE, "v=0")
        assert len(stage.gateway.sessions) == 2


async def test_what_a_page_left_open_is_closed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "LIFE_S", 0.05)
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        await controller.preflight(OWNER, "v=0")
        await stage.until(lambda: not stage.gateway.sessions and not len(controller.preflights))


async def test_a_gateway_that_is_away_or_silent_is_an_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "ANSWER_S", 0.05)
    stage.gateway.answers = False
    async with stage.controlled() as controller:
        with pytest.raises(GatewayUnavailable):
            await controller.preflight(OWNER, "v=0")
        await controller.gateway.wait_there(5)
        with pytest.raises(GatewayUnavailable):
            await controller.preflight(OWNER, "v=0")
        assert len(controller.preflights) == 0


async def test_a_gateway_that_refuses_or_dies_meanwhile_is_an_error(stage: Stage) -> None:
    stage.gateway.answers = False
    async with stage.controlled() as controller:
        await controller.gateway.wait_there(5)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_refuse(stage))
            with pytest.raises(OfferRejected, match="no video"):
                await controller.preflight(OWNER, "v=0")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_die(stage))
            with pytest.raises(GatewayUnavailable):
                await controller.preflight(OWNER, "v=0")
        assert len(controller.preflights) == 0


async def _refuse(stage: Stage) -> None:
    await stage.until(lambda: stage.gateway.count(OpenConnection) == 1)
    asked = next(each for each in stage.gateway.heard if isinstance(each, OpenConnection))
    refusal = ConnectionRejected(asked.session, asked.connection, "offer-rejected", "no video")
    stage.gateway.say(refusal)


async def _die(stage: Stage) -> None:
    await stage.until(lambda: stage.gateway.count(OpenConnection) == 2)
    stage.gateway.die()
