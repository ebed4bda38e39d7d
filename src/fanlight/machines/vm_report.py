"""What virtual machines need of this host, for `fanlight doctor`: tried, not guessed.

What virtual machines share with sandboxes (bubblewrap, namespaces, limits) is in `report`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from fanlight.errors import ImageDamaged, ImageMissing
from fanlight.host import Finding
from fanlight.image import open_image

from .accel import QEMU, probe

TUN = Path("/dev/net/tun")
TIMEOUT_S = 10.0
MAKE_TAP = """
import fcntl, os, struct
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", b"tap0", 0x5002))
"""
"""TUNSETIFF with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, as the machine's own first step does."""


def vm_report(data: Path) -> list[Finding]:
    """Try what a virtual machine needs. Leaves nothing. Blocks up to 30 s: use a thread."""
    qemu = _qemu()
    processors = [_processors()] if qemu.level == "good" else []
    return [qemu, _tap(), *processors, _image(data)]


def _qemu() -> Finding:
    try:
        version = subprocess.run(
            [QEMU, "--version"], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        remedy = "apt-get install qemu-system-x86"
        return Finding("qemu", "bad", "not installed", remedy, "package-missing")
    return Finding("qemu", "good", version.splitlines()[0])


def _tap() -> Finding:
    if not TUN.exists():
        remedy = "Load the module: modprobe tun."
        return Finding("tap", "bad", f"there is no {TUN}", remedy, "vm-unfit")
    if not os.access(TUN, os.R_OK | os.W_OK):
        remedy = f"Allow it, as most systems do: chmod 666 {TUN}."
        return Finding("tap", "bad", f"you may not use {TUN}", remedy, "vm-unfit")
    if shutil.which("bwrap") is None:
        remedy = "apt-get install bubblewrap"
        return Finding("tap", "bad", "bubblewrap is not installed", remedy, "package-missing")
    if complaint := _make_tap():
        remedy = "Load the module (modprobe tun), and allow user namespaces."
        text = f"a tap cannot be made in a namespace: {complaint}"
        return Finding("tap", "bad", text, remedy, "vm-unfit")
    return Finding("tap", "good", "a tap can be made in a namespace of its own")


def _make_tap() -> str:
    """Make one as a machine does; give what was wrong, if anything."""
    argv = [
        *("bwrap", "--die-with-parent", "--unshare-user", "--unshare-net"),
        *("--uid", "1000", "--gid", "1000", "--cap-drop", "ALL", "--cap-add", "CAP_NET_ADMIN"),
        *("--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib"),
        *("--symlink", "usr/lib64", "/lib64"),
        *("--dev-bind", str(TUN), str(TUN)),
        *("--", "/usr/bin/python3", "-I", "-S", "-c", MAKE_TAP),
    ]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines or ["no reason given"])[-1][-200:]


def _processors() -> Finding:
    found = probe()
    if found.name == "kvm":
        return Finding("processors", "good", found.why)
    text = f"emulated (TCG), which is several times slower: {found.why}"
    remedy = "Serve from a host with KVM, or go on: everything works, only slower."
    return Finding("processors", "note", text, remedy, "vm-emulated")


def _image(data: Path) -> Finding:
    try:
        image = open_image(data)
    except (ImageMissing, ImageDamaged) as error:
        return Finding("image", "bad", str(error), error.hint, "image-missing")
    return Finding("image", "good", f"{image.name}, {len(image.layers)} layers")
