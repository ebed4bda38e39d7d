"""Who may use this server: sign-in links, principals, API keys; and whose sessions there are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from fanlight.errors import CallerError
from fanlight.store import OWNER, Store
from fanlight.wire import PrincipalId

from .console import say, show_table, warn
from .options import ConfigOption, DataOption, PrincipalOption, settings_of
from .serving import address_of

T = TypeVar("T")
OWN_KERNELS = frozenset({"qemu"})
"""Providers whose machines have kernels of their own."""

keys = typer.Typer(help="Make, list and revoke API keys for programs.", no_args_is_help=True)
principals = typer.Typer(help="Add and list the people who may sign in.", no_args_is_help=True)


def link(
    principal: PrincipalOption = OWNER, data: DataOption = None, config: ConfigOption = None
) -> None:
    """Print a sign-in link: good for ten minutes, once.

    Example: `fanlight link --principal ada`
    """
    settings = settings_of(data, config)

    async def make(store: Store) -> str:
        await _known(store, principal)
        return await store.new_link(PrincipalId(principal), time.time())

    token = _with_store(settings.data, make)
    say("", text=f"{address_of(settings)}/signin#token={token}")


@keys.command("create")
def create_key(
    label: Annotated[str, typer.Argument(help="What the key is for, so that you know it later.")],
    principal: PrincipalOption = OWNER,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Make an API key and print it, this once: only its hash is kept.

    Example: `fanlight key create "build server" >~/.fanlight-key`
    """

    async def make(store: Store) -> str:
        await _known(store, principal)
        _, key = await store.new_key(PrincipalId(principal), label, time.time())
        return key

    say(_with_store(settings_of(data, config).data, make))
    warn("Keep it well: it is not shown again. `fanlight key revoke` ends it.")


@keys.command("list")
def list_keys(
    principal: PrincipalOption = OWNER, data: DataOption = None, config: ConfigOption = None
) -> None:
    """Show the API keys of a principal, not the keys themselves."""

    async def read(store: Store) -> list[tuple[str, str, str]]:
        found = await store.keys(PrincipalId(principal))
        return [(key.id, key.label, _day(key.created_at)) for key in found]

    show_table(("id", "for", "made"), _with_store(settings_of(data, config).data, read))


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key's id, as `fanlight key list` has it.")],
    principal: PrincipalOption = OWNER,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """End an API key at once.

    Example: `fanlight key revoke k_3f9a`
    """

    async def delete(store: Store) -> bool:
        return await store.delete_key(PrincipalId(principal), key)

    if not _with_store(settings_of(data, config).data, delete):
        raise CallerError(f"{principal} has no key {key}.", hint="`fanlight key list` shows them.")
    say("Revoked.")


@principals.command("add")
def add_principal(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A short name, such as ada.")],
    name: Annotated[str, typer.Option(help="The person's name, for the page.")] = "",
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Let another person sign in. Needs `shared_kernel` where machines share this host's kernel.

    Example: `fanlight principal add ada --name "Ada Lovelace"`, and then
    `fanlight link --principal ada`
    """
    settings = settings_of(data, config)
    # What is not known to have kernels of their own is taken to share the host's.
    may_share = settings.shared_kernel or settings.provider in OWN_KERNELS

    async def add(store: Store) -> None:
        await store.add_principal(
            PrincipalId(id_), name or id_, now=time.time(), shared_kernel=may_share
        )

    _with_store(settings.data, add)
    say(f"Added. `fanlight link --principal {id_}` prints a sign-in link.")


@principals.command("list")
def list_principals(data: DataOption = None, config: ConfigOption = None) -> None:
    """Show who may sign in."""

    async def read(store: Store) -> list[tuple[str, str]]:
        return [(each.id, each.name) for each in await store.principals()]

    show_table(("id", "name"), _with_store(settings_of(data, config).data, read))


def sessions(data: DataOption = None, config: ConfigOption = None) -> None:
    """Show the sessions that are not over, of everybody.

    Example: `fanlight sessions`, then `fanlight doctor ID` to look at one
    """

    async def read(store: Store) -> list[tuple[str, str, str, str, str]]:
        return [
            (each.id, each.owner, each.tool or "desktop", each.status, _day(each.created_at))
            for each in await store.unended_sessions()
        ]

    rows = _with_store(settings_of(data, config).data, read)
    show_table(("session", "owner", "for", "status", "since"), rows)


async def _known(store: Store, principal: str) -> None:
    if await store.principal(PrincipalId(principal)) is None:
        raise CallerError(
            f"there is no principal {principal}.",
            hint="`fanlight principal list` shows them; `fanlight principal add` adds one.",
        )


def _with_store(data: Path, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await Store.open(data / "store", now=time.time()) as store:
            return await work(store)

    return asyncio.run(run())


def _day(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_s))
