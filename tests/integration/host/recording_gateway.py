"""In place of the gateway: writes down in its home what the keeper tells it, a line a message."""

from __future__ import annotations

import os
import socket
import sys


def main() -> None:
    listener = socket.socket(fileno=int(sys.argv[sys.argv.index("--listen-fd") + 1]))
    connection, _ = listener.accept()
    with open(f"{os.environ['HOME']}/told", "ab", buffering=0) as told:
        while True:
            data, descriptors, _, _ = socket.recv_fds(connection, 65_536, 16)
            for each in descriptors:
                socket.socket(fileno=each).close()
            if not data:
                return
            told.write(data)


if __name__ == "__main__":
    main()
