"""Pixels in, RTP out: a GStreamer pipeline, driven through ctypes.

ctypes rather than PyGObject because it is a quarter of a second faster to start, and only the
plug-ins named here are loaded, because a machine has no registry of them yet: looking at all of
Debian's takes seconds.

The settings are measured ones. RTP goes from port 5006 (the second layer's: 5008) to the
host's 5004 (`wire/places.py`). No picture waits: the display is read when the encoder is ready
for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import sysconfig
import time
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fanlight.wire.places import GUEST_RTP_PORTS, RTP_PORT, SANDBOX, Place

"""Of the layers."""
_NONE = c_uint64(0xFFFFFFFFFFFFFFFF)
_PLAYING, _NULL = 4, 1
_MESSAGE_ERROR = 1 << 1
_STUCK_S = 0.5
"""An encoder that has not asked for a picture for so long gets one unasked."""
_ENCODER_PLUGINS = {"vp8": "vpx", "h264": "x264"}
_PLUGINS = ("coreelements", "app", "videoconvertscale", "rtp", "udp")

_ENCODERS = {
    "vp8": (
        "vp8enc name=encoder deadline=1 cpu-used=-12 threads=1 lag-in-frames=0 end-usage=cbr"
        " target-bitrate={bits_per_s} buffer-size=300 buffer-initial-size=200"
        " buffer-optimal-size=250 undershoot=95 min-quantizer=4 max-quantizer=50"
        " keyframe-max-dist=100000 error-resilient=default static-threshold=100"
        " max-intra-bitrate=400"
        " ! rtpvp8pay pt={payload_type} ssrc={ssrc} mtu=1200 picture-id-mode=15-bit"
    ),
    "h264": (
        "x264enc name=encoder tune=zerolatency speed-preset=ultrafast bitrate={kbits_per_s}"
        " key-int-max=100000 bframes=0 threads=1 sliced-threads=true vbv-buf-capacity=120"
        " ! video/x-h264,profile=constrained-baseline,stream-format=byte-stream"
        " ! rtph264pay pt={payload_type} ssrc={ssrc} mtu=1200"
        " config-interval=-1 aggregate-mode=zero-latency"
    ),
}

_BOUND_VP8 = {"max-quantizer": (50, 63), "cpu-used": (-12, -4)}
"""VP8's properties: as long as the path carries more than the target, and when it does not. A
display that scrolls takes four times 4 Mbit/s at the former. From -4 on VP8 looks far enough for
where things moved to: a text that scrolls by 48 pixels takes 30 kB a frame with -12, 21 kB with
-5, 6 kB with -4, at the coarsest quantizer (1280x720, 800 kbit/s), and 25 to 45 ms instead of 15.
It is not left to drop frames: it counts what it took too much while free, and then drops all."""


class EncoderFailed(RuntimeError):
    """GStreamer could not be set up, or gave up; its own words are the message."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the picture is encoded."""

    codec: Literal["vp8", "h264"] = "vp8"
    bitrate_kbps: int = 4000
    frames_per_s: int = 60
    layer: int = 0
    place: Place = SANDBOX
    ssrc: int = field(default_factory=lambda: secrets.randbelow(0xFFFFFFFE) + 1)

    @property
    def encoder(self) -> str:
        """What GStreamer calls the encoder."""
        return {"vp8": "vp8enc", "h264": "x264enc"}[self.codec]


def _tail(encoding: Encoding) -> str:
    encoder = _ENCODERS[encoding.codec].format(
        bits_per_s=encoding.bitrate_kbps * 1000,
        kbits_per_s=encoding.bitrate_kbps,
        payload_type=96 + encoding.layer,
        ssrc=encoding.ssrc,
    )
    return (
        "videoconvertscale n-threads=1 add-borders=false"
        f" ! capsfilter name=size caps={_raw_caps()} ! {encoder}"
        f" ! udpsink host={encoding.place.host} port={RTP_PORT}"
        f" bind-address={encoding.place.guest}"
        f" bind-port={GUEST_RTP_PORTS[encoding.layer]}"
        " sync=false async=false buffer-size=4194304"
    )


def _raw_caps(width_px: int = 0, height_px: int = 0) -> str:
    """What the encoder takes: of this size, or of the display's."""
    size = f",width={width_px},height={height_px},pixel-aspect-ratio=1/1" if width_px else ""
    return f"video/x-raw,format=I420{size}"


