"""A viewer in a process of its own, to be killed: says its offer, takes the answer, watches.

A line of JSON each way: {"sdp": ...}. Then a line {"frames": N} for each ten frames received.
"""

import asyncio
import json
import sys

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> None:
    peer = RTCPeerConnection()
    peer.addTransceiver("video", direction="recvonly")
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    await peer.setLocalDescription(await peer.createOffer())
    say(json.dumps({"sdp": peer.localDescription.sdp}))
    line = await asyncio.to_thread(sys.stdin.readline)
    await peer.setRemoteDescription(RTCSessionDescription(json.loads(line)["sdp"], "answer"))
    track = await tracks.get()
    frames = 0
    while True:
        await track.recv()
        frames += 1
        if frames % 10 == 0:
            say(json.dumps({"frames": frames}))


asyncio.run(main())
