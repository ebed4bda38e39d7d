"""What a session has been through: stages for people, and when each thing happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fanlight.session.lifecycle import Pause
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
TOOL = "tool"
"""The stage that is shown only where a tool is installed at its first use."""
INSTALL_NEWS_S = 1.0
"""How often people are told how an install goes on."""

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

RESTING_STEPS: dict[Pause, str] = {
    "pausing": "Nobody looks: the desktop is being put to rest",
    "paused": "The desktop rests; it goes on when somebody looks",
    "resuming": "It goes on where it was left",
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
    installing: str = ""
    """What is being installed for its first use, with its version; stays when it is done."""
    fetched: int = 0
    _told_at: float = 0.0

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
        self._count()
        STAGE.labels(stage).observe(at_ms / 1000)
        self.note(stage, now)
        return True

    def reach_guest(self, stage: BootStage, now: float) -> bool:
        """A stage that the guest told of is done."""
        return self.reach(_OF_GUEST[stage], now)

    def install(self, title: str) -> None:
        """The tool is not here, and is being installed."""
        self.installing = title

    def install_goes_on(self, line: str, now: float) -> bool:
        """Hear a line of what installs it; True: time to tell people."""
        self.fetched += "fetch" in line
        if now - self._told_at < INSTALL_NEWS_S:
            return False
        self._told_at = now
        return True

    def installed(self, now: float) -> None:
        """The tool is here. Nothing, when it was all the time."""
        if self.installing:
            self.reach(TOOL, now)

    @property
    def is_installing(self) -> bool:
        """Whether the tool is being installed now."""
        return bool(self.installing) and TOOL not in self.stages

    @property
    def shown_stages(self) -> dict[str, str]:
        """The stages of this session with their texts."""
        if not self.installing:
            return STAGES
        text = self._install_text() if self.is_installing else "Tool installed"
        return {"requested": STAGES["requested"], TOOL: text, **STAGES}

    def _install_text(self) -> str:
        fetched = f": {self.fetched} packages fetched" if self.fetched else ""
        return f"Installing {self.installing} (first use){fetched}"

    def _count(self) -> None:
        now = 100 * len(self.stages) // len(self.shown_stages)
        self.percent = max(self.percent, now)

    def note(self, what: str, now: float) -> None:
        """Write the first time of something into the timeline."""
        self.timeline.setdefault(what, self.since_ms(now))

    @property
    def step(self) -> str:
        """What is going on: the install that is waited for, or the last stage that is done."""
        if self.is_installing and "ready" in self.stages:
            return self._install_text()
        return next((STAGES[each] for each in reversed(STAGES) if each in self.stages), "")

    def view(self) -> tuple[StageView, ...]:
        """Give the stages as they are shown."""
        return tuple(
            StageView(name, text, name in self.stages, self.stages.get(name))
            for name, text in self.shown_stages.items()
        )

    def recall(
        self, stages: Mapping[str, float], timeline: Mapping[str, float], installing: str = ""
    ) -> None:
        """Go on from what was written down before a restart."""
        self.installing = installing
        self.stages = {name: stages[name] for name in self.shown_stages if name in stages}
        self.timeline = dict(timeline)
        self._count()