class Gst:
    """GStreamer, set up once in a process with the plug-ins that are needed.

    Raises:
        EncoderFailed: the library or a plug-in is missing.
    """

    def __init__(self, *plugins: str) -> None:
        os.environ["GST_PLUGIN_SYSTEM_PATH_1_0"] = "/nonexistent"
        os.environ["GST_REGISTRY_DISABLE"] = "yes"
        os.environ["GST_REGISTRY_UPDATE"] = "no"
        try:
            self.core = ctypes.CDLL("libgstreamer-1.0.so.0")
            self.app = ctypes.CDLL("libgstapp-1.0.so.0")
            self.video = ctypes.CDLL("libgstvideo-1.0.so.0")
            self.object = ctypes.CDLL("libgobject-2.0.so.0")
        except OSError as error:
            raise EncoderFailed(str(error)) from error
        self._declare()
        self.core.gst_init(None, None)
        directory = Path("/usr/lib") / str(sysconfig.get_config_var("MULTIARCH")) / "gstreamer-1.0"
        for name in plugins:
            if not self.core.gst_plugin_load_file(
                str(directory / f"libgst{name}.so").encode(), None
            ):
                raise EncoderFailed(f"GStreamer's plug-in {name} is missing")

    def _declare(self) -> None:
        core, app, video = self.core, self.app, self.video
        core.gst_init.argtypes = [c_void_p, c_void_p]
        core.gst_plugin_load_file.restype = c_void_p
        core.gst_plugin_load_file.argtypes = [c_char_p, c_void_p]
        core.gst_parse_launch.restype = c_void_p
        core.gst_parse_launch.argtypes = [c_char_p, c_void_p]
        core.gst_bin_get_by_name.restype = c_void_p
        core.gst_bin_get_by_name.argtypes = [c_void_p, c_char_p]
        core.gst_element_set_state.argtypes = [c_void_p, c_int]
        core.gst_element_get_bus.restype = c_void_p
        core.gst_element_get_bus.argtypes = [c_void_p]
        core.gst_element_send_event.argtypes = [c_void_p, c_void_p]
        core.gst_bus_pop_filtered.restype = c_void_p
        core.gst_bus_pop_filtered.argtypes = [c_void_p, c_int]
        core.gst_message_parse_error.argtypes = [c_void_p, c_void_p, c_void_p]
        core.gst_object_unref.argtypes = [c_void_p]
        core.gst_caps_from_string.restype = c_void_p
        core.gst_caps_from_string.argtypes = [c_char_p]
        core.gst_mini_object_unref.argtypes = [c_void_p]
        core.gst_buffer_new_allocate.restype = c_void_p
        core.gst_buffer_new_allocate.argtypes = [c_void_p, c_size_t, c_void_p]
        core.gst_buffer_fill.restype = c_size_t
        core.gst_buffer_fill.argtypes = [c_void_p, c_size_t, c_void_p, c_size_t]
        app.gst_app_src_set_caps.argtypes = [c_void_p, c_void_p]
        app.gst_app_src_push_buffer.argtypes = [c_void_p, c_void_p]
        app.gst_app_src_set_callbacks.argtypes = [c_void_p, c_void_p, c_void_p, c_void_p]
        video.gst_video_event_new_upstream_force_key_unit.restype = c_void_p
        video.gst_video_event_new_upstream_force_key_unit.argtypes = [c_uint64, c_int, c_uint]

    def set(self, element: int, name: str, value: c_int | c_void_p) -> None:
        """Set an element's property, one of GStreamer's objects or a number."""
        self.object.g_object_set(c_void_p(element), name.encode(), value, c_void_p(None))


_NeedData = ctypes.CFUNCTYPE(None, c_void_p, c_uint, c_void_p)


class _Callbacks(ctypes.Structure):
    """GstAppSrcCallbacks; those that are not used stay null."""

    _fields_ = (("need_data", _NeedData), ("unused", c_void_p * 6))


class _Error(ctypes.Structure):
    _fields_ = (("domain", ctypes.c_uint32), ("code", c_int), ("message", c_char_p))


