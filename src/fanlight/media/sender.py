"""The process in a machine that sends its picture: display -> capture -> encode -> RTP.

`main` is run by the guest's agent as a process of its own, before there is a display: it gets
ready, waits for the line `go` on its standard input, and says `flowing` on its standard output
when the first picture is on its way. It ends when its input is closed.

One thread: it waits for the X server, for RTCP and for the agent. GStreamer encodes in its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import socket
import sys
import time

from fanlight.wire.places import PLACES, Place

from .encoder import Encoder, EncoderFailed, Encoding
from .layer import Layer
from .rtcp import EncoderReport, Target, key_frames_wanted, read_targets, report_packet
from .x11 import Display, NoDisplay, Picture

SMALL_FRAMES_PER_S = 30
"""The second layer's at most: it is for slow paths."""
_BUSY_WAIT_S = 0.1
"""The encoder says when it is ready; this long is waited in case it never does."""
_CHECK_S = 1.0


def main(arguments: list[str]) -> int:
    """Send the picture until standard input closes. Gives the exit status."""
    options = _parse(arguments)
    place = PLACES[options.place]
    encoding = Encoding(options.codec, options.bitrate_kbps, options.frames_per_s, place=place)
    rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtcp.bind(place.guest_rtcp)
    rtcp.setblocking(False)
    try:
        if options.capture == "polling":
            return _poll_display(encoding, options.display, rtcp)
        layer = Layer(encoding)
        if not _wait_for_go():
            return 0
        try:
            display = Display(options.display)
        except NoDisplay as error:
            _say(f"no capture by damage ({error}): polling instead")
            layer.close()
            return _poll_display(encoding, options.display, rtcp, gone=True)
        return Sender(display, layer, rtcp).run()
    except EncoderFailed as error:
        _say(str(error))
        return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="media")
    parser.add_argument("--display", required=True)
    parser.add_argument("--codec", choices=("vp8", "h264"), default="vp8")
    parser.add_argument("--bitrate-kbps", type=int, default=4000)
    parser.add_argument("--frames-per-s", type=int, default=60)
    parser.add_argument("--place", choices=PLACES, default="sandbox")
    parser.add_argument("--capture", choices=("damage", "polling"), default="damage")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _wait_for_go() -> bool:
    return os.read(0, 64).startswith(b"go")


def _flowing() -> None:
    os.write(1, b"flowing\n")


class Rtcp:
    """What the gateway says to this machine, and what this machine says to it."""

    def __init__(self, end: socket.socket, place: Place) -> None:
        self._end, self._gateway = end, place.rtcp
        self.fileno = end.fileno

    def read(self) -> tuple[list[int], tuple[Target, ...] | None]:
        """Give the SSRCs that key frames are wanted of, and the newest targets, if any came."""
        wanted: list[int] = []
        targets: tuple[Target, ...] | None = None
        while True:
            try:
                data, address = self._end.recvfrom(2048)
            except BlockingIOError:
                return wanted, targets
            if address == self._gateway:  # not another program of this machine
                wanted += key_frames_wanted(data)
                targets = read_targets(data) or targets

    def report(self, ssrc: int, report: EncoderReport) -> None:
        """Say how the picture is encoded; a gateway that is not there misses nothing."""
        with contextlib.suppress(OSError):
            self._end.sendto(report_packet(ssrc, report), self._gateway)


