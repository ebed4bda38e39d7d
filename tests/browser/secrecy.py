"""Looks for what must be nowhere on the host: in files, output, process lists."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

from fanlight.testing.server import RunningServer

SHORTEST = 8
"""Characters of the middle of a base64 text by which it is still known."""


class Canaries:
    """Words that only the person, the machine and the provider may know."""

    def __init__(self, server: RunningServer, words: Iterable[str]) -> None:
        self._server = server
        self._forms: set[bytes] = set()
        self.add(words)

    def add(self, words: Iterable[str]) -> None:
        """Look for these as well, raw and encoded."""
        for word in words:
            self._forms |= set(_forms(word))

    def assert_nowhere(self) -> None:
        """Fail when one of them is in a file, the output, or the list of processes."""
        found = [place for place, text in self._places() if self._is_in(text)]
        assert not found, f"found in {found}"

    def _is_in(self, text: bytes) -> bool:
        return any(form in text for form in self._forms)

    def _places(self) -> Iterator[tuple[str, bytes]]:
        yield "output", "".join(self._server.output).encode()
        yield from _files(self._server.data)
        yield from _processes()


def _forms(word: str) -> Iterator[bytes]:
    raw = word.encode()
    yield raw
    yield raw.hex().encode()
    yield quote(word, safe="").encode()
    yield quote_plus(word).encode()
    for start in range(3):  # as it looks wherever it begins in a longer text
        middle = raw[start:]
        middle = middle[: len(middle) // 3 * 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            assert len(middle) >= SHORTEST
            yield encode(middle)


def _files(data: Path) -> Iterator[tuple[str, bytes]]:
    for root, directories, names in os.walk(data):
        if Path(root) == data:
            directories.remove("tools")
        for name in names:
            path = Path(root, name)
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes()


def _processes() -> Iterator[tuple[str, bytes]]:
    """Arguments and environments of all processes that are not in a machine."""
    ours = os.readlink("/proc/self/ns/pid")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        for what in ("cmdline", "environ"):
            try:
                if os.readlink(entry / "ns" / "pid") == ours:
                    yield f"{entry / what}", (entry / what).read_bytes()
            except OSError:
                continue  # it ended, or is another user's
