# mypy: ignore-errors
# ruff: noqa
"""What a hostile program in a virtual machine tries. Runs inside; prints JSON: name -> outcome."""

import json
import os
import socket
import sys

GOAL = json.loads(sys.argv[1])
found = {}


def attempt(name, action):
    try:
        result = action()
    except OSError as error:
        found[name] = "refused: " + (error.strerror or str(error))
    else:
        found[name] = f"done: {result!r}"


def tcp(host, port):
    with socket.create_connection((host, port), timeout=3):
        return "connected"


def udp(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return sock.sendto(b"x", (host, port))


def proxy(target, method="CONNECT"):
    line = f"CONNECT {target} HTTP/1.1" if method == "CONNECT" else f"GET {target} HTTP/1.1"
    with socket.create_connection(("10.98.0.1", 3128), timeout=20) as sock:
        sock.sendall(f"{line}\r\nHost: x\r\n\r\n".encode())
        answer = sock.recv(4096).decode(errors="replace")
    return answer.split(" ", 2)[1]


for host in ("10.98.0.1", "127.0.0.1", *GOAL["host_addresses"]):
    attempt(f"tcp {host}", lambda host=host: tcp(host, GOAL["port"]))
attempt("ssh of the host", lambda: tcp("10.98.0.1", 22))
attempt("tcp neighbour's address", lambda: tcp("10.98.0.3", 5004))
attempt("tcp metadata", lambda: tcp("169.254.169.254", 80))
attempt("tcp private", lambda: tcp("10.0.0.1", 80))
attempt("udp internet", lambda: udp("8.8.8.8", 53))
attempt("name by resolver", lambda: socket.getaddrinfo("example.org", 80))
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("packet socket", lambda: socket.socket(17, socket.SOCK_RAW))
attempt("write /", lambda: open("/x", "w"))
attempt("write guest", lambda: open("/opt/fanlight/guest.pyz", "a"))
attempt("write disk", lambda: open("/dev/vda", "wb"))
attempt("read disk", lambda: open("/dev/vda", "rb"))
attempt("port of the host", lambda: open("/dev/vport1p1", "wb"))
attempt("setuid", lambda: os.setuid(0))
attempt("machine's memory", lambda: open("/dev/mem", "rb"))
attempt("kernel's settings", lambda: open("/proc/sys/kernel/hostname", "w"))

answers = {target: proxy(target) for target in GOAL["proxy_refuses"]}
answers |= {url: proxy(url, "GET") for url in GOAL["proxy_refuses_urls"]}
answers["pin"] = proxy(GOAL["pin"])
status = dict(
    line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line
)
print(
    json.dumps(
        {
            "attempts": found,
            "proxy": answers,
            "capabilities": [status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")],
            "interfaces": [name for _, name in socket.if_nameindex()],
        }
    )
)
