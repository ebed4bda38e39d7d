"""A hostile machine: like sender.py, but what it sends is rubbish, as fast as it can.

flooder.py BOOT_FD SEED COUNT
"""

import fcntl
import json
import random
import socket
import struct
import sys
from collections.abc import Iterator

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
BIG = 1400


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


def packets(seed: int, count: int) -> Iterator[bytes]:
    """Rubbish of every kind: noise, RTP that lies about its lengths, frames that never end."""
    rng = random.Random(seed)
    for number in range(count):
        kind = number % 5
        noise = rng.randbytes(rng.randrange(0, BIG))
        header = struct.pack("!BBHII", 0x80, 96, number & 0xFFFF, number // 7 * 3000, 7)
        if kind == 0:
            yield noise
        elif kind == 1:
            yield bytes([0x80 | rng.randrange(64)]) + header[1:] + noise
        elif kind == 2:
            yield header + b"\xff" * rng.randrange(0, 6)
        elif kind == 3:
            yield struct.pack("!BBHII", 0x80, 96, number & 0xFFFF, 42, 7) + b"\x10" + noise
        else:
            yield header + b"\x10\x00" + noise


def main() -> None:
    boot = socket.socket(fileno=int(sys.argv[1]))
    seed, count = int(sys.argv[2]), int(sys.argv[3])
    bring_loopback_up()
    rtp, rtcp = datagrams(5004), datagrams(5005)
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    socket.send_fds(boot, [b"fanlight-boot 1"], [rtp.fileno(), rtcp.fileno(), theirs.fileno()])
    for end in (boot, rtp, rtcp, theirs):
        end.close()
    media, reports = datagrams(5006), datagrams(5007)
    say(playing=True)
    control.setblocking(False)
    for number, packet in enumerate(packets(seed, count)):
        media.sendto(packet, ("127.0.0.1", 5004))
        reports.sendto(packet[::-1], ("127.0.0.1", 5005))
        if number % 50 == 0:
            size = {"type": "display.size", "widthPx": number, "heightPx": -number}
            try:
                control.send(packet[:200] if number % 100 else json.dumps(size).encode())
            except BlockingIOError:
                continue
    say(sent=count)
    control.setblocking(True)
    while control.recv(1 << 17):
        pass


if __name__ == "__main__":
    main()
