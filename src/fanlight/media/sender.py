"""The process in a machine that sends its picture: display -> capture -> encode -> RTP.

`main` is run by the guest's agent as a process of its own, before there is a display: it gets
ready, waits for the line `go` on its standard input, and says `flowing` on its standard output
when the first picture is on its way. It ends when its input is closed.

One thread: it waits for the X server, for RTCP and for the agent. GStreamer encodes in its own.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import sys
import time

from .damage import Schedule
from .encoder import Encoder, EncoderFailed, Encoding
from .rtcp import asks_for_key_frame
from .x11 import Display, NoDisplay, Picture

RTCP_PORT = 5007
_BUSY_WAIT_S = 0.1
"""The encoder says when it is ready; this long is waited in case it never does."""
_CHECK_S = 1.0


def main(arguments: list[str]) -> int:
    """Send the picture until standard input closes. Gives the exit status."""
    options = _parse(arguments)
    encoding = Encoding(options.codec, options.bitrate_kbps, options.frames_per_s)
    rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtcp.bind(("127.0.0.1", RTCP_PORT))
    rtcp.setblocking(False)
    try:
        if options.capture == "polling":
            return _poll_display(encoding, options.display, rtcp)
        encoder = Encoder(encoding)
        if not _wait_for_go():
            return 0
        try:
            display = Display(options.display)
        except NoDisplay as error:
            _say(f"no capture by damage ({error}): polling instead")
            encoder.close()
            return _poll_display(encoding, options.display, rtcp, gone=True)
        return Sender(display, encoder, rtcp, encoding.frames_per_s).run()
    except EncoderFailed as error:
        _say(str(error))
        return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="media")
    parser.add_argument("--display", required=True)
    parser.add_argument("--codec", choices=("vp8", "h264"), default="vp8")
    parser.add_argument("--bitrate-kbps", type=int, default=4000)
    parser.add_argument("--frames-per-s", type=int, default=60)
    parser.add_argument("--capture", choices=("damage", "polling"), default="damage")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _wait_for_go() -> bool:
    return os.read(0, 64).startswith(b"go")


def _flowing() -> None:
    os.write(1, b"flowing\n")


class Sender:
    """Capture by damage: nothing drawn, nothing encoded."""

    def __init__(
        self, display: Display, encoder: Encoder, rtcp: socket.socket, frames_per_s: int
    ) -> None:
        self._display, self._encoder, self._rtcp = display, encoder, rtcp
        self._schedule = Schedule(frame_gap_s=1 / frames_per_s)
        self._picture: Picture = display.new_picture()
        self._encoder.start(self._picture.width_px, self._picture.height_px)

    def run(self) -> int:
        """Send until standard input closes."""
        watched = [0, self._display.fd, self._rtcp.fileno()]
        self._send()
        _flowing()
        checked_at = time.monotonic()
        while True:
            # Reading pixels may have taken events off the socket: look before every wait.
            if self._display.read_events():
                self._schedule.damaged()
            is_busy = self._encoder.is_busy
            if self._is_due() and not is_busy:
                self._send()
                continue
            # select, because poll() counts whole milliseconds.
            waited = [*watched, self._encoder.idle_fd] if is_busy else watched
            ready = select.select(waited, (), (), self._timeout_s(is_busy=is_busy))[0]
            if 0 in ready and not os.read(0, 64):
                return 0
            if self._rtcp.fileno() in ready:
                self._read_rtcp()
            if time.monotonic() > checked_at + _CHECK_S:
                self._encoder.check()
                checked_at = time.monotonic()

    def _is_due(self) -> bool:
        due_at = self._schedule.due_at()
        return due_at is not None and due_at <= time.monotonic()

    def _timeout_s(self, *, is_busy: bool) -> float:
        due_at = self._schedule.due_at()
        if due_at is None or is_busy:
            return _BUSY_WAIT_S if is_busy else _CHECK_S
        return min(max(due_at - time.monotonic(), 0.0), _CHECK_S)

    def _read_rtcp(self) -> None:
        while True:
            try:
                data = self._rtcp.recv(2048)
            except BlockingIOError:
                return
            if asks_for_key_frame(data):
                self._schedule.key_frame_wanted()

    def _send(self) -> None:
        if self._schedule.needs_pixels and not self._read_pixels():
            return
        if self._schedule.sending(time.monotonic()):
            self._encoder.want_key_frame()
        self._encoder.push(self._picture.address, self._picture.size_bytes)

    def _read_pixels(self) -> bool:
        self._display.forget_damage()
        size = self._display.width_px, self._display.height_px
        if size != (self._picture.width_px, self._picture.height_px):
            self._picture.close()
            self._picture = self._display.new_picture()
            self._encoder.start(*size)
            self._schedule.key_frame_wanted()
        return self._picture.read()


def _poll_display(
    encoding: Encoding, display: str, rtcp: socket.socket, *, gone: bool = False
) -> int:
    """Without damage: GStreamer reads the display at every tick."""
    if not gone and not _wait_for_go():
        return 0
    encoder = Encoder(encoding, display=display)
    encoder.start()
    _flowing()
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(rtcp, select.POLLIN)
    while True:
        ready = dict(poll.poll(_CHECK_S * 1000))
        if 0 in ready and not os.read(0, 64):
            return 0
        if rtcp.fileno() in ready and asks_for_key_frame(rtcp.recv(2048)):
            encoder.want_key_frame()
        encoder.check()
