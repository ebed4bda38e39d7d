"""Judging an opened bundle by our own catalogue, and putting its files in place.

Nothing is written before everything was judged, and a file that is replaced is kept beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyrage

from fanlight.errors import WireError
from fanlight.tools import Tool
from fanlight.wire import bundle

from .api import BundleRefused

KEPT_SUFFIX = ".before-fanlight"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the bundle must say of itself."""

    session: str
    account: str


def open_bundle(
    sealed: bytes, identity: pyrage.x25519.Identity, tool: Tool, expected: Expected
) -> bundle.Bundle:
    """Open a sealed bundle and judge it.

    Raises:
        BundleRefused: it is not for us, not of this session, tool and account, or holds what the
            catalogue does not let through.
    """
    try:
        text = pyrage.decrypt(sealed, [identity])
    except pyrage.DecryptError:
        raise BundleRefused("it was not sealed to the key made here") from None
    try:
        opened = bundle.decode(text)
        judge(opened, tool, expected)
    except WireError as error:
        raise BundleRefused(str(error)) from None
    return opened


def judge(opened: bundle.Bundle, tool: Tool, expected: Expected) -> None:
    """Check every claim and every file of a bundle.

    Raises:
        BundleRefused, WireError: something is not as the catalogue and the session say.
    """
    if opened.tool != tool.name:
        raise BundleRefused("it is for another tool")
    if opened.session != expected.session:
        raise BundleRefused("it is of another session")
    if not opened.nonce or opened.account != expected.account:
        raise BundleRefused("it is of another account than the one that was confirmed")
    allowed = {file.path: file for file in tool.credential}
    for file in opened.files:
        if file.path not in allowed:
            raise BundleRefused("it holds a file that this tool's credential does not have")
        if bundle.keep_allowed(allowed[file.path], file.content) != file.content:
            raise BundleRefused(f"{file.path} holds more than a credential")
    present = {file.path for file in opened.files}
    if missing := [
        file.path for file in tool.credential if file.required and file.path not in present
    ]:
        raise BundleRefused(f"it lacks {missing[0]}")


def put_in_place(opened: bundle.Bundle, tool: Tool, home: Path) -> list[Path]:
    """Write the files under `home`, mode 600; give the paths of older files that were kept.

    Everything is written beside its place first, so that a full disk changes nothing.

    Raises:
        BundleRefused: a file to merge into is not what it must be.
        OSError: the directory cannot be written.
    """
    staged: list[tuple[Path, Path]] = []
    try:
        for file in opened.files:
            place = home / file.path
            content = file.content
            if file.path in tool.merged:
                content = _merged(place, content)
            staged.append((_write_beside(home, place, content), place))
        return [kept for part, place in staged if (kept := _replace(part, place))]
    finally:
        for part, _ in staged:
            part.unlink(missing_ok=True)


def _write_beside(home: Path, place: Path, content: bytes) -> Path:
    missing = [p for p in place.parents if home in (p, *p.parents) and not p.exists()]
    for directory in reversed(missing):
        directory.mkdir(mode=0o700)
    descriptor, name = tempfile.mkstemp(prefix=".fanlight-", dir=place.parent)  # mode 600
    try:
        with open(descriptor, "wb") as part:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)


def _replace(part: Path, place: Path) -> Path | None:
    """Put `part` at `place`; give where the file that was there is kept now, if there was one."""
    kept = None
    if place.is_symlink() or place.exists():
        kept = _free_name(place)
        os.link(place, kept, follow_symlinks=False)
    part.replace(place)
    return kept


def _free_name(place: Path) -> Path:
    name = place.with_name(place.name + KEPT_SUFFIX)
    number = 2
    while name.is_symlink() or name.exists():
        name = place.with_name(f"{place.name}{KEPT_SUFFIX}-{number}")
        number += 1
    return name


def _merged(place: Path, content: bytes) -> bytes:
    """Give the JSON file that is at `place` with the credential's fields set in it."""
    fields = json.loads(content)
    with contextlib.suppress(FileNotFoundError):
        try:
            there = json.loads(place.read_bytes() or b"{}")
        except ValueError:
            there = None
        if not isinstance(there, dict):
            raise BundleRefused(
                f"{place} is there and is no JSON object to merge into",
                hint="Move that file away, then connect again.",
            )
        fields = there | fields
    return json.dumps(fields, indent=2).encode() + b"\n"
