"""What a session has been through: stages for people, and when each thing happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fanlight.wire import BootStage

from .metrics import STAGE
from .view import StageView

STAGES: dict[str, str] = {
    "requested": "Machine requested",
    "machine": "Machine made",
    "display": "Display up",
    "desktop": "Desktop up",
    "media": "Picture flowing",
    "browser": "Browser up",
    "ready": "Ready",
}

LOGIN_STEPS: dict[str, str] = {
    "requested": "Starting the tool",
    "cli_started": "The tool is running",
    "page_open": "Opening the sign-in page",
    "waiting_for_you": "Waiting for you to sign in",
    "verified": "Waiting for you to confirm the account",
    "confirmed": "Sealing the credential",
    "sealed": "Ready to be fetched",
    "delivered": "Delivered",
    "rejected": "Rejected",
    "failed": "Failed",
}

_OF_GUEST: dict[BootStage, str] = {
    "agent": "machine",
    "display": "display",
    "desktop": "desktop",
    "media": "media",
    "browser": "browser",
}


@dataclass
class Story:
    """Stages and timeline of one session; times in milliseconds since the request."""

    created_at: float
    stages: dict[str, float] = field(default_factory=dict)
    timeline: dict[str, float] = field(default_factory=dict)
    percent: int = 0

    def since_ms(self, now: float) -> float:
        """Give the milliseconds from the request until `now`."""
        return round(max(0.0, now - self.created_at) * 1000, 1)

    def reach(self, stage: str, now: float) -> bool:
        """A stage is done. False: it was done before."""
        if stage in self.stages:
            return False
        at_ms = self.stages[stage] = self.since_ms(now)
        if stage == "ready":
            for missed in STAGES:
                self.stages.setdefault(missed, at_ms)
        self.percent = max(self.percent, 100 * len(self.stages) // len(STAGES))
        STAGE.labels(stage).observe(at_ms / 1000)
        self.note(stage, now)
        return True

    def reach_guest(self, stage: BootStage, now: float) -> bool:
        """A stage that the guest told of is done."""
        return self.reach(_OF_GUEST[stage], now)

    def note(self, what: str, now: float) -> None:
        """Write the first time of something into the timeline."""
        self.timeline.setdefault(what, self.since_ms(now))

    @property
    def step(self) -> str:
        """The last stage that is done, in the order in which people are shown them."""
        return next((STAGES[each] for each in reversed(STAGES) if each in self.stages), "")

    def view(self) -> tuple[StageView, ...]:
        """Give the stages as they are shown."""
        return tuple(
            StageView(name, text, name in self.stages, self.stages.get(name))
            for name, text in STAGES.items()
        )

    def recall(self, stages: Mapping[str, float], timeline: Mapping[str, float]) -> None:
        """Go on from what was written down before a restart."""
        self.stages = {name: stages[name] for name in STAGES if name in stages}
        self.timeline = dict(timeline)
        self.percent = 100 * len(self.stages) // len(STAGES)
