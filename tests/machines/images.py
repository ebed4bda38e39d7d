"""Images for tests: the golden one, and one whose machines do what a test tells them.

Both are kept between runs, in a place that machines' uids can reach: an image is named by what
went into it, and so is a snapshot, so that what is there is what would be made.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import asdict
from pathlib import Path

from fanlight.host.runtime import BUILT
from fanlight.image import Image, Manifest, Part, images, open_image

PLACE = Path(f"/var/tmp/fanlight-test-machines-{os.geteuid()}")
STAND_IN = Path(__file__).with_name("stand_in_guest.py")
MAIN = """import sys
if sys.argv[1:3] == ["--role", "vm"]:
    from fanlight.guest.agent import main
else:
    from stand_in_guest import main
sys.exit(main())
"""
KEPT_SNAPSHOTS = 4
TOOL = "wrangler"
"""What is signed in on a machine's desktop."""


def golden() -> Image:
    """Give the golden image; build it if what goes into it has changed. Takes minutes then."""
    PLACE.mkdir(mode=0o755, exist_ok=True)
    fanlight = str(Path(sys.executable).parent / "fanlight")
    words = ["image", "build", "--data", str(PLACE / "golden"), "--tool", TOOL]
    subprocess.run([fanlight, *words], check=True)
    return open_image(PLACE / "golden")


def with_stand_in(image: Image) -> Image:
    """Give an image of the same layers and one more: the stand-in for the agent."""
    data = PLACE / "stand-in"
    made_of = STAND_IN.read_bytes() + MAIN.encode() + (BUILT / "guest.pyz").read_bytes()
    name = f"stand-in-{hashlib.sha256(made_of + image.name.encode()).hexdigest()[:12]}"
    if all(each.name != name for each in images(data)):
        shutil.rmtree(data, ignore_errors=True)
        _make(data / "images" / name, name, image)
    return open_image(data)


def data_with(image: Image, data: Path) -> None:
    """Let a data directory have an image, and every snapshot that was ever made of it here."""
    snapshots = image.directory.parents[1] / "snapshots"
    snapshots.mkdir(mode=0o711, exist_ok=True)
    (data / "images").symlink_to(image.directory.parent)
    (data / "snapshots").symlink_to(snapshots)
    newest = sorted(snapshots.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
    for each in newest[KEPT_SNAPSHOTS:]:
        shutil.rmtree(each, ignore_errors=True)


def _make(directory: Path, name: str, image: Image) -> None:
    directory.mkdir(parents=True, mode=0o755)
    parts = list(image.manifest.parts)
    for part in parts:
        os.link(image.directory / part.file, directory / part.file)
    parts.append(_stand_in_layer(directory))
    fields = asdict(image.manifest) | {"name": name, "made_at": time.time(), "parts": parts}
    manifest = Manifest(**fields)
    (directory / "manifest.json").write_text(manifest.to_json())
    json.loads((directory / "manifest.json").read_text())


def _stand_in_layer(directory: Path) -> Part:
    """Make the layer: a guest.pyz whose process 1 is the real one, and whose agent is not."""
    tree, file = directory / "tree", directory / "stand-in.erofs"
    target = tree / "opt" / "fanlight"
    target.mkdir(parents=True)
    with (
        zipfile.ZipFile(BUILT / "guest.pyz") as real,
        zipfile.ZipFile(target / "guest.pyz", "w") as made,
    ):
        for each in real.namelist():
            if each != "__main__.py":
                made.writestr(each, real.read(each))
        made.writestr("stand_in_guest.py", STAND_IN.read_text())
        made.writestr("__main__.py", MAIN)
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755)
    subprocess.run(["mkfs.erofs", "-T0", "--quiet", file, tree], check=True)
    shutil.rmtree(tree)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Part("layer", file.name, digest, digest, file.stat().st_size)