class Encoder:
    """A pipeline that takes pictures (or, with `screen`, reads the display by itself).

    Raises:
        EncoderFailed: it cannot be built.
    """

    def __init__(self, encoding: Encoding, *, display: str = "") -> None:
        source_plugins = ("ximagesrc",) if display else ()
        self._gst = Gst(*_PLUGINS, _ENCODER_PLUGINS[encoding.codec], *source_plugins)
        self._encoding = encoding
        self._key_frames = 0
        head = (
            f"ximagesrc display-name={display} use-damage=0 show-pointer=false"
            f" ! video/x-raw,framerate={encoding.frames_per_s}/1"
            " ! queue max-size-buffers=1 leaky=downstream"
            if display
            else "appsrc name=source is-live=true do-timestamp=true format=time block=false"
            " max-buffers=1 leaky-type=downstream"
        )
        core = self._gst.core
        self._pipeline = core.gst_parse_launch(f"{head} ! {_tail(encoding)}".encode(), None)
        if not self._pipeline:
            raise EncoderFailed("the pipeline cannot be built")
        self._source = None if display else core.gst_bin_get_by_name(self._pipeline, b"source")
        self._bus = core.gst_element_get_bus(self._pipeline)
        self._encoder = core.gst_bin_get_by_name(self._pipeline, b"encoder")
        self._filter = core.gst_bin_get_by_name(self._pipeline, b"size")
        self._size = self._scaled = (0, 0)
        self._scale_percent = 100
        self._is_bound = False
        self.encode_ms = 0.0
        """From reading the display to sending the frame's last packet, on average."""
        self._read_at: float | None = None
        self.idle_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Readable when the encoder waits for a picture: the one before is encoded and sent."""
        self._is_idle, self._pushed_at = True, 0.0
        if self._source:
            # GStreamer's thread calls this; it keeps only the address, so it must stay alive.
            self._callbacks = _Callbacks(_NeedData(self._from_encoder))
            self._gst.app.gst_app_src_set_callbacks(
                self._source, byref(self._callbacks), None, None
            )

    def _from_encoder(self, _source: int, _length: int, _data: int) -> None:
        read_at, self._read_at = self._read_at, None
        if read_at is not None:
            took_ms = (time.monotonic() - read_at) * 1000
            self.encode_ms += (took_ms - self.encode_ms) / (8 if self.encode_ms else 1)
        os.eventfd_write(self.idle_fd, 1)

    def start(self, width_px: int = 0, height_px: int = 0) -> None:
        """Begin, or go on with pictures of another size (pixels)."""
        if self._source:
            caps = self._gst.core.gst_caps_from_string(
                f"video/x-raw,format=BGRx,width={width_px},height={height_px},"
                f"framerate={self._encoding.frames_per_s}/1".encode()
            )
            self._gst.app.gst_app_src_set_caps(self._source, caps)
            self._gst.core.gst_mini_object_unref(caps)
            self._size = width_px, height_px
            self._fit()
        self._gst.core.gst_element_set_state(self._pipeline, _PLAYING)

    def spend(self, kbps: int, *, is_bound: bool) -> None:
        """Encode with so many bits from the next picture on.

        On a path that carries more, what changes a lot may take more for a moment, and stays
        sharp. `is_bound`: it must not; VP8 then coarsens further, and searches longer.
        """
        if self._encoding.codec == "h264":  # its rate control keeps to the rate by itself
            self._gst.set(self._encoder, "bitrate", c_int(kbps))
            return
        self._gst.set(self._encoder, "target-bitrate", c_int(kbps * 1000))
        if is_bound != self._is_bound:
            self._is_bound = is_bound
            for name, (free, bound) in _BOUND_VP8.items():
                self._gst.set(self._encoder, name, c_int(bound if is_bound else free))

    def scale(self, percent: int) -> None:
        """Encode the picture this large from the next one on, which will be a key frame."""
        self._scale_percent = percent
        self._fit()

    def _fit(self) -> None:
        """Have the encoder take the size that scale and display make."""
        scaled = (0, 0)
        if self._scale_percent != 100 and self._size[0]:
            width, height = (max(16, side * self._scale_percent // 100) for side in self._size)
            scaled = width // 2 * 2, height // 2 * 2
        if scaled == self._scaled:
            return
        self._scaled = scaled
        caps = self._gst.core.gst_caps_from_string(_raw_caps(*scaled).encode())
        self._gst.set(self._filter, "caps", c_void_p(caps))
        self._gst.core.gst_mini_object_unref(caps)

    @property
    def is_busy(self) -> bool:
        """Whether the picture pushed last is still being encoded.

        The display is read only when the encoder waits: a picture that waits itself gets old.
        """
        with contextlib.suppress(BlockingIOError):
            self._is_idle = os.eventfd_read(self.idle_fd) > 0
        return not self._is_idle and time.monotonic() - self._pushed_at < _STUCK_S

    def push(self, address: int, size_bytes: int, read_at: float) -> None:
        """Encode and send the picture at `address`, read at `read_at` (seconds); it is copied."""
        self._is_idle, self._pushed_at = False, time.monotonic()
        self._read_at = read_at
        buffer = self._gst.core.gst_buffer_new_allocate(None, size_bytes, None)
        self._gst.core.gst_buffer_fill(buffer, 0, address, size_bytes)
        self._gst.app.gst_app_src_push_buffer(self._source, buffer)

    def want_key_frame(self) -> None:
        """Make the next picture a key frame."""
        self._key_frames += 1
        event = self._gst.video.gst_video_event_new_upstream_force_key_unit(
            _NONE, 1, self._key_frames
        )
        self._gst.core.gst_element_send_event(self._pipeline, event)

    def check(self) -> None:
        """Look whether the pipeline still works.

        Raises:
            EncoderFailed: it does not.
        """
        message = self._gst.core.gst_bus_pop_filtered(self._bus, _MESSAGE_ERROR)
        if not message:
            return
        error, detail = POINTER(_Error)(), c_char_p()
        self._gst.core.gst_message_parse_error(message, byref(error), byref(detail))
        said = (error.contents.message or b"").decode(errors="replace")
        raise EncoderFailed(f"{said}: {(detail.value or b'').decode(errors='replace')}")

    def close(self) -> None:
        """Stop; nothing is sent afterwards."""
        self._gst.core.gst_element_set_state(self._pipeline, _NULL)
        os.close(self.idle_fd)
