"""A WHEP player in Python: aiortc and httpx, no browser.

    aiortc_player.py URL FRAMES       the ticket comes on standard input

Plays until that many frames were decoded, closes, and prints a transcript: a JSON object a line.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import re
import sys
from typing import Any
from urllib.parse import urljoin

import httpx
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

PATIENCE_S = 30


def say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def note(response: httpx.Response) -> None:
    """Write an exchange down, without what is secret."""
    request = response.request
    shown = {name: value for name, value in request.headers.items() if name == "content-type"}
    if "authorization" in request.headers:
        shown["authorization"] = "(a ticket)"
    answered = {k: v for k, v in response.headers.items() if k in SHOWN}
    if "link" in answered:
        answered["link"] = SECRETS.sub(r'\1="..."', answered["link"])
    say(
        request=f"{request.method} {request.url.path}",
        headers=shown,
        status=response.status_code,
        answered=answered,
    )


SECRETS = re.compile(r'(username|credential)="[^"]*"')
SHOWN = {"content-type", "location", "etag", "link", "retry-after", "accept-patch"}


async def play(url: str, ticket: str, frames: int) -> None:
    peer = RTCPeerConnection()
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    peer.on("connectionstatechange", lambda: say(state=peer.connectionState))
    peer.addTransceiver("video", direction="recvonly")
    headers = {"authorization": f"Bearer {ticket}"}
    hooks = {"response": [note]}
    async with httpx.AsyncClient(headers=headers, event_hooks=hooks, timeout=20) as client:
        await peer.setLocalDescription(await peer.createOffer())
        sdp = {"content-type": "application/sdp"}
        answer = await client.post(url, content=peer.localDescription.sdp, headers=sdp)
        answer.raise_for_status()
        await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        track = await tracks.get()
        for _ in range(frames):
            frame = await track.recv()
        say(frames=frames, size=[frame.width, frame.height])
        await peer.close()
        (await client.delete(urljoin(url, answer.headers["location"]))).raise_for_status()


async def main() -> None:
    say(player="aiortc", version=importlib.metadata.version("aiortc"))
    async with asyncio.timeout(PATIENCE_S):
        await play(sys.argv[1], sys.stdin.readline().strip(), int(sys.argv[2]))


if __name__ == "__main__":
    asyncio.run(main())
