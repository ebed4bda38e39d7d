# mypy: ignore-errors
# ruff: noqa
"""Keeper, sandbox and egress proxy as whoever runs this file, with the system's Python only."""

import asyncio
import json
import os
import sys
from pathlib import Path

from fanlight.host import KeeperClient, KeeperSettings, ensure_keeper
from fanlight.machines import MachineSpec, sandbox_report
from fanlight.machines.sandbox import SandboxProvider

PROGRAM = """
import socket, os
with socket.create_connection(("127.0.0.1", 3128), timeout=10) as sock:
    sock.sendall(b"CONNECT 127.0.0.1:80 HTTP/1.1\\r\\n\\r\\n")
    print(sock.recv(4096).decode().split(" ")[1], os.getuid())
"""


async def ask(path: Path, request: object) -> dict[str, object]:
    async with asyncio.timeout(10):
        while not path.exists():
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(json.dumps(request).encode() + b"\n")
        return dict(json.loads(await reader.readline()))


async def main() -> None:
    data = Path(sys.argv[1])
    gateway = ("/usr/bin/python3", "-I", "-S", "-c", "import signal; signal.pause()")
    client = KeeperClient()
    await client.open(await ensure_keeper(KeeperSettings(data, gateway_command=gateway)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        provider = SandboxProvider(client, data, guest=Path(sys.argv[2]))
        machine = await provider.start(MachineSpec("m1", "s1"))
        answer = await ask(machine.directory / "link.sock", {"python": PROGRAM})
        report = {each.name: each.level for each in sandbox_report()}
        owner = machine.directory.stat().st_uid
        await provider.destroy(machine.ref)
        left = sorted(each.name for each in (data / "run" / "m").iterdir())
        await client.end()
    print(
        json.dumps(
            {"answer": answer, "report": report, "owner": owner, "left": left, "uid": os.getuid()}
        )
    )


asyncio.run(main())
