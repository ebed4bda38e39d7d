# mypy: ignore-errors
# ruff: noqa
"""What a hostile program in a machine tries, and what it met. Runs inside; prints JSON.

One argument: JSON with `kind` ("sandbox" or "vm"), `host` (the host's end of the machine's network),
and what there is to be reached: addresses, a port that listens, names. Standard library only.
"""

import ctypes
import json
import os
import socket
import sys

GOAL = json.loads(sys.argv[1])
HOST, IS_VM = GOAL["host"], GOAL["kind"] == "vm"
libc = ctypes.CDLL(None, use_errno=True)
met = {}


def attempt(row, *actions):
    """Try each; note what they met, without telling twice."""
    words = set()
    for action in actions:
        try:
            words.add(f"DONE: {action()!r}")
        except OSError as error:
            words.add(error.strerror or str(error))
    met[row] = "; ".join(sorted(words))


def tcp(host, port):
    def run():
        with socket.create_connection((host, port), timeout=3):
            return "connected"

    return run


def udp(host, port, data=b"x", expect_answer=False):
    def run():
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.connect((host, port))
            sock.send(data)
            return sock.recv(512) if expect_answer else "sent"

    return run


def unix(name):
    def run():
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(name)
            return "connected"

    return run


def call(name, *args):
    def run():
        ctypes.set_errno(0)
        if getattr(libc, name)(*args) == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return name

    return run


def status(line):
    with socket.create_connection((HOST, 3128), timeout=20) as sock:
        sock.sendall(f"{line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = sock.recv(4096).decode(errors="replace").split(" ", 2)
    return answer[1] if len(answer) > 1 else "hung up"


def by_proxy(row, targets, method="CONNECT"):
    met[row] = (
        "; ".join(sorted({status(f"{method} {each}") for each in targets})) + " by the proxy"
    )


def read(path):
    return lambda: open(path, "rb").read(1)


def write(path):
    return lambda: open(path, "ab").write(b"x")


QUERY = bytes.fromhex("123401000001000000000000076578616d706c65036f72670000010001")
port, v4 = GOAL["port"], [each for each in GOAL["addresses"] if ":" not in each]
v6 = [each for each in GOAL["addresses"] if ":" in each] or ["fd00::1"]

attempt("host: a service, at its own addresses", *(tcp(each, port) for each in v4))
attempt("host: a service, at its end of the machine's cable", tcp(HOST, port), tcp(HOST, 22))
attempt("host: IPv6, TCP and UDP", *(f(each, port) for each in v6 for f in (tcp, udp)))
attempt("host: an abstract socket", unix("\0" + GOAL["abstract"]))
attempt("host: its keeper's socket", unix(GOAL["data"] + "/run/keeper.sock"))
attempt("host: its data directory", lambda: os.listdir(GOAL["data"]))
attempt("host: the home of root", lambda: os.listdir("/root"))
attempt("host: password hashes", read("/etc/shadow"))
by_proxy("host: by the proxy", GOAL["proxy_host"])
by_proxy("host: by the proxy, GET", GOAL["proxy_urls"], "GET")
attempt("neighbour: its address", tcp("10.98.0.3", 5004), tcp("10.98.0.6", 5004))
attempt("neighbour: its directory", lambda: os.listdir(GOAL["neighbour"]))
attempt("metadata: directly", tcp("169.254.169.254", 80), tcp("fd00:ec2::254", 80))
by_proxy("metadata: by the proxy", ["169.254.169.254:80", "[fd00:ec2::254]:80", "[fe80::1]:80"])
attempt("internet: TCP", tcp("1.1.1.1", 443), tcp("8.8.8.8", 53))
attempt("internet: UDP", udp("8.8.8.8", 53), udp("2001:4860:4860::8888", 53))
attempt("private ranges", tcp("10.0.0.1", 80), tcp("192.168.0.1", 80), tcp("172.16.0.1", 80))
by_proxy("private ranges, by the proxy", GOAL["proxy_private"])
by_proxy("private ranges, in other spellings", GOAL["proxy_spellings"])
by_proxy("ports that nobody may ask for", ["example.org:22", "example.org:25"])
attempt("DNS: a name", lambda: socket.getaddrinfo("example.org", 80))
attempt("DNS: a server at the host's end", udp(HOST, 53, QUERY, True), tcp(HOST, 53))
by_proxy("DNS: names that mean the host", GOAL["proxy_names"])
attempt(
    "network: raw and packet sockets",
    *(
        lambda args=args: socket.socket(*args)
        for args in ((socket.AF_INET, socket.SOCK_RAW, 1), (17, socket.SOCK_RAW, 0x0300))
    ),
)
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
request = b"lo".ljust(16, b"\0") + bytes.fromhex("02000000080808080000000000000000")
attempt("network: another address for itself", call("ioctl", own.fileno(), 0x8916, request))
attempt("rights: become root", lambda: os.setuid(0))
attempt("rights: host name", lambda: socket.sethostname("x"))
attempt("rights: mount", call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt(
    "rights: kernel modules and bpf", call("syscall", 175, 0, 0, 0), call("syscall", 321, 0, 0, 0)
)
attempt("files: the system's programs", write("/usr/x"), write("/x"))
attempt("files: the agent", write("/opt/fanlight/guest.pyz"))
attempt("devices: memory and disks", read("/dev/mem"), read("/dev/vda"), read("/dev/sda"))
attempt("devices: the stream to the host", write("/dev/vport1p1"))
if not IS_VM:
    attempt(
        "kernel: ptrace, keyctl, io_uring",
        call("ptrace", 0, 0, 0, 0),
        call("syscall", 250, 0, 0, 0),
        call("syscall", 425, 8, 0),
    )
    attempt(
        "kernel: other namespaces", call("setns", os.open("/proc/self/ns/net", os.O_RDONLY), 0)
    )
    attempt("kernel: vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
print(json.dumps({"met": met, "control": status(f"CONNECT {GOAL['pin']}")}))
