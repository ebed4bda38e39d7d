"""Tools, fetched once for a machine and linked into each test server's data."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from fanlight.tools import Catalogue
from fanlight.wire import ToolSpec

PLACE = Path(f"/var/tmp/fanlight-test-tools-{os.geteuid()}")
"""Reachable by machines' uids, which a checkout may not be."""

T = TypeVar("T")


def in_thread(work: Coroutine[Any, Any, T]) -> T:
    """Run it on a loop of its own; Playwright's runs in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def install(names: Sequence[str]) -> None:
    """Fetch tools that are not there yet."""
    PLACE.mkdir(mode=0o755, exist_ok=True)
    catalogue = Catalogue(PLACE)
    for name in names:
        in_thread(catalogue.install(name, lambda line: None))


def link_into(data: Path) -> None:
    """Give a server every tool that is here, before it starts."""
    target = str(data / "tools")
    linked = subprocess.run(["cp", "-al", PLACE / "tools", target], stderr=subprocess.DEVNULL)
    if linked.returncode != 0:  # another file system
        subprocess.run(["rm", "-rf", target], check=True)
        subprocess.run(["cp", "-a", PLACE / "tools", target], check=True)


def spec(name: str) -> ToolSpec:
    """Give how a tool is run outside of any machine."""
    return Catalogue(PLACE).spec(name, inside=PurePosixPath(PLACE / "tools"))
