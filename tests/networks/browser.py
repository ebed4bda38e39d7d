"""A real Chromium in a namespace: what it says and hears goes through the emulated network."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, Playwright

from .namespaces import Namespace

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",  # it runs as whoever runs the tests, which is root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
    # The certificates are a test's own; those of TURN servers are not the page's to accept.
    "--ignore-certificate-errors",
)


@contextlib.contextmanager
def chromium(
    playwright: Playwright, namespace: Namespace, arguments: Sequence[str] = ()
) -> Iterator[Browser]:
    """Give a browser whose processes all run in the namespace, started with further arguments.

    Playwright talks to it by a pipe, which namespaces of networks do not cut.
    """
    with tempfile.TemporaryDirectory(prefix="fl-chromium-") as made:
        start = Path(made) / "chromium"
        start.write_text(f'#!/bin/sh\nexec {shlex.join(namespace.within)} {CHROMIUM} "$@"\n')
        start.chmod(0o755)
        browser = playwright.chromium.launch(executable_path=start, args=[*ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            browser.close()
