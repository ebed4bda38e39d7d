# mypy: ignore-errors
# ruff: noqa
"""Programs that take all they can get. Run inside: one argument, which of them."""

import os
import socket
import sys
import time

SECONDS = 6.0


def forks():
    """Fork without end; say how many there were when it was refused."""
    end, made = time.monotonic() + SECONDS, 0
    refused = ""
    while time.monotonic() < end and not refused:
        try:
            pid = os.fork()
        except OSError as error:
            refused = error.strerror
            break
        if pid == 0:
            time.sleep(SECONDS)
            os._exit(0)
        made += 1
        if made >= 20_000:
            break
    print(refused or f"DONE: {made} processes")


def disk():
    """Fill every place that can be written."""
    met = set()
    for place in (
        "/tmp",
        os.environ.get("HOME", "/home/fanlight"),
        "/dev/shm",
        "/",
        "/var/tmp",
    ):
        name, written = os.path.join(place, "filler"), 0
        try:
            with open(name, "wb", buffering=0) as file:
                while written < 8 << 30:
                    written += file.write(bytes(1 << 20))
                met.add(f"DONE: {place} took 8 GiB")
        except OSError as error:
            met.add(error.strerror)
        try:
            os.unlink(name)
        except OSError:
            pass
    print("; ".join(sorted(met)))


def shared():
    """Fill the directory with the machine's sockets."""
    try:
        with open("/run/fanlight/filler", "wb", buffering=0) as file:
            for _ in range(8 << 10):
                file.write(bytes(1 << 20))
            print("DONE: 8 GiB")
    except OSError as error:
        print(error.strerror)
    os.unlink("/run/fanlight/filler")
    time.sleep(SECONDS)


def media(host):
    """Send all that goes out to the media port, and some to where a neighbour's might be."""
    end, sent = time.monotonic() + SECONDS, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while time.monotonic() < end:
            try:
                sock.sendto(b"\x80" + bytes(1100), (host, 5004))
                sent += 1
            except OSError:
                pass
    print(sent)


def link():
    """Write to whoever connects, which reads nothing, as much as is taken."""
    end = socket.socket(socket.AF_UNIX)
    end.bind("/run/fanlight/vnc.sock")
    end.listen(1)
    connection, _ = end.accept()
    try:
        sent = 0
        while sent < 1 << 30:
            sent += connection.send(bytes(65536))
    except OSError:
        pass


globals()[sys.argv[1]](*sys.argv[2:])
