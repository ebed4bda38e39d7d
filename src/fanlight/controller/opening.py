"""The controller with the keeper and the provider it works with: `open_controller`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from importlib.metadata import entry_points
from pathlib import Path

from fanlight import log
from fanlight.config import ServeSettings
from fanlight.errors import FanlightError, SettingRejected
from fanlight.host import EgressSettings, KeeperClient, KeeperSettings, Layout
from fanlight.machines import Provider
from fanlight.store import Store

from .controller import Controller
from .keeper_link import KeeperLink
from .settings import ControllerSettings
from .tokens import MachineTokens
from .tool_work import Tools

_log = log.get("controller")


class HostController(Controller):
    """A controller that can end its keeper too. Made by `open_controller`."""

    keeper: KeeperLink

    async def end_everything(self) -> None:
        """End every session, then the keeper with all that is left."""
        with contextlib.suppress(TimeoutError):
            await self.end_all()
        try:
            await self.keeper.end()
        except FanlightError as error:
            _log.warning("the keeper was gone already", error=str(error))


@contextlib.asynccontextmanager
async def open_controller(
    settings: ServeSettings, store: Store, catalogue: Tools
) -> AsyncIterator[HostController]:
    """Have a keeper, adopt what is there, and drive sessions until the block is left.

    Leaving it ends nothing: machines and viewers go on until the keeper's grace is over, or
    another controller comes. `end_everything` ends all.

    Raises:
        KeeperUnavailable: there is no keeper, and none can be started.
        SettingRejected: the provider, or a file of the settings, is not there.
    """
    given = await asyncio.to_thread(ControllerSettings.serving, settings)
    make = await asyncio.to_thread(provider_named, settings.provider)
    data = settings.data.absolute()
    keeper = KeeperLink(keeper_settings(settings), on_event=_nothing, on_lost=_nothing)
    await keeper.open()
    try:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(keeper.run())
            controller = HostController(
                given,
                store=store,
                provider=make(keeper.client, data),
                gateway_socket=Layout(data).gateway_socket,
                tokens=await asyncio.to_thread(MachineTokens.of, data / "store"),
                tools=catalogue,
            )
            controller.keeper = keeper
            keeper.client.listen(controller.keeper_said)
            working = tasks.create_task(controller.run())
            # A controller that fails before it is ready ends the group, and this with it.
            await controller.ready.wait()
            try:
                yield controller
            finally:
                with contextlib.suppress(TimeoutError):
                    await controller.settle()
                working.cancel()
                reading.cancel()
    finally:
        await keeper.client.close()


def keeper_settings(settings: ServeSettings) -> KeeperSettings:
    """Give what a keeper is started with."""
    arguments: list[str] = []
    for address in settings.announce:
        arguments += ["--announce", address]
    for network in settings.viewer_networks:
        arguments += ["--viewer-network", network]
    if settings.udp_ports:
        arguments += ["--udp-ports", settings.udp_ports]
    return KeeperSettings(
        data=settings.data.absolute(),
        idle_s=settings.keeper_grace_s,
        gateway_arguments=tuple(arguments),
        egress=EgressSettings(
            upstream_proxy=settings.egress_upstream_proxy,
            # Announced addresses lead to this host through a NAT, which it cannot see itself.
            refused_networks=settings.announce,
        ),
    )


def provider_named(name: str) -> Callable[[KeeperClient, Path], Provider]:
    """Give what makes the provider that an entry point of `fanlight.providers` names.

    Raises:
        SettingRejected: there is none of that name.
    """
    found = entry_points(group="fanlight.providers", name=name)
    if not found:
        known = ", ".join(sorted(each.name for each in entry_points(group="fanlight.providers")))
        raise SettingRejected(f"there is no provider {name!r}", hint=f"There are: {known}.")
    make: Callable[[KeeperClient, Path], Provider] = next(iter(found)).load()
    return make


def _nothing(*_event: object) -> None:
    """Hear nothing: whoever wants to listens by itself."""
