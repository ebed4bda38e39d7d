"""A Debian of a few files: programs in place of `apt-get` and `mmdebstrap`, and what they make.

Everything else of a build is the real thing, mkfs.erofs, cpio and the namespaces among it.
"""

from __future__ import annotations

from pathlib import Path

from fanlight.image import ToolTree, Wanted

APT_GET = """#!/bin/sh
echo "'http://x/age.deb' age_1_amd64.deb 10 SHA256:$(cat "{place}/version")"
"""
MMDEBSTRAP = """#!/bin/sh
echo called >> "{place}/calls"
for last; do root="$before"; before="$last"; done
mkdir -p "$root/boot" "$root/usr/lib/modules/6.1" "$root/bin" "$root/var/lib/dpkg"
echo kernel > "$root/boot/vmlinuz-6.1"
echo busybox > "$root/bin/busybox"
date -u +%s > "$root/day"
echo "$SOURCE_DATE_EPOCH" > "$root/epoch"
: > "$root/usr/lib/modules/6.1/modules.dep"
printf 'Package: age\\nStatus: install ok installed\\nVersion: 1\\n\\n' > "$root/status"
mv "$root/status" "$root/var/lib/dpkg/status"
if [ -e "{place}/hang" ]; then sleep 100000 & echo "I: installing for ever"; wait; fi
if [ -e "{place}/fill" ]; then cat /dev/zero > "$root/zeros"; fi
"""


class StandIn:
    """Programs in a directory, to be put in front in PATH."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        for name, text in (("apt-get", APT_GET), ("mmdebstrap", MMDEBSTRAP)):
            (place / name).write_text(text.format(place=place))
            (place / name).chmod(0o755)
        (place / "guest.pyz").write_bytes(b"the guest")
        self.release("1")

    def release(self, version: str) -> None:
        """Have the archive offer another version."""
        (self.place / "version").write_text(version)

    @property
    def calls(self) -> int:
        """How often Debian was installed."""
        path = self.place / "calls"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def wanted(self, *tools: str) -> Wanted:
        """What an image of it is made of."""
        trees = []
        for name in tools:
            tree = self.place / "tools" / name
            tree.mkdir(parents=True, exist_ok=True)
            (tree / "program").write_text(f"#!/bin/sh\necho {name}\n")
            trees.append(ToolTree(name, "1.0", tree))
        return Wanted("bookworm", self.place / "guest.pyz", {"hosts": "127.0.0.1 me\n"}, trees)
