"""Images that are there: found, opened, verified, pruned."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from fanlight.errors import HostError, ImageDamaged, ImageMissing

from .lock import take
from .manifest import MANIFEST, Manifest, digest_of, read_manifest
from .parts import PARTS

IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Image:
    """An image in its directory."""

    directory: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """Its name, made of its content."""
        return self.manifest.name

    @property
    def kernel(self) -> Path:
        """The kernel."""
        return self.directory / self.manifest.of("kernel")[0].file

    @property
    def initrd(self) -> Path:
        """The archive that the kernel starts with."""
        return self.directory / self.manifest.of("initrd")[0].file

    @property
    def layers(self) -> tuple[Path, ...]:
        """The read-only disks, the base first."""
        return tuple(self.directory / each.file for each in self.manifest.of("layer"))


def images(data: Path) -> list[Image]:
    """Give the whole images of a data directory, the one that was last asked for first."""
    found = []
    for directory in (data / IMAGES).glob("*/"):
        try:
            found.append(Image(directory, read_manifest(directory)))
        except ImageDamaged:
            continue
    return sorted(found, key=lambda each: each.manifest.current_at, reverse=True)


def open_image(data: Path, name: str = "") -> Image:
    """Give the image of a name, or the newest.

    Raises:
        ImageMissing: there is none.
        ImageDamaged: a file of it is missing, or of another size.
    """
    for each in images(data):
        if not name or each.name == name:
            _check_files(each)
            return each
    raise ImageMissing(f"there is no image {name}" if name else "there is no image")


def verify(image: Image) -> None:
    """Read every file and compare it with the manifest. Takes seconds: some hundred megabytes.

    Raises:
        ImageDamaged: one is not what it was; its name is in the message.
    """
    _check_files(image)
    for part in image.manifest.parts:
        if digest_of(image.directory / part.file) != part.sha256:
            raise ImageDamaged(f"{image.name}: {part.file} is not what was built")


def prune(data: Path, keep: int) -> list[str]:
    """Remove all but the `keep` newest images, and whatever no image has; give their names.

    What is damaged goes too, and what builds that were cut off have left. A machine that runs
    keeps the files that it has open.

    Raises:
        HostError: a build of this directory is going on.
    """
    (data / PARTS).mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        if not take(data / PARTS, held):
            raise HostError(
                "an image is being built in this directory", hint="Prune when that is done."
            )
        whole = [each for each in images(data) if _is_whole(each)]
        names = [each.directory.name for each in whole]
        others = sorted({each.name for each in (data / IMAGES).glob("*/")} - set(names))
        gone = [*names[max(0, keep) :], *others]
        for name in gone:
            # The manifest first: half an image is none.
            (data / IMAGES / name / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(data / IMAGES / name)
        used = {part.inputs for image in images(data) for part in image.manifest.parts}
        for part in (data / PARTS).glob("*"):
            if part.name not in used:
                shutil.rmtree(part)
    return gone


def _is_whole(image: Image) -> bool:
    try:
        _check_files(image)
    except ImageDamaged:
        return False
    return True


def _check_files(image: Image) -> None:
    for part in image.manifest.parts:
        path = image.directory / part.file
        if not path.is_file() or path.stat().st_size != part.bytes:
            raise ImageDamaged(f"{image.name}: {part.file} is missing or cut off")
