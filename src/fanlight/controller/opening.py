"""The controller with the keeper and the provider it works with: `open_controller`."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from importlib.metadata import entry_points
from pathlib import Path

from fanlight import log
from fanlight.config import ServeSettings, is_loopback
from fanlight.errors import FanlightError, PackageMissing, SettingRejected
from fanlight.host import (
    EgressSettings,
    KeeperClient,
    KeeperSettings,
    Layout,
    TurnSettings,
    media_addresses,
)
from fanlight.machines import Provider
from fanlight.store import Store

from .controller import Controller
from .keeper_link import KeeperLink
from .preparing import prepare
from .settings import ControllerSettings
from .tokens import MachineTokens
from .tool_work import Tools
from .warming import pool_before

TURN_HEADROOM = 4
"""How much more than `bitrate_kbps` a relayed connection may carry, for key frames and repairs."""

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
        PackageMissing: `turn` is set, and coturn is not installed.
    """
    if settings.turn and await asyncio.to_thread(shutil.which, "turnserver") is None:
        raise PackageMissing(
            "there is no TURN server (coturn) on this host.",
            hint="`apt-get install coturn`, or `./dev up --turn`, or leave turn out.",
        )
    given = await asyncio.to_thread(ControllerSettings.serving, settings)
    make = await asyncio.to_thread(provider_named, settings.provider)
    data = settings.data.absolute()
    keeper = KeeperLink(keeper_settings(settings), on_event=_nothing, on_lost=_nothing)
    await keeper.open()
    try:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(keeper.run())
            provider = make(keeper.client, data)
            pool = pool_before(provider, given)
            controller = HostController(
                given,
                store=store,
                provider=pool or provider,
                gateway_socket=Layout(data).gateway_socket,
                tokens=await asyncio.to_thread(MachineTokens.of, data / "store"),
                tools=catalogue,
            )
            controller.keeper = keeper
            keeper.client.listen(controller.keeper_said)
            working = tasks.create_task(controller.run())
            # A controller that fails before it is ready ends the group, and this with it.
            await controller.ready.wait()
            if pool:
                await pool.adopt()
            filling = tasks.create_task(pool.run()) if pool else None
            preparing = tasks.create_task(prepare(provider, given))
            try:
                yield controller
            finally:
                with contextlib.suppress(TimeoutError):
                    await controller.settle()
                for each in (preparing, filling, working, reading):
                    if each:
                        each.cancel()
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
        turn=turn_settings(settings) if settings.turn else None,
    )


def turn_settings(settings: ServeSettings) -> TurnSettings:
    """Give what the TURN server is run with: where the gateway is, and who may come."""
    stands_on = media_addresses(settings.announce)
    # Loopback serves viewers on this host alone, and would open its own services to them.
    gateway = [a for a in stands_on if not is_loopback(a)] or stands_on
    is_private = is_loopback(settings.host) and not settings.public_url and not settings.announce
    return TurnSettings(
        port=settings.turn_port,
        tls_port=settings.turn_tls_port,
        realm=settings.turn_realm,
        gateway=tuple(gateway),
        announced=settings.announce,
        listen=("127.0.0.1",) if is_private else (),
        certificate=settings.tls_cert.absolute() if settings.tls_cert else None,
        key=settings.tls_key.absolute() if settings.tls_key else None,
        bytes_per_s=settings.bitrate_kbps * 1000 // 8 * TURN_HEADROOM,
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
