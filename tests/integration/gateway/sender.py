"""A machine as the gateway sees it: its sockets in a network namespace of its own, and a picture.

Run by /usr/bin/python3 under `unshare --net`. Sends three descriptors (RTP, RTCP, control) over
the socket whose number is the first argument, then a live picture to 127.0.0.1:5004; makes a key
frame when a PLI arrives at 5007, and keeps to no target. What it is told and sees goes to standard
output, a line each.

    sender.py BOOT_FD vp8|h264 WIDTH HEIGHT PATTERN still|moving
"""

import fcntl
import json
import socket
import struct
import sys
import threading

sys.path.append("/usr/lib/python3/dist-packages")
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, Gst, GstVideo  # noqa: E402

APP = 204
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
ENCODERS = {
    "vp8": "vp8enc name=encoder deadline=1 cpu-used=16 keyframe-max-dist=100000 "
    "target-bitrate=600000 ! rtpvp8pay mtu=1200 pt=96 picture-id-mode=15-bit",
    "h264": "x264enc name=encoder tune=zerolatency speed-preset=ultrafast key-int-max=100000 "
    "bitrate=600 ! video/x-h264,profile=constrained-baseline,stream-format=byte-stream ! "
    "rtph264pay mtu=1200 pt=96 config-interval=-1 aggregate-mode=zero-latency",
}


def say(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh22x", b"lo", IFF_UP | IFF_RUNNING)
        fcntl.ioctl(probe, SIOCSIFFLAGS, request)


def datagrams(port: int) -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", port))
    return end


def listen_for_requests(rtcp: socket.socket, encoder: Gst.Element) -> None:
    while True:
        data = rtcp.recv(2048)
        if data[1] == APP:
            say(targets=data.hex())
            continue
        say(pli=data.hex())
        event = GstVideo.video_event_new_upstream_force_key_unit(Gst.CLOCK_TIME_NONE, True, 0)
        encoder.get_static_pad("src").send_event(event)


def listen_for_input(control: socket.socket) -> None:
    while data := control.recv(1 << 17):
        say(input=json.loads(data))


def main() -> None:
    boot = socket.socket(fileno=int(sys.argv[1]))
    codec, width, height, pattern, motion = sys.argv[2:7]
    bring_loopback_up()
    rtp, rtcp = datagrams(5004), datagrams(5005)
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    socket.send_fds(boot, [b"fanlight-boot 1"], [rtp.fileno(), rtcp.fileno(), theirs.fileno()])
    for end in (boot, rtp, rtcp, theirs):
        end.close()
    size = {"type": "display.size", "widthPx": int(width), "heightPx": int(height)}
    control.send(json.dumps(size).encode())
    Gst.init(None)
    pipeline = Gst.parse_launch(
        f"videotestsrc is-live=true pattern={pattern} motion=wavy animation-mode=frames "
        f"{'num-buffers=1' if motion == 'still' else ''} "
        f"! video/x-raw,width={width},height={height},framerate=30/1 ! {ENCODERS[codec]} "
        "! udpsink host=127.0.0.1 port=5004 bind-address=127.0.0.1 bind-port=5006 sync=false"
    )
    encoder = pipeline.get_by_name("encoder")
    requests = datagrams(5007)
    threading.Thread(target=listen_for_requests, args=(requests, encoder), daemon=True).start()
    threading.Thread(target=listen_for_input, args=(control,), daemon=True).start()
    pipeline.set_state(Gst.State.PLAYING)
    say(playing=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
