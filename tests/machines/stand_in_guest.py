# mypy: ignore-errors
# ruff: noqa
"""An agent that does what a test tells it, in place of the desktop: a snapshot of it is made fast.

Process 1 runs it as it runs the real one. One line of JSON a connection on link.sock: {"run":
[argv...]} runs a program and answers its status and output; {"python": "..."} runs Python.
Standard library only, as it runs in a machine.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

STAGES = "agent display desktop media browser"
HELD = os.urandom(16).hex()
"""What this process got of its random numbers before the snapshot: clones must not rely on it."""


def option(name):
    return sys.argv[sys.argv.index(name) + 1]


def answer(request):
    argv = request.get("run") or ["/usr/bin/python3", "-I", "-c", request["python"]]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    return {"status": done.returncode, "out": done.stdout[-20000:], "err": done.stderr[-20000:]}


def converse(connection):
    with connection, connection.makefile("rwb") as lines:
        line = lines.readline()
        if not line:
            return  # somebody only looked whether we listen
        request = json.loads(line)
        if "exit" in request:
            os._exit(request["exit"])
        try:
            said = answer(request)
        except Exception as error:
            said = {"status": -1, "out": "", "err": repr(error)}
        lines.write(json.dumps(said).encode() + b"\n")


def echo_control(control):
    """Send every packet of the host's back, as the media control socket's other end."""
    while data := control.recv(65536):
        control.send(b"echo " + data)


def main():
    control = socket.socket(fileno=int(option("--control-fd")))
    threading.Thread(target=echo_control, args=(control,), daemon=True).start()
    link = socket.socket(socket.AF_UNIX)
    link.bind("/run/fanlight/link.sock")
    link.listen(16)
    stages = int(option("--stages-fd"))
    signal.signal(signal.SIGUSR1, lambda *_: os.write(stages, b"renewed\n"))
    os.write(stages, (STAGES + "\n").encode())
    while True:
        connection, _ = link.accept()
        threading.Thread(target=converse, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
