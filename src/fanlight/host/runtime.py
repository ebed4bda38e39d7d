"""What machines and the gateway run is copied to DATA, where every uid can read it.

The package may stand in a home directory that others cannot enter. Copies are named by their
content, so that what runs is never changed below it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fanlight.errors import DiskFull, HostError

from .layout import Layout

BUILT = Path(__file__).resolve().parent.parent / "built"
"""Where build_assets.py puts the zipapps; inside the wheel too."""

ETC = {
    "passwd": (
        "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
        "fanlight:x:1000:1000:Fanlight:/home/fanlight:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "group": "root:x:0:\nfanlight:x:1000:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost fanlight\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "hostname": "fanlight\n",
}
"""A machine's own /etc files. There is no resolver in it: the egress proxy resolves names."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where the copies are."""

    directory: Path

    @property
    def guest(self) -> Path:
        """What runs in a machine."""
        return self.directory / "guest.pyz"

    @property
    def gateway(self) -> Path:
        """The media gateway."""
        return self.directory / "gateway.pyz"

    @property
    def vmm(self) -> Path:
        """What runs beside a virtual machine."""
        return self.directory / "vmm.pyz"

    @property
    def etc(self) -> Path:
        """The files of `ETC`."""
        return self.directory / "etc"


def install_runtime(layout: Layout, built: Path = BUILT) -> Runtime:
    """Copy the zipapps to DATA/runtime/HASH unless they are there.

    Raises:
        HostError: they were not built.
        DiskFull: there is no room.
    """
    files = {name: built / name for name in ("guest.pyz", "gateway.pyz", "vmm.pyz")}
    digest = hashlib.sha256(repr(ETC).encode())
    for name, file in files.items():
        try:
            digest.update(name.encode() + hashlib.sha256(file.read_bytes()).digest())
        except OSError:
            raise HostError(f"{file} is missing", hint="Run `python build_assets.py`.") from None
    runtime = Runtime(layout.runtime / digest.hexdigest()[:16])
    if not runtime.directory.is_dir():
        try:
            _copy(files, runtime.directory)
        except OSError as error:
            kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else HostError
            raise kind(f"{layout.runtime} cannot be written: {error.strerror}") from None
    return runtime


def _copy(files: dict[str, Path], target: Path) -> None:
    part = Path(tempfile.mkdtemp(prefix="part-", dir=target.parent))
    try:
        for name, file in files.items():
            shutil.copyfile(file, part / name)
            (part / name).chmod(0o755)
        (part / "etc").mkdir()
        for name, text in ETC.items():
            (part / "etc" / name).write_text(text)
            (part / "etc" / name).chmod(0o644)
        (part / "etc").chmod(0o755)
        part.chmod(0o755)
        # Somebody else may have been first: theirs is the same.
        with contextlib.suppress(FileExistsError, OSError):
            part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
