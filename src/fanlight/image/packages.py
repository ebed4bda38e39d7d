"""Which Debian packages, in which versions, an image would be made of now.

apt resolves them in a place of its own, as for an empty system, so that neither what is installed
on this host nor its sources change an image.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fanlight.errors import HostError

from .commands import run

MIRROR, SECURITY = "http://deb.debian.org/debian", "http://deb.debian.org/debian-security"
ESSENTIAL = ("?essential", "?priority(required)")
"""What mmdebstrap's variant `minbase` has besides."""
_URI = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+) (?P<bytes>\d+) (?P<digest>\S+)")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The packages, as apt would fetch them."""

    files: tuple[str, ...]
    """NAME_VERSION_ARCHITECTURE.deb, sorted."""
    bytes: int
    digest: str
    """Of all their content."""


def sources(suite: str, mirror: str = MIRROR) -> str:
    """Give sources.list for a Debian suite."""
    return (
        f"deb {mirror} {suite} main\n"
        f"deb {mirror} {suite}-updates main\n"
        f"deb {SECURITY} {suite}-security main\n"
    )


async def resolve(packages: tuple[str, ...], source_list: str) -> Resolved:
    """Ask apt what it would install. Downloads the archive's indexes: some ten megabytes.

    Raises:
        HostError: the archive cannot be reached, or has no such package.
    """
    with tempfile.TemporaryDirectory(prefix="fanlight-apt-") as place:
        options = _options(Path(place), source_list)
        await run(["apt-get", *options, "update"], what="looking at Debian's archive")
        wanted = (*ESSENTIAL, *packages)
        asked = ["apt-get", *options, "-qq", "-y", "--print-uris", "install", *wanted]
        return read_uris(await run(asked, what="choosing the packages"))


def read_uris(lines: list[str]) -> Resolved:
    """Read what `apt-get --print-uris` says.

    Raises:
        HostError: it names no package.
    """
    found = sorted(
        (match["file"], match["digest"], int(match["bytes"]))
        for match in map(_URI.match, lines)
        if match
    )
    if not found:
        raise HostError("apt would install nothing", hint="Is Debian's archive reached?")
    digest = hashlib.sha256("".join(f"{name} {sha}\n" for name, sha, _ in found).encode())
    total = sum(size for _, _, size in found)
    return Resolved(tuple(name for name, _, _ in found), total, digest.hexdigest())


def _options(place: Path, source_list: str) -> list[str]:
    for name in ("state/lists/partial", "cache/archives/partial", "parts"):
        (place / name).mkdir(parents=True)
    (place / "status").touch()
    (place / "sources.list").write_text(source_list)
    # apt drops its rights to fetch, and must get to its own directory then.
    for path in (place, *place.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    settings = {
        "Dir::State": place / "state",
        "Dir::State::status": place / "status",
        "Dir::Cache": place / "cache",
        "Dir::Etc::SourceList": place / "sources.list",
        "Dir::Etc::SourceParts": place / "parts",
        "APT::Install-Recommends": "0",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
