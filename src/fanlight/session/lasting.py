"""How long a session lasts: the two ends that nobody asks for, announced before, and put off.

A session ends when its time is over (`limit`), and when nobody has looked at it for as long as it
is kept (`idle`). Times are seconds since the session's request.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fanlight.errors import LimitReached

from .lifecycle_words import (
    AbsoluteTimedOut,
    AnnounceEnd,
    Command,
    Ending,
    IdleLooms,
    IdleTimedOut,
    LifecycleSettings,
    LimitLooms,
    PauseDue,
)
from .rules import CancelTimer, SetTimer


@dataclass
class Lasting:
    """When a session is going to end if nothing happens. Gives the commands that make it so."""

    settings: LifecycleSettings
    granted_s: float = 0.0
    """How long the session may last, from its request."""
    idle_until_s: float | None = None
    """When it ends for want of viewers; None: somebody looks, or it is not ready."""
    looms: set[Ending] = field(default_factory=set)
    """The ends that were announced, and not put off since."""

    def __post_init__(self) -> None:
        """Begin with what every session is granted."""
        self.granted_s = self.granted_s or self.settings.session_timeout_s

    @property
    def ends_s(self) -> float:
        """When the session ends if nothing happens."""
        if self.idle_until_s is None:
            return self.granted_s
        return min(self.granted_s, self.idle_until_s)

    @property
    def looming(self) -> Ending | None:
        """The end that was announced; the one that viewers cannot put off goes first."""
        return "limit" if "limit" in self.looms else "idle" if "idle" in self.looms else None

    def limit(self, age_s: float) -> list[Command]:
        """Let the session end when its time is over."""
        self.looms.discard("limit")
        left_s = self.granted_s - age_s
        looms_s = left_s - self._lead_s(self.settings.session_timeout_s)
        return [
            SetTimer(max(0.0, left_s), AbsoluteTimedOut()),
            SetTimer(max(0.0, looms_s), LimitLooms()),
        ]

    def unwatched(self, age_s: float, until_s: float | None = None) -> list[Command]:
        """Nobody looks from now on; `until_s`: what a controller before let it be kept until.

        While no controller ran nobody could come back, so there is always the time of the
        announcement left.
        """
        self.looms.discard("idle")
        left_s, lead_s = self.settings.keep_s, self._lead_s(self.settings.keep_s)
        if until_s is not None:
            left_s = min(left_s, max(lead_s, until_s - age_s))
        self.idle_until_s = age_s + left_s
        idle: list[Command] = [
            SetTimer(left_s, IdleTimedOut()),
            SetTimer(left_s - lead_s, IdleLooms()),
        ]
        return [*idle, *self.pause_later()]

    def watched(self) -> list[Command]:
        """Somebody looks: the session does not end for want of viewers."""
        self.idle_until_s = None
        self.looms.discard("idle")
        pause: list[Command] = [CancelTimer(PauseDue())] if self.settings.pauses else []
        return [CancelTimer(IdleTimedOut()), CancelTimer(IdleLooms()), *pause]

    def pause_later(self) -> list[Command]:
        """Let the machine rest when nobody looks for a while from now on."""
        if not self.settings.pauses:
            return []
        return [SetTimer(self.settings.pause_after_s, PauseDue())]

    def extend(self, age_s: float) -> list[Command]:
        """Let the session last as if it were asked for now, within `max_session_s` in all.

        Raises:
            LimitReached: nothing can be won any more.
        """
        most_s, is_idle = self.settings.max_session_s, self.idle_until_s is not None
        if self.granted_s >= most_s and not (is_idle and "limit" not in self.looms):
            raise LimitReached(
                f"a session may last {most_s:g} seconds in all, and this one does already",
                hint="Start a new session when this one is over, or raise max_session_s.",
            )
        commands = self.unwatched(age_s) if is_idle else []
        wanted_s = min(age_s + self.settings.session_timeout_s, most_s)
        if wanted_s <= self.granted_s:
            return commands
        self.granted_s = wanted_s
        return [*self.limit(age_s), *commands]

    def announce(self, which: Ending) -> list[Command]:
        """One of the ends is near."""
        self.looms.add(which)
        return [AnnounceEnd(which)]

    def _lead_s(self, whole_s: float) -> float:
        """How long before the end it is announced; of a short time, half."""
        return min(self.settings.notice_s, whole_s / 2)
