"""What is built rather than written: the guest's and gateway's zipapps.

`./dev` runs this file as a program; hatch_build.py calls it when the wheel is built. Everything
goes to src/fanlight/built, which git ignores, as do the web assets that Vite builds.
"""

from __future__ import annotations

import importlib.util
import marshal
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
                    module, source = str(file.relative_to(SOURCE.parent)), file.read_bytes()
                    _add(archive, module, source)
                    _add(archive, f"{module}c", _compiled(module, source))
                _add(archive, "__main__.py", MAIN.format(room=entry).encode())
        part.chmod(0o755)
        part.replace(BUILT / f"{name}.pyz")


def _compiled(name: str, source: bytes) -> bytes:
    """Give what Python would compile at each start, as nothing can be kept beside a zipapp.

    Its source is not compared (PEP 552), and another version of Python passes over it.
    """
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    flags = (0b01).to_bytes(4, "little")
    return (
        importlib.util.MAGIC_NUMBER
        + flags
        + importlib.util.source_hash(source)
        + marshal.dumps(code)
    )


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)


if __name__ == "__main__":
    build_zipapps()
