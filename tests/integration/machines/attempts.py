# mypy: ignore-errors
# ruff: noqa
"""What a hostile program in a machine tries. Runs inside; prints one JSON object: name -> outcome."""

import ctypes
import json
import os
import socket
import sys

GOAL = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
found = {}


def attempt(name, action):
    try:
        result = action()
    except OSError as error:
        found[name] = "refused: " + (error.strerror or str(error))
    else:
        found[name] = f"done: {result!r}"


def tcp(host, port):
    with socket.create_connection((host, port), timeout=2):
        return "connected"


def udp(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return sock.sendto(b"x", (host, port))


def abstract(name):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect("\0" + name)
        return "connected"


def call(name, *args):
    def run():
        ctypes.set_errno(0)
        if getattr(libc, name)(*args) == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return "worked"

    return run


def proxy(target, method="CONNECT"):
    line = f"CONNECT {target} HTTP/1.1" if method == "CONNECT" else f"GET {target} HTTP/1.1"
    with socket.create_connection(("127.0.0.1", 3128), timeout=10) as sock:
        sock.sendall(f"{line}\r\nHost: x\r\n\r\n".encode())
        answer = sock.recv(4096).decode(errors="replace")
    return answer.split(" ", 2)[1]


for host in ("127.0.0.1", *GOAL["host_addresses"]):
    attempt(f"tcp {host}", lambda host=host: tcp(host, GOAL["port"]))
attempt("tcp metadata", lambda: tcp("169.254.169.254", 80))
attempt("tcp private", lambda: tcp("10.0.0.1", 80))
attempt("udp internet", lambda: udp("8.8.8.8", 53))
attempt("abstract socket", lambda: abstract(GOAL["abstract"]))
attempt("other machine", lambda: os.listdir(GOAL["other_machine"]))
attempt("data directory", lambda: os.listdir(GOAL["data"]))
attempt("keeper socket", lambda: os.stat(GOAL["data"] + "/run/keeper.sock"))
attempt("host root", lambda: os.listdir("/root"))
attempt("host /var", lambda: os.listdir("/var"))
attempt("host shadow", lambda: open("/etc/shadow").read())
attempt("resolver", lambda: open("/etc/resolv.conf").read())
attempt("write /usr", lambda: open("/usr/x", "w"))
attempt("write /", lambda: open("/x", "w"))
attempt("write guest", lambda: open("/opt/fanlight/guest.pyz", "a"))
attempt("mount", call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt("ptrace", call("ptrace", 0, 0, 0, 0))
attempt("bpf", call("syscall", 321, 0, 0, 0))
attempt("keyctl", call("syscall", 250, 0, 0, 0))
attempt("io_uring", call("syscall", 425, 8, 0))
attempt("setns", call("setns", os.open("/proc/self/ns/net", os.O_RDONLY), 0))
attempt("packet socket", lambda: socket.socket(17, socket.SOCK_RAW))
attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
attempt("setuid", lambda: os.setuid(0))
attempt("hostname", lambda: socket.sethostname("x"))

proxied = {target: proxy(target) for target in GOAL["proxy_refuses"]}
proxied |= {url: proxy(url, "GET") for url in GOAL["proxy_refuses_urls"]}
proxied["pin"] = proxy(GOAL["pin"])
status = dict(
    line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line
)
print(
    json.dumps(
        {
            "attempts": found,
            "proxy": proxied,
            "capabilities": [status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")],
            "seccomp": status["Seccomp"],
            "no_new_privileges": status["NoNewPrivs"],
            "processes": [pid for pid in os.listdir("/proc") if pid.isdigit()],
            "first_environment": open("/proc/1/environ").read(),
            "interfaces": [name for _, name in socket.if_nameindex()],
        }
    )
)