class Sender:
    """Capture by damage: nothing drawn, nothing encoded."""

    def __init__(self, display: Display, layer: Layer, rtcp: socket.socket) -> None:
        self._display, self._layers, self._rtcp = (
            display,
            [layer],
            Rtcp(rtcp, layer.encoding.place),
        )
        self._picture: Picture = display.new_picture()
        self._is_stale, self._read_at = True, 0.0
        layer.begin(self._picture)

    def run(self) -> int:
        """Send until standard input closes."""
        watched = [0, self._display.fd, self._rtcp.fileno()]
        self._send(self._layers[0])
        _flowing()
        checked_at = time.monotonic()
        while True:
            # Reading pixels may have taken events off the socket: look before every wait.
            if self._display.read_events():
                self._damaged()
            busy = [layer for layer in self._layers if layer.encoder.is_busy]
            due = next((each for each in self._layers if each not in busy and _is_due(each)), None)
            if due is not None:
                self._send(due)
                continue
            # select, because poll() counts whole milliseconds.
            waited = [*watched, *(layer.encoder.idle_fd for layer in busy)]
            ready = select.select(waited, (), (), self._timeout_s(busy))[0]
            if 0 in ready and not os.read(0, 64):
                return 0
            if self._rtcp.fileno() in ready:
                self._read_rtcp()
            if time.monotonic() > checked_at + _CHECK_S:
                self._check()
                checked_at = time.monotonic()

    def _damaged(self) -> None:
        self._is_stale = True
        for layer in self._layers:
            layer.schedule.damaged()

    def _timeout_s(self, busy: list[Layer]) -> float:
        timeout_s = _BUSY_WAIT_S if busy else _CHECK_S
        for layer in self._layers:
            if layer not in busy and (due_at := layer.is_due_at) is not None:
                timeout_s = min(timeout_s, max(due_at - time.monotonic(), 0.0))
        return timeout_s

    def _check(self) -> None:
        for layer in self._layers:
            layer.encoder.check()
        first = self._layers[0]
        layers = tuple(layer.target for layer in self._layers)
        said = EncoderReport(first.encoding.encoder, first.encoder.encode_ms, layers)
        self._rtcp.report(first.encoding.ssrc, said)

    def _read_rtcp(self) -> None:
        wanted, targets = self._rtcp.read()
        for ssrc in wanted:
            layer = next((each for each in self._layers if each.encoding.ssrc == ssrc), None)
            (layer or self._layers[0]).schedule.key_frame_wanted()
        if targets is not None:
            self._set_layers(len(targets))
            for layer, target in zip(self._layers, targets, strict=False):
                layer.apply(target)

    def _set_layers(self, count: int) -> None:
        """Encode so many layers."""
        if count < len(self._layers):
            self._layers.pop().close()
        elif count > len(self._layers):
            encoding = self._layers[0].encoding
            try:
                small = Layer(
                    Encoding(
                        encoding.codec,
                        encoding.bitrate_kbps,
                        min(encoding.frames_per_s, SMALL_FRAMES_PER_S),
                        layer=1,
                        place=encoding.place,
                    )
                )
            except EncoderFailed as error:  # the main picture goes on
                _say(f"no second layer: {error}")
                return
            small.begin(self._picture)
            self._layers.append(small)

    def _send(self, layer: Layer) -> None:
        if not self._is_stale:
            # Nothing changed since it was read: what is sent again is the display as it is now.
            self._read_at = time.monotonic()
        elif not self._read_pixels():
            return
        layer.send(self._picture, self._read_at, time.monotonic())

    def _read_pixels(self) -> bool:
        self._display.forget_damage()
        size = self._display.width_px, self._display.height_px
        if size != (self._picture.width_px, self._picture.height_px):
            self._picture.close()
            self._picture = self._display.new_picture()
            for layer in self._layers:
                layer.begin(self._picture)
        self._read_at = time.monotonic()
        is_read = self._picture.read()
        self._is_stale = not is_read
        return is_read


def _is_due(layer: Layer) -> bool:
    due_at = layer.is_due_at
    return due_at is not None and due_at <= time.monotonic()


def _poll_display(
    encoding: Encoding, display: str, rtcp: socket.socket, *, gone: bool = False
) -> int:
    """Without damage: GStreamer reads the display at every tick. Only the bit rate follows."""
    if not gone and not _wait_for_go():
        return 0
    encoder = Encoder(encoding, display=display)
    encoder.start()
    _flowing()
    said = Rtcp(rtcp, encoding.place)
    while True:
        ready = select.select([0, rtcp.fileno()], (), (), _CHECK_S)[0]
        if 0 in ready and not os.read(0, 64):
            return 0
        if rtcp.fileno() in ready:
            wanted, targets = said.read()
            if wanted:
                encoder.want_key_frame()
            if targets is not None:
                kbps = min(targets[0].kbps, encoding.bitrate_kbps)
                encoder.spend(kbps, is_bound=kbps < encoding.bitrate_kbps)
        encoder.check()
