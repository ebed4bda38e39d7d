"""What is built rather than written: zipapps and the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "src" / "fanlight" / "built"


@pytest.mark.parametrize("name", ["guest", "gateway", "vmm"])
def test_a_zipapp_runs_on_the_bare_system_python(name: str) -> None:
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-S", BUILT / f"{name}.pyz", "--help"],
        capture_output=True,
        text=True,
        env={},
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "--" in done.stdout


def test_building_a_zipapp_twice_gives_the_same_bytes() -> None:
    built = []
    for _ in range(2):
        subprocess.run([sys.executable, ROOT / "build_assets.py"], check=True)
        built.append({p.name: p.read_bytes() for p in BUILT.glob("*.pyz")})

    assert built[0] == built[1]


@pytest.mark.timeout(180)
def test_the_wheel_carries_the_page_and_the_zipapps(tmp_path: Path) -> None:
    subprocess.run(["uv", "build", "--wheel", "-q", "-o", tmp_path, ROOT], check=True)

    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert {f"fanlight/built/{name}.pyz" for name in ("guest", "gateway", "vmm")} <= set(names)
    assert "fanlight/built/web/index.html" in names
    assert any(n.startswith("fanlight/built/web/assets/") and n.endswith(".js") for n in names)
    assert any(n.startswith("fanlight/tools/") and n.endswith(".toml") for n in names)
