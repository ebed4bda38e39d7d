"""GStreamer as the gateway uses it: imported and started once, with a sentence if it lacks a part.

`post` is the one way from GStreamer's threads to the main loop's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstApp, GstSdp, GstWebRTC  # noqa: E402

from fanlight.errors import PackageMissing  # noqa: E402

__all__ = ["GLib", "Gst", "GstApp", "GstSdp", "GstWebRTC", "post", "start"]

_ELEMENTS = {
    "webrtcbin": "gstreamer1.0-plugins-bad",
    "dtlssrtpenc": "gstreamer1.0-plugins-bad",
    "nicesink": "gstreamer1.0-nice",
    "rtpbin": "gstreamer1.0-plugins-good",
    "appsrc": "gstreamer1.0-plugins-base",
}


def start() -> None:
    """Start GStreamer.

    Raises:
        PackageMissing: one of the elements that viewers need is not installed.
    """
    Gst.init(None)
    for element, package in _ELEMENTS.items():
        if Gst.ElementFactory.find(element) is None:
            raise PackageMissing(f"GStreamer has no {element}", hint=f"apt-get install {package}")


def post(call: Callable[..., None], *args: Any) -> None:
    """Have `call(*args)` run on the main loop's thread, soon and in order."""

    def run() -> bool:
        call(*args)
        return False

    GLib.idle_add(run, priority=GLib.PRIORITY_DEFAULT)
