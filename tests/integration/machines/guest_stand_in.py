# mypy: ignore-errors
# ruff: noqa
"""A guest that only does the boot hand-over, and then what it is told over a Unix socket.

One line of JSON a connection: {"run": [argv...]} runs a program and answers its status and output;
{"python": "..."} runs Python; {"eat_mib": 9} eats memory itself. Standard library only, as it runs in a machine.
"""

import json
import socket
import subprocess
import sys


def hand_over(boot_fd: int) -> list[socket.socket]:
    boot = socket.socket(fileno=boot_fd)
    rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtp.bind(("127.0.0.1", 5004))
    rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtcp.bind(("127.0.0.1", 5005))
    egress = socket.socket()
    egress.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    egress.bind(("127.0.0.1", 3128))
    egress.listen(64)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    handed = [rtp, rtcp, egress, theirs]
    socket.send_fds(boot, [b"fanlight-boot 1"], [each.fileno() for each in handed])
    for each in (*handed, boot):
        each.close()
    return [ours]


def answer(request: dict) -> dict:
    argv = request.get("run") or ["/usr/bin/python3", "-I", "-c", request["python"]]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    return {"status": done.returncode, "out": done.stdout[-20000:], "err": done.stderr[-20000:]}


def main() -> None:
    kept = hand_over(int(sys.argv[sys.argv.index("--boot-fd") + 1]))
    link = socket.socket(socket.AF_UNIX)
    link.bind("/run/fanlight/link.sock")
    link.listen(16)
    while kept:
        connection, _ = link.accept()
        with connection, connection.makefile("rwb") as lines:
            line = lines.readline()
            if not line:
                continue  # somebody only looked whether we listen
            request = json.loads(line)
            if "eat_mib" in request:
                lines.close(), connection.close()
                eaten = bytearray(request["eat_mib"] << 20)
            if "exit" in request:
                sys.exit(request["exit"])
            lines.write(json.dumps(answer(request)).encode() + b"\n")


if __name__ == "__main__":
    main()
