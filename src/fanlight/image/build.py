"""Building an image: what is there already is used, what is begun is whole or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import functools
import glob
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fanlight.errors import DiskFull, HostError, ImageDamaged, ImageMissing

from .commands import check_programs, run
from .image import IMAGES, Image, images, open_image, verify
from .initrd import make_initrd
from .layers import HOW, ToolTree, guest_inputs, make_erofs, make_guest_layer, make_tool_layer
from .lock import take
from .manifest import Manifest, Part, write_manifest
from .packages import MIRROR, Resolved, resolve, sources
from .parts import PARTS, digests_of, have_part
from .reading import Recipe, read_recipe
from .sbom import SBOM, sbom

Progress = Callable[[int, str], None]
"""Hears how far it is, in percent, and what is being done."""
NEEDED_BYTES = 4 << 30
"""What a build takes on the disk while it runs."""
FULL_BYTES = 16 << 20
"""With less than that free, a step that failed has failed for want of room."""
_SHARES = {"download": (10, 35), "install": (35, 60), "configur": (45, 60), "clean": (60, 62)}
"""mmdebstrap's stages, told by a word of what it says, and where they are in the whole."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an image is to be made of."""

    suite: str
    """Debian's: bookworm, trixie."""
    guest: Path
    """guest.pyz."""
    etc: Mapping[str, str]
    """A machine's own files of /etc."""
    tools: Sequence[ToolTree] = ()
    mirror: str = MIRROR


async def build(data: Path, wanted: Wanted, progress: Progress) -> Image:
    """Build the image, or give the one that is there already, verified; it is the newest then.

    As root, unless it is there, as a Debian system is installed. Cut off at any point it leaves
    what is whole, which the next build goes on with, and nothing else.

    Raises:
        PackageMissing: a program is not installed.
        DiskFull: there is no room.
        HostError: not root; or Debian's archive cannot be reached, or a step failed.
    """
    check_programs()
    (data / PARTS).mkdir(parents=True, exist_ok=True)
    async with _alone(data / PARTS, progress):
        recipe = await asyncio.to_thread(read_recipe)
        progress(1, "asking Debian's archive for versions")
        listed = sources(wanted.suite, wanted.mirror)
        resolved = await resolve(recipe.packages, listed)
        maker = _Maker(data, wanted, recipe, resolved, listed, progress)
        try:
            return await maker.make()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"{data} has no room left for the image") from None
            raise HostError(f"the image cannot be made: {error}") from None
        except HostError as error:
            if isinstance(error, DiskFull) or shutil.disk_usage(data).free >= FULL_BYTES:
                raise
            raise DiskFull(f"{data} has no room left for the image: {error}") from None


