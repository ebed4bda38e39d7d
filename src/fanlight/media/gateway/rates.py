"""What each layer of a session's picture is to be, from what its viewers' paths carry. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from fanlight.media.rtcp import Target

from .adaptation import REFERENCE_PIXELS, Adaptation
from .layers import LayerPlan

AGAIN_S = 1.0
"""Targets are said again after so long: they may get lost, or their reader may be a new one."""
WORTH_TELLING = 0.05
"""A bit rate that differs by less than this share is not worth telling."""

Id = TypeVar("Id", bound=Hashable)


class Rates(Generic[Id]):
    """Plans the layers; `targets` is what to tell the machine, when it is worth telling."""

    def __init__(self) -> None:
        self._plan: LayerPlan[Id] = LayerPlan()
        self._adaptations = _fresh()
        self._told: tuple[Target, ...] = ()
        self._told_at = float("-inf")

    def layer_of(self, viewer: Id) -> int:
        """The layer that a viewer is to get."""
        return self._plan.layer_of.get(viewer, 0)

    def told_kbps(self, layer: int) -> int:
        """What the machine was asked for a layer, in kbit/s; 0: nothing was."""
        return self._told[layer].kbps if layer < len(self._told) else 0

    def is_held_down(self, layer: int) -> bool:
        """Whether a layer has fewer frames, or is smaller, than it would be on a good path."""
        return self._adaptations[layer].step > layer

    def targets(
        self, paths: Mapping[Id, float], in_use: int, pixels: int, now: float
    ) -> tuple[Target, ...]:
        """Give what to tell the machine; empty: nothing new.

        Args:
            paths: kbit/s of each viewer's path; 0: not known yet.
            in_use: how many layers viewers are shown now: one is not ended under a viewer.
            pixels: of the display; 0: not known.
            now: seconds.
        """
        self._plan.plan(paths, now)
        kbps = self._plan.kbps
        if not kbps:  # who comes next has another path
            self._adaptations = _fresh()
            return ()
        if len(kbps) < in_use:
            kbps = (*kbps, kbps[0] / 2)
        targets = tuple(
            adaptation.target(rate, pixels or REFERENCE_PIXELS, now)
            for adaptation, rate in zip(self._adaptations, kbps, strict=False)
        )
        if now - self._told_at < AGAIN_S and not self._is_news(targets):
            return ()
        self._told, self._told_at = targets, now
        return targets

    def _is_news(self, targets: tuple[Target, ...]) -> bool:
        if len(targets) != len(self._told):
            return True
        return any(
            abs(new.kbps - old.kbps) > WORTH_TELLING * old.kbps
            or (new.frames_per_s, new.scale_percent) != (old.frames_per_s, old.scale_percent)
            for new, old in zip(targets, self._told, strict=True)
        )


def _fresh() -> tuple[Adaptation, Adaptation]:
    return Adaptation(), Adaptation(step=1)
