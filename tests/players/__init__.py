"""Players that others wrote, and how they are run here: the packages as their READMEs use them.

`built_pages` makes their pages as anybody would (npm, Vite); `PlayerPages` serves them from an
origin of its own, so that CORS is really asked; `aiortc_player.py` is a program to be run.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE = ROOT / ".tools" / "bin" / "node"
NPM = ROOT / ".tools" / "bin" / "npm"
VITE = ROOT / "web" / "node_modules" / "vite" / "bin" / "vite.js"


def built_pages(target: Path) -> Path:
    """Install the players (their lock decides which) and build their pages into `target`."""
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run([NPM, "ci", *options], cwd=HERE, check=True)
    command = [str(NODE), str(VITE), "build", "--config", str(HERE / "vite.config.mjs")]
    subprocess.run(command, check=True, env=os.environ | {"PLAYERS_OUT": str(target)})
    return target


def versions() -> dict[str, str]:
    """Give the version of each package that was installed."""
    names = ("whip-whep", "@eyevinn/webrtc-player")
    manifests = {name: HERE / "node_modules" / name / "package.json" for name in names}
    return {name: json.loads(file.read_text())["version"] for name, file in manifests.items()}


@contextmanager
def serving_pages(pages: Path) -> Iterator[str]:
    """Serve the pages from an origin of their own; gives it."""
    handler = functools.partial(_Quiet, directory=str(pages))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript"}

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what matters is in the transcript."""
