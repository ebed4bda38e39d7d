"""What is built rather than written: the guest's and gateway's zipapps.

`./dev` runs this file as a program; hatch_build.py calls it when the wheel is built. Everything
goes to src/fanlight/built, which git ignores, as do the web assets that Vite builds.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

ROOT = Path(__file__).parent
SOURCE = ROOT / "src" / "fanlight"
BUILT = SOURCE / "built"
SHARED_ROOMS = ("errors", "wire", "relay", "session", "media", "guest", "vmm")
MAIN = """import sys
sys.path.append("/usr/lib/python3/dist-packages")  # python3-gi; -I -S leaves it out
from fanlight.{room} import main
sys.exit(main())
"""


def build_zipapps() -> None:
    """Write guest.pyz, gateway.pyz and vmm.pyz, byte for byte the same for the same sources."""
    BUILT.mkdir(exist_ok=True)
    for name, entry in (("guest", "guest.agent"), ("gateway", "media.gateway"), ("vmm", "vmm")):
        files = [SOURCE / "__init__.py"]
        for room in SHARED_ROOMS:
            files += sorted((SOURCE / room).rglob("*.py"))
        part = BUILT / f"{name}.pyz.part"
        with part.open("wb") as out:
            out.write(b"#!/usr/bin/python3 -IS\n")
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                for file in files:
                    _add(
                        archive,
                        str(Path("fanlight") / file.relative_to(SOURCE)),
                        file.read_bytes(),
                    )
                _add(archive, "__main__.py", MAIN.format(room=entry).encode())
        part.chmod(0o755)
        part.replace(BUILT / f"{name}.pyz")


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)


if __name__ == "__main__":
    build_zipapps()
