"""The resolver's threads are everybody's: no machine takes more than its part."""

from __future__ import annotations

import asyncio
import threading

from fanlight.host.resolver import MOST_LOOKUPS, Lookups, resolve_name


class Stuck:
    """A resolver that does not answer before it is let go, as with a name server that is gone."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()
        self.begun = threading.Semaphore(0)

    def __call__(self, name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        self.asked.append(name)
        self.begun.release()
        self.let_go.wait()
        return [(0, 0, 0, "", ("192.0.2.1", 0))]


def answer(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
    return [(0, 0, 0, "", ("192.0.2.2", 0))]


async def give_up(names: int, lookups: Lookups, stuck: Stuck, held: int) -> None:
    """Ask for names; once so many are being looked up, wait for none of them any longer."""
    async with asyncio.TaskGroup() as tasks:
        asking = [
            tasks.create_task(resolve_name(f"n{number}.example", lookups, stuck))
            for number in range(names)
        ]
        for _ in range(held):
            assert await asyncio.to_thread(stuck.begun.acquire, timeout=30)
        for each in asking:
            each.cancel()


async def test_a_machine_whose_names_hang_holds_its_part_and_no_more() -> None:
    stuck, lookups = Stuck(), Lookups()
    try:
        await give_up(40, lookups, stuck, MOST_LOOKUPS)
        # Nobody waits any longer; the threads are held all the same.
        assert len(stuck.asked) == MOST_LOOKUPS

        async with asyncio.timeout(30):
            found = await resolve_name("other.example", Lookups(), answer)
        assert [str(each) for each in found] == ["192.0.2.2"]
    finally:
        stuck.let_go.set()


async def test_a_turn_comes_back_when_the_resolver_is_done() -> None:
    stuck, lookups = Stuck(), Lookups(most=1)
    try:
        await give_up(1, lookups, stuck, 1)
    finally:
        stuck.let_go.set()
    async with asyncio.timeout(30):
        assert await resolve_name("next.example", lookups, answer)
