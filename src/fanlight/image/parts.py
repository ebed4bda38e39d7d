"""Parts of images, each in a directory that is named by what it was made from."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from .manifest import digest_of

PARTS = "image-parts"
"""In DATA. An image's files are hard links to parts, so that images share what is the same."""
DIGESTS = "sha256.json"


async def have_part(place: Path, make: Callable[[Path], Awaitable[None]]) -> None:
    """Have a part: the one that is there and is what was made, or one that is made now.

    Whole or not at all: it gets its name when all of it is there, with its files' digests.
    """
    if await asyncio.to_thread(is_as_made, place):
        return
    unfinished = place.with_name(f"{place.name}.part")
    for path in (unfinished, place):
        shutil.rmtree(path, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        await make(unfinished)
        await asyncio.to_thread(_write_digests, unfinished)
        unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def is_as_made(place: Path) -> bool:
    """Whether a part is there, and each of its files has the digest that was written down."""
    digests = digests_of(place)
    try:
        return bool(digests) and all(
            digest_of(place / name) == digest for name, digest in digests.items()
        )
    except OSError:
        return False


def digests_of(place: Path) -> dict[str, str]:
    """Give what a part's files were when it was made; nothing, if that cannot be read."""
    try:
        found = json.loads((place / DIGESTS).read_text())
    except (OSError, ValueError):
        return {}
    return dict(found) if isinstance(found, dict) else {}


def _write_digests(place: Path) -> None:
    files = sorted(each for each in place.iterdir() if each.is_file())
    said = {each.name: digest_of(each) for each in files}
    (place / DIGESTS).write_text(json.dumps(said, indent=1) + "\n")
