"""From Connect to the first picture: when each thing happened, for anybody who asks.

The machine's part is one list; each viewer's connection has one of its own. Times are
milliseconds since the session's request. Bounded: a session may have any number of viewers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fanlight.wire import ConnectionId

from .view import MarkView

Name = Literal["offer", "answer", "connected", "first_frame", "decoded", "failed"]

TEXTS: dict[Name, str] = {
    "offer": "A viewer asked for the picture",
    "answer": "The gateway answered it",
    "connected": "A way to the viewer was found",
    "first_frame": "The first picture was sent",
    "decoded": "The first picture was seen",
    "failed": "No picture came",
}
CONNECTIONS_MAX = 4
"""Viewers whose steps are kept: the first that had a picture, and the newest."""


@dataclass
class Way:
    """One connection's steps."""

    marks: dict[str, float] = field(default_factory=dict)
    rung: str = ""
    cause: str = ""

    def text(self, name: str) -> str:
        """Say what a step means."""
        words = TEXTS[name]  # type: ignore[index]
        detail = {"decoded": self.rung, "failed": self.cause}.get(name, "")
        return f"{words} ({detail})" if detail else words


class Timeline:
    """The steps of a session's connections."""

    def __init__(self, memo: Mapping[str, Any] | None = None) -> None:
        self.ways: dict[ConnectionId, Way] = {
            ConnectionId(id_): Way(**each) for id_, each in (memo or {}).items()
        }

    def mark(
        self, connection: ConnectionId, name: Name, at_ms: float, *, detail: str = ""
    ) -> bool:
        """Write down that a step is done; False: it was before, or nobody asked for a picture.

        Args:
            connection: whose step it is.
            name: the step.
            at_ms: since the session's request.
            detail: the rung of `decoded`, the code of `failed`.
        """
        if name == "offer" and connection not in self.ways:
            self.ways[connection] = Way()
            self._forget_old()
        way = self.ways.get(connection)
        if way is None or name in way.marks:
            return False
        way.marks[name] = round(at_ms, 1)
        if name == "decoded":
            way.rung = detail
        elif name == "failed":
            way.cause = detail
        return True

    def has(self, connection: ConnectionId, name: Name) -> bool:
        """Whether a step was done, as far as is known."""
        way = self.ways.get(connection)
        return way is not None and name in way.marks

    def view(self, machine: Mapping[str, float], texts: Mapping[str, str]) -> tuple[MarkView, ...]:
        """Give every step, the machine's with them, in the order of their times."""
        steps = [MarkView(name, texts.get(name, name), at) for name, at in machine.items()]
        for id_, way in self.ways.items():
            steps += [MarkView(n, way.text(n), at, id_) for n, at in way.marks.items()]
        return tuple(sorted(steps, key=lambda each: each.at_ms))

    def told(self, connection: ConnectionId, machine: Mapping[str, float]) -> dict[str, Any]:
        """Give one connection's way to its picture for the log: the steps, one after another,
        each with the milliseconds that it took, and the total.

        The machine's steps are among them, if they came while this viewer waited.
        """
        way = self.ways.get(connection)
        if way is None or "offer" not in way.marks:
            return {}
        begun = way.marks["offer"]
        is_first = next(iter(self.ways)) == connection
        waited = {n: at for n, at in machine.items() if is_first or at >= begun}
        steps = sorted({**waited, **way.marks}.items(), key=lambda step: step[1])
        before = 0.0 if is_first else begun
        total_ms = round(steps[-1][1] - before)
        words = []
        for name, at in steps:
            words.append(f"{name} +{at - before:.0f}")
            before = at
        return {"total_ms": total_ms, "steps": ", ".join(words)}

    def to_memo(self) -> dict[str, Any]:
        """Give what a later controller goes on with."""
        return {
            id_: {"marks": dict(way.marks), "rung": way.rung, "cause": way.cause}
            for id_, way in self.ways.items()
        }

    def _forget_old(self) -> None:
        shown = next((id_ for id_, way in self.ways.items() if "first_frame" in way.marks), None)
        spare = [id_ for id_ in self.ways if id_ != shown]
        for id_ in spare[: max(0, len(self.ways) - CONNECTIONS_MAX)]:
            del self.ways[id_]
