"""What an image is made of, as its directory says it: manifest.json beside its files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from fanlight.errors import ImageDamaged

SCHEMA = 1
MANIFEST = "manifest.json"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an image."""

    role: str
    """kernel, initrd or layer."""
    file: str
    inputs: str
    """A digest of what it was made from: the same inputs, the same part."""
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of an image. Layers stand in the order in which they are put on one another."""

    name: str
    made_at: float
    """Seconds since the epoch."""
    kernel_version: str
    parts: tuple[Part, ...]
    packages: dict[str, str]
    """Debian packages and their versions."""
    tools: dict[str, str]
    """The tools in it, and their versions."""
    schema: int = SCHEMA
    chosen_at: float = 0.0
    """When it was last built again, without a change; 0: never."""

    @property
    def current_at(self) -> float:
        """By what the newest image is told: the one that was asked for last."""
        return max(self.made_at, self.chosen_at)

    def of(self, role: str) -> tuple[Part, ...]:
        """Give the parts of a role."""
        return tuple(each for each in self.parts if each.role == role)

    def to_json(self) -> str:
        """Write it, the same for the same content."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Put an image's manifest in its place, whole or not at all."""
    unfinished = directory / f"{MANIFEST}.part"
    unfinished.write_text(manifest.to_json())
    unfinished.replace(directory / MANIFEST)


def read_manifest(directory: Path) -> Manifest:
    """Read an image's manifest.

    Raises:
        ImageDamaged: it is not there, or none that we know.
    """
    try:
        fields = json.loads((directory / MANIFEST).read_text())
        if fields.get("schema") != SCHEMA:
            raise ImageDamaged(f"{directory.name} is of a form that is not known")
        fields["parts"] = tuple(Part(**each) for each in fields["parts"])
        return Manifest(**fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ImageDamaged(f"{directory.name} has no manifest that can be read: {error}") from None


def digest_of(path: Path) -> str:
    """Give a file's SHA-256, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
