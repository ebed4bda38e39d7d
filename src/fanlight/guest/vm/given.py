"""What the host says of this machine before anything runs: words of the kernel's command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_COMMAND_LINE = Path("/proc/cmdline")
DISPLAY, HOME_MIB = "1280x720", 512


@dataclass(frozen=True, slots=True)
class Given:
    """How a machine is to be. What is not said has the default."""

    login: bool = True
    """Whether the browser is held to what a login needs."""
    display: str = DISPLAY
    pids: int = 0
    """Processes and threads of the user's at most. 0: as many as the kernel has."""
    home_mib: int = HOME_MIB

    def agent_words(self) -> tuple[str, ...]:
        """What of it the agent is told."""
        return "--login" if self.login else "--no-login", "--display", self.display


def parse_given(command_line: str) -> Given:
    """Read fanlight.login, .display, .pids and .home.

    Raises:
        ValueError: a number is none.
    """
    words = [each.partition("=")[::2] for each in command_line.split()]
    said = {name: value for name, value in words if name.startswith("fanlight.")}
    return Given(
        login=said.get("fanlight.login") != "0",
        display=said.get("fanlight.display", DISPLAY),
        pids=int(said.get("fanlight.pids", 0)),
        home_mib=int(said.get("fanlight.home", HOME_MIB)),
    )


def read_given() -> Given:
    """Read it from the kernel. /proc must be there.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    return parse_given(_COMMAND_LINE.read_text())
