"""What a machine is told when it starts: the only reader of the agent's argument list."""

from __future__ import annotations

import argparse
import signal
from dataclasses import dataclass
from pathlib import Path

from fanlight.wire.places import PLACES

RENEW = signal.SIGUSR1
"""Process 1 to the agent: you are a machine of your own from now on."""
RENEWED = "renewed"
"""The agent's answer, among the stages: nothing runs any more that drew secrets before that."""


@dataclass(frozen=True, slots=True)
class Options:
    """The agent's settings. Nothing secret: arguments can be read by everybody."""

    boot_fd: int = -1
    """Where a sandbox hands its descriptors over."""
    control_fd: int = -1
    """A virtual machine's end of the control socket: process 1 has the other."""
    stages_fd: int = -1
    """Where the names of stages are written, a line each."""
    run_dir: Path = Path("/run/fanlight")
    width_px: int = 1280
    height_px: int = 720
    capture: str = "damage"
    restricted: bool = True
    """Whether the browser is held to what a login needs: no downloads, files or tools."""
    place: str = "sandbox"
    """One of `wire.places.PLACES`."""


def parse(arguments: list[str]) -> Options:
    """Read the argument list; a mistake ends the process with a message, as argparse does."""
    parser = argparse.ArgumentParser(prog="guest.pyz")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--boot-fd", type=int, default=-1)
    how.add_argument("--control-fd", type=int, default=-1)
    parser.add_argument("--stages-fd", type=int, default=-1)
    parser.add_argument("--run-dir", type=Path, default=Path("/run/fanlight"))
    parser.add_argument("--display", type=_size, default=(1280, 720), metavar="WxH")
    parser.add_argument("--capture", choices=("damage", "polling"), default="damage")
    parser.add_argument("--place", choices=PLACES, default="sandbox")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--login", dest="restricted", action="store_true", default=True)
    mode.add_argument("--no-login", dest="restricted", action="store_false")
    found = parser.parse_args(arguments)
    width_px, height_px = found.display
    return Options(
        found.boot_fd,
        found.control_fd,
        found.stages_fd,
        found.run_dir,
        width_px,
        height_px,
        found.capture,
        found.restricted,
        found.place,
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    size = int(width), int(height)
    if not all(100 <= side <= 7680 for side in size):
        raise argparse.ArgumentTypeError("from 100x100 to 7680x7680")
    return size
