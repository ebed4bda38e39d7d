"""The archive that the kernel starts with: busybox, our script, and the modules it needs."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Mapping
from pathlib import Path

from fanlight.errors import HostError

from .commands import run

COMMANDS = ("sh", "mount", "umount", "insmod", "mkdir", "poweroff", "switch_root")
DIRECTORIES = ("bin", "modules", "proc", "sys", "dev", "root", "layers")


def load_order(wanted: tuple[str, ...], depends: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Give the modules' paths, each once and after what it depends on.

    Args:
        wanted: modules' names, `-` and `_` being the same.
        depends: modules.dep: each path, and the paths it needs, the nearest first.

    What the kernel has built in is in no list and needs no loading.
    """
    paths = {_name(path): path for path in depends}
    order: list[str] = []
    for name in wanted:
        path = paths.get(name.replace("-", "_"))
        if path is None:
            continue
        for each in (*reversed(depends[path]), path):
            if each not in order:
                order.append(each)
    return order


def read_depends(text: str) -> dict[str, tuple[str, ...]]:
    """Read modules.dep (depmod(8))."""
    found = {}
    for line in text.splitlines():
        path, _, needed = line.partition(":")
        found[path] = tuple(needed.split())
    return found


async def make_initrd(
    root: Path, modules: tuple[str, ...], init: str, place: Path, target: Path
) -> str:
    """Write the archive for the kernel in `root`; give the kernel's version.

    Args:
        root: a tree with /usr/lib/modules and /bin/busybox.
        place: an empty directory to make it in; it is gone afterwards.

    Raises:
        HostError: the tree has no kernel's modules, or not exactly one's.
    """
    versions = sorted((root / "usr/lib/modules").iterdir())
    if len(versions) != 1:
        raise HostError(f"{len(versions)} kernels' modules where there must be one")
    there = versions[0]
    for name in DIRECTORIES:
        (place / name).mkdir(parents=True)
    shutil.copy(root / "bin" / "busybox", place / "bin" / "busybox")
    for name in COMMANDS:
        (place / "bin" / name).symlink_to("busybox")
    order = load_order(modules, read_depends((there / "modules.dep").read_text()))
    for path in order:
        (place / "modules" / _file(path)).write_bytes(_plain(there / path))
    (place / "modules" / "order").write_text("".join(f"{_file(each)}\n" for each in order))
    (place / "init").write_text(init)
    (place / "init").chmod(0o755)
    await run(["sh", "-c", _ARCHIVE, "sh", str(place), str(target)], what="packing the initrd")
    shutil.rmtree(place)
    return there.name


_ARCHIVE = (
    'cd "$1" && find . -exec touch -h -d @0 {} + && find . | LC_ALL=C sort'
    ' | cpio --quiet --reproducible -o -H newc -R 0:0 | gzip -9n > "$2"'
)


def _name(path: str) -> str:
    return _file(path).removesuffix(".ko").replace("-", "_")


def _file(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".xz")


def _plain(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
