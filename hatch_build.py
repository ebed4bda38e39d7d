"""The build hook: a wheel carries the zipapps and the web assets, built on the spot."""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuiltAssets(BuildHookInterface):  # type: ignore[type-arg]
    """Builds src/fanlight/built, unless the install is editable (`./dev` builds it then)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        runpy.run_path(str(root / "build_assets.py"))["build_zipapps"]()
        if not (root / "src/fanlight/built/web/index.html").exists():
            for step in (["ci"], ["run", "build"]):
                subprocess.run(["npm", "--prefix", "web", *step], cwd=root, check=True)  # noqa: S607
