"""One session's whole path, looked at from its host: for `fanlight doctor SESSION`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from fanlight.config import ServeSettings
from fanlight.errors import KeeperUnavailable, PeerError
from fanlight.host import Finding, KeeperClient, Layout, open_machine_socket
from fanlight.store import SessionRecord, Store
from fanlight.wire import Decoder, DescribeSession, GatewayHello, SessionId, encode

from .diagnosis import Heard, diagnose

LISTEN_S = 3.0
"""The gateway says figures every two seconds: each connection's are heard once, or twice."""
ANSWER_S = 2.0
READ_BYTES = 65_536
NEW_SESSION = "End the session and start a new one; restart `fanlight serve` if it stays."


def examine_session(settings: ServeSettings, session: str) -> list[Finding]:
    """Look at one session, from its record to its viewers' figures. Takes about four seconds."""
    return asyncio.run(_examine(settings, SessionId(session)))


async def _examine(settings: ServeSettings, session: SessionId) -> list[Finding]:
    async with await Store.open(settings.data / "store", now=time.time()) as store:
        record = await store.session(session)
    if record is None:
        remedy = "`fanlight sessions` lists those that are not over."
        text = f"there is no session {session}"
        return [Finding("session", "bad", text, remedy, "session-unknown")]
    findings = [_state(record)]
    if record.ended_at is None:
        layout = Layout(settings.data.absolute())
        findings += [await _keeper(layout, record), *await _machine(layout, record)]
        findings += await _path(layout, session)
    return findings


def _state(record: SessionRecord) -> Finding:
    text = f"{record.status}, of {record.owner}, for {record.tool or 'a desktop'}"
    if record.ended_at is None:
        return Finding("session", "good", text)
    if record.reason:
        text += f"; ended because: {record.reason.get('title') or record.reason.get('code')}"
    return Finding("session", "note", text, "", "session-over")


async def _keeper(layout: Layout, record: SessionRecord) -> Finding:
    client = KeeperClient()
    try:
        async with asyncio.timeout(ANSWER_S):
            state = await client.open(layout.keeper_socket)
    except (KeeperUnavailable, TimeoutError) as error:
        remedy = "Restart `fanlight serve`; it starts a keeper when there is none."
        return Finding("keeper", "bad", str(error) or "silent", remedy, "keeper-unavailable")
    finally:
        await client.close()
    held = next((each for each in state.machines if each.session == record.id), None)
    if held is None:
        text = f"keeper {state.pid} holds no machine of this session"
        if record.status in ("requested", "booting"):
            return Finding("keeper", "note", text, "It is on its way.", "machine-gone")
        return Finding("keeper", "bad", text, NEW_SESSION, "machine-gone")
    return Finding("keeper", "good", f"holds machine {held.machine}, process {held.pid}")


async def _machine(layout: Layout, record: SessionRecord) -> list[Finding]:
    if not record.machine_ref:
        return []
    place = layout.machines / record.machine_ref
    # The link has one controller at a time, and a probe would take its place.
    link = await asyncio.to_thread((place / "link.sock").exists)
    findings = [
        Finding("link", "good", "link.sock is there")
        if link
        else Finding("link", "bad", "link.sock is not there", NEW_SESSION, "machine-gone")
    ]
    for name, ask in (("vnc", _greeted), ("agent", _answered)):
        findings.append(await _asked(name, place / f"{name}.sock", ask))
    return findings


Ask = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def _asked(name: str, path: Path, ask: Ask) -> Finding:
    """Have a machine's socket say something: a stopped process still takes connections."""
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await open_machine_socket(path, READ_BYTES)
            with contextlib.closing(writer):
                said = await ask(reader, writer)
    except TimeoutError:
        text = f"{path.name} took the connection and said nothing in {ANSWER_S:g} s"
        return Finding(name, "bad", text, NEW_SESSION, "machine-silent")
    except OSError as error:
        text = f"{path.name} does not answer: {error.strerror or error}"
        return Finding(name, "bad", text, NEW_SESSION, "machine-gone")
    if not said:
        return Finding(name, "bad", f"{path.name} hung up", NEW_SESSION, "machine-silent")
    return Finding(name, "good", f"{path.name} answers")


async def _greeted(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bytes:
    """RFC 6143 section 7.1.1: the server speaks first."""
    return await reader.readline()


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Without the machine's token the agent refuses, which is an answer."""
    writer.write(b"GET /health HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n")
    return await reader.readline()


async def _path(layout: Layout, session: SessionId) -> list[Finding]:
    heard = Heard()
    try:
        await _listen(layout.gateway_socket, session, heard)
    except (OSError, PeerError) as error:
        text = f"gateway.sock does not answer: {error}"
        remedy = "The keeper starts it again by itself; its last words are in DATA/log/keeper.log."
        return [Finding("gateway", "bad", text, remedy, "gateway-unreachable")]
    return diagnose(heard)


async def _listen(path: Path, session: SessionId, heard: Heard) -> None:
    """Be one more controller for a few seconds: the gateway tells all of them everything."""
    reader, writer = await asyncio.open_unix_connection(path)
    decoder = Decoder()
    try:
        writer.write(encode(GatewayHello()) + encode(DescribeSession(session)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_S):
                while data := await reader.read(READ_BYTES):
                    for message in decoder.feed(data):
                        if getattr(message, "session", None) == session:
                            heard.take(message)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    if heard.described is None:
        raise TimeoutError("it took the connection and said nothing")