class _Maker:
    """One build."""

    def __init__(
        self,
        data: Path,
        wanted: Wanted,
        recipe: Recipe,
        resolved: Resolved,
        listed: str,
        progress: Progress,
    ) -> None:
        self._data, self._wanted, self._recipe = data, wanted, recipe
        self._resolved, self._listed, self._progress = resolved, listed, progress

    async def make(self) -> Image:
        base = self._base_inputs()
        guest = await asyncio.to_thread(guest_inputs, self._wanted.guest, self._wanted.etc)
        tools = self._wanted.tools
        name = _name_of((base, guest, *(each.inputs for each in tools)))
        if found := await asyncio.to_thread(self._found, name):
            self._progress(100, f"{name} is there already")
            return found
        await asyncio.to_thread(_check_may_build, self._data)
        await self._part(base, self._make_base)
        self._progress(90, "packing the guest")
        await self._part(guest, self._make_guest)
        for tool in tools:
            self._progress(92, f"packing {tool.name} {tool.version}")
            await self._part(tool.inputs, functools.partial(self._make_tool, tool))
        self._progress(95, "checking what was made")
        image = await asyncio.to_thread(self._put_together, name, base, guest)
        await asyncio.to_thread(verify, image)
        self._progress(100, f"{name} is ready")
        return image

    def _base_inputs(self) -> str:
        parts = (self._recipe.digest, self._resolved.digest, self._wanted.suite, HOW)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]

    def _found(self, name: str) -> Image | None:
        """Give the image if it is there and is what was built, as the newest from now on."""
        try:
            self._progress(2, f"looking whether {name} is there")
            image = open_image(self._data, name)
            verify(image)
        except ImageMissing:
            return None
        except ImageDamaged as error:
            self._progress(3, f"made anew: {error}")
            return None
        if images(self._data)[0].name != name:
            manifest = dataclasses.replace(image.manifest, chosen_at=time.time())
            write_manifest(image.directory, manifest)
            return Image(image.directory, manifest)
        return image

    async def _part(self, inputs: str, make: Callable[[Path], Awaitable[None]]) -> None:
        await have_part(self._data / PARTS / inputs, make)

    # --- the base ----------------------------------------------------------------------------

    async def _make_base(self, place: Path) -> None:
        root = place / "root"
        self._progress(8, f"fetching {len(self._resolved.files)} packages")
        await self._install(root)
        self._progress(62, "packing the kernel")
        (kernel,) = (root / "boot").glob("vmlinuz-*")
        shutil.copy(kernel, place / "vmlinuz")
        version = await make_initrd(
            root, self._recipe.modules, self._recipe.init, place / "archive", place / "initrd"
        )
        (place / "kernel-version").write_text(version)
        shutil.copy(root / "var/lib/dpkg/status", place / "status")
        await asyncio.to_thread(_remove, root, self._recipe.remove)
        self._progress(65, "packing the file system")
        await make_erofs(root, place / "base.erofs")
        await asyncio.to_thread(shutil.rmtree, root)

    async def _install(self, root: Path) -> None:
        def heard(line: str) -> None:
            for word, (start, _) in _SHARES.items():
                if line.startswith("I:") and word in line:
                    self._progress(start, line.removeprefix("I:").strip())

        words = ["mmdebstrap", "--variant=minbase", "--mode=root", "--format=directory"]
        words += [f"--include={','.join(self._recipe.packages)}"]
        words += [f"--dpkgopt=path-exclude={each}" for each in self._recipe.leave_out]
        words += ["--aptopt=Acquire::Retries 3", self._wanted.suite, str(root), "-"]
        await run(words, what="installing Debian", on_line=heard, given=self._listed)

    # --- what goes on top --------------------------------------------------------------------

    async def _make_guest(self, place: Path) -> None:
        target = place / "guest.erofs"
        await make_guest_layer(self._wanted.guest, self._wanted.etc, place, target)

    async def _make_tool(self, tool: ToolTree, place: Path) -> None:
        await make_tool_layer(tool, place, place / f"tool-{tool.name}.erofs")

    # --- together ----------------------------------------------------------------------------

    def _put_together(self, name: str, base: str, guest: str) -> Image:
        parts_place = self._data / PARTS
        wanted = [("kernel", base, "vmlinuz"), ("initrd", base, "initrd")]
        wanted += [("layer", base, "base.erofs"), ("layer", guest, "guest.erofs")]
        wanted += [("layer", t.inputs, f"tool-{t.name}.erofs") for t in self._wanted.tools]
        target = self._data / IMAGES / name
        unfinished = target.with_name(f"{name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o755)
        parts = []
        for role, inputs, file in wanted:
            path = unfinished / file
            os.link(parts_place / inputs / file, path)
            path.chmod(0o644)
            # As it was made, and not as it is now: what changed since is seen by `verify`.
            made = digests_of(parts_place / inputs)[file]
            parts.append(Part(role, file, inputs, made, path.stat().st_size))
        manifest = Manifest(
            name=name,
            made_at=time.time(),
            kernel_version=(parts_place / base / "kernel-version").read_text(),
            parts=tuple(parts),
            packages=installed_packages((parts_place / base / "status").read_text()),
            tools={each.name: each.version for each in self._wanted.tools},
        )
        (unfinished / SBOM).write_text(sbom(manifest, self._wanted.suite))
        write_manifest(unfinished, manifest)
        for path in (target.parent, unfinished):
            path.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)
        return Image(target, manifest)


def installed_packages(status: str) -> dict[str, str]:
    """Read dpkg's status: the installed packages and their versions."""
    found = {}
    for entry in status.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in entry.splitlines() if ": " in line and line[0] != " "
        )
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields["Version"]
    return found


def _name_of(inputs: tuple[str, ...]) -> str:
    return hashlib.sha256(" ".join(inputs).encode()).hexdigest()[:12]


def _remove(root: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for name in glob.glob(pattern.lstrip("/"), root_dir=root):
            path = root / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _check_may_build(data: Path) -> None:
    if os.geteuid() != 0:
        raise HostError(
            "only root can build an image: it is a Debian system being installed",
            hint="`sudo fanlight image build`, or copy DATA/images from where one was built.",
        )
    if shutil.disk_usage(data).free < NEEDED_BYTES:
        raise DiskFull(f"{data} has less than {NEEDED_BYTES >> 30} GB free for the build")


@contextlib.asynccontextmanager
async def _alone(place: Path, progress: Progress) -> AsyncIterator[None]:
    """Be the only build of this directory; wait for another's end."""
    with contextlib.ExitStack() as held:
        is_told = False
        while not take(place, held):
            if not is_told:
                progress(0, "waiting for another build of this directory")
                is_told = True
            await asyncio.sleep(0.2)
        yield
