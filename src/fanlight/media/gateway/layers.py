"""Which viewer gets which layer, and what each layer may take: the slowest spoils nobody's. Pure.

A machine encodes one picture, for everybody. Only while a viewer's path carries much less than the
best one's, it encodes a second, smaller one, and who cannot take the first is put on that. It
never encodes more: a viewer with a path even slower is left frames out (`connection.py`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

SLOW_SHARE, FAST_SHARE = 0.5, 0.75
"""Under the first share of the best path a viewer is slow; over the second it is so no more."""
SLOW_AFTER_S, FAST_AFTER_S = 1.0, 5.0
ENOUGH_KBPS = 4000.0
"""A path that carries more is no better: it is what a machine's encoder is set to."""
LEAST_KBPS = 150.0
"""No layer is asked for less: with less there is no picture of a desktop."""

Id = TypeVar("Id", bound=Hashable)


@dataclass
class LayerPlan(Generic[Id]):
    """Call `plan` now and then; `layer_of` and `kbps` then say what holds."""

    layer_of: dict[Id, int] = field(default_factory=dict)
    kbps: tuple[float, ...] = ()
    """For each layer that is to be encoded; empty: nothing is known yet."""
    _since: dict[Id, float] = field(default_factory=dict)

    def plan(self, paths: Mapping[Id, float], now: float) -> None:
        """Judge the viewers' paths (kbit/s; 0: not known yet) at `now` (seconds)."""
        known = {id_: kbps for id_, kbps in paths.items() if kbps > 0}
        self._forget(paths)
        if not known:
            self.layer_of = dict.fromkeys(paths, 0)
            self.kbps = ()
            return
        best = min(max(known.values()), ENOUGH_KBPS)
        for id_ in paths:
            self._assign(id_, known.get(id_, best) / best, now)
        fast = [kbps for id_, kbps in known.items() if self.layer_of[id_] == 0]
        slow = [kbps for id_, kbps in known.items() if self.layer_of[id_] == 1]
        self.kbps = (_shared(fast), _shared(slow)) if slow else (_shared(fast),)

    def _forget(self, paths: Mapping[Id, float]) -> None:
        for kept in (self.layer_of, self._since):
            for id_ in [id_ for id_ in kept if id_ not in paths]:
                del kept[id_]

    def _assign(self, id_: Id, share: float, now: float) -> None:
        layer = self.layer_of.setdefault(id_, 0)
        is_other = share >= FAST_SHARE if layer else share < SLOW_SHARE
        if not is_other:
            self._since.pop(id_, None)
            return
        since = self._since.setdefault(id_, now)
        if now - since >= (FAST_AFTER_S if layer else SLOW_AFTER_S):
            self.layer_of[id_] = 1 - layer
            del self._since[id_]


def _shared(paths: list[float]) -> float:
    """What all of these take; one that takes less than half of the best does not count."""
    if not paths:
        return LEAST_KBPS
    best = max(paths)
    return max(LEAST_KBPS, min(kbps for kbps in paths if kbps >= SLOW_SHARE * best))
