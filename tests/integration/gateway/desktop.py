"""A machine with a real display and the real sender: what a guest runs, without the guest.

Run by /usr/bin/python3 under `unshare --net`: desktop.py BOOT_FD vp8|h264 DISPLAY_NUMBER. Prints
`{"playing": true}` when the first picture is on its way.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE.parents[2] / "src"
SIZE = {"type": "display.size", "widthPx": 1280, "heightPx": 720}

sys.path.insert(0, str(HERE.parents[2]))
from tests.integration.gateway.sender import bring_loopback_up, datagrams, say  # noqa: E402


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 15
    while not path.exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"no {path}")
        time.sleep(0.01)


def main() -> None:
    boot = socket.socket(fileno=int(sys.argv[1]))
    codec, number = sys.argv[2:4]
    bring_loopback_up()
    rtp, rtcp = datagrams(5004), datagrams(5005)
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    socket.send_fds(boot, [b"fanlight-boot 1"], [rtp.fileno(), rtcp.fileno(), theirs.fileno()])
    for end in (boot, rtp, rtcp, theirs):
        end.close()
    control.send(json.dumps(SIZE).encode())
    subprocess.Popen(
        [
            *["Xvnc", f":{number}", "-geometry", "1280x720", "-depth", "24", "-FrameRate", "60"],
            *["-SecurityTypes", "None", "-rfbport", "-1", "-nolisten", "tcp", "-ac"],
            *["-rfbunixpath", f"/tmp/.X{number}-vnc"],
        ],
        stderr=subprocess.DEVNULL,
    )
    wait_for(Path(f"/tmp/.X11-unix/X{number}"))
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r});"
        " from fanlight.media.sender import main; sys.exit(main(sys.argv[1:]))"
    )
    sender = subprocess.Popen(
        [
            *["/usr/bin/python3", "-I", "-S", "-c", code],
            *["--display", f":{number}", "--codec", codec],
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if sender.stdin is None or sender.stdout is None:
        raise SystemExit("no pipes")
    os.write(sender.stdin.fileno(), b"go\n")
    if sender.stdout.readline() != b"flowing\n":
        raise SystemExit("the sender does not begin")
    say(playing=True)
    sender.wait()
    say(ended=sender.returncode)


main()
