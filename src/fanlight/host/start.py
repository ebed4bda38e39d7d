"""How a controller comes to a keeper: the one that is there, or a new one that outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from fanlight.errors import KeeperUnavailable

from .layout import Layout
from .processes import readable
from .settings import KeeperSettings, descriptor_with, to_json

START_TIMEOUT_S = 20.0
TAIL_BYTES = 2000


async def ensure_keeper(settings: KeeperSettings) -> Path:
    """Give the socket of the directory's keeper, after starting one if there is none.

    A running keeper keeps the settings it was started with.

    Raises:
        KeeperUnavailable: it did not start; the message has its log's last lines.
        SettingRejected: the directory cannot be used.
    """
    layout = Layout(settings.data)
    await asyncio.to_thread(layout.prepare)
    if not await asyncio.to_thread(_answers, layout.keeper_socket):
        await _start(settings, layout)
    return layout.keeper_socket


async def _start(settings: KeeperSettings, layout: Layout) -> None:
    ready, ready_write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(ready, False)
    try:
        await asyncio.to_thread(_spawn_detached, settings, layout, ready_write)
        async with asyncio.timeout(START_TIMEOUT_S):
            await readable(ready)
        if os.read(ready, 16) == b"ready":
            return
    except TimeoutError:
        pass
    finally:
        os.close(ready)
    # Somebody else may have been first: then that keeper is ours too.
    if not await asyncio.to_thread(_answers_soon, layout.keeper_socket):
        raise KeeperUnavailable(
            "the keeper did not start: " + await asyncio.to_thread(_tail, layout.log),
            hint=f"Its log is {layout.log}.",
        )


def _spawn_detached(settings: KeeperSettings, layout: Layout, ready: int) -> None:
    """Start it in a session of its own, as nobody's child: the one in between ends at once."""
    source = Path(__file__).resolve().parents[2]
    given = descriptor_with(to_json(settings))
    program = (
        "import os, sys\n"
        "if os.fork(): os._exit(0)\n"
        "from fanlight.host.keeper import main\n"
        "sys.exit(main())\n"
    )
    try:
        with layout.log.open("ab") as log:
            subprocess.run(
                [
                    *(sys.executable, "-B", "-c", program),
                    *("--settings-fd", str(given), "--ready-fd", str(ready)),
                ],
                env=_environment(source),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(given, ready),
                start_new_session=True,
                cwd="/",
                check=True,
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise KeeperUnavailable(f"the keeper cannot be started: {error}") from None
    finally:
        os.close(given)
        os.close(ready)


def _environment(source: Path) -> dict[str, str]:
    """Only what a keeper needs: whatever else the controller was given stays with it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"PYTHONPATH": str(source), "PYTHONUNBUFFERED": "1"}


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
        probe.connect(str(path))
        return True
    return False


def _answers_soon(path: Path) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if _answers(path):
            return True
        time.sleep(0.02)
    return False


def _tail(path: Path) -> str:
    try:
        return path.read_bytes()[-TAIL_BYTES:].decode(errors="replace").strip()
    except OSError as error:
        return f"(no log: {error.strerror})"
