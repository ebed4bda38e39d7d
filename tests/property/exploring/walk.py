"""Walks through every world, breadth first, and counts the ways through them."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass

from .explorer import Explorer
from .worlds import Broken


@dataclass(frozen=True, slots=True)
class Explored:
    """How much there was."""

    worlds: int
    steps: int
    orders: int
    """Ways from the first world to one in which nothing more can happen."""
    resting: int
    """Worlds in which nothing more must happen."""
    seconds: float


def explore(explorer: Explorer) -> Explored:
    """Visit every world. Raises Broken, with the shortest way to the first that must not be."""
    started = time.monotonic()
    first = explorer.first()
    numbers = {first: 0}
    came: list[tuple[int, str]] = [(-1, "")]
    onward: list[list[int]] = []
    todo = deque([first])
    resting = 0
    while todo:
        world = todo.popleft()
        here = len(onward)
        onward.append([])
        must = False
        try:
            for word, fair, then in explorer.steps(world):
                must = must or fair
                number = numbers.setdefault(then, len(came))
                if number == len(came):
                    came.append((here, word))
                    todo.append(then)
                onward[here].append(number)
            if not must:
                resting += 1
                explorer.check_rest(world)
        except Broken as broken:
            raise Broken(broken.what, _path(came, here)) from None
    steps = sum(map(len, onward))
    seconds = time.monotonic() - started
    return Explored(len(numbers), steps, _orders(onward), resting, seconds)


def _path(came: list[tuple[int, str]], at: int) -> tuple[str, ...]:
    steps: list[str] = []
    while at > 0:
        at, word = came[at]
        steps.append(word)
    return tuple(reversed(steps))


def _orders(onward: list[list[int]]) -> int:
    """Count the paths from world 0 to the ends, by adding up in topological order."""
    entering = Counter(then for each in onward for then in each)
    ways = [0] * len(onward)
    ways[0] = 1
    ready = deque([0])
    seen = ends = 0
    while ready:
        here = ready.popleft()
        seen += 1
        ends += 0 if onward[here] else ways[here]
        for then in onward[here]:
            ways[then] += ways[here]
            entering[then] -= 1
            if not entering[then]:
                ready.append(then)
    if seen != len(onward):
        raise Broken("worlds go in a circle")
    return ends
