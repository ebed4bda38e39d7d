"""What real programs sent: offers as they were posted, packets as they came.

`offers/`: Chromium's (as our viewer, whip-whep and Eyevinn's player make them, and with sendrecv),
aiortc's, and one in the shape of Firefox's. `rtp/`: GStreamer's payloaders, a packet a line.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def offers() -> dict[str, str]:
    """Give every offer by its name, with the line ends that SDP has."""
    files = sorted((HERE / "offers").glob("*.sdp"))
    return {file.stem: "\r\n".join(file.read_text().splitlines()) + "\r\n" for file in files}


def packets(codec: str) -> list[bytes]:
    """Give the packets of a short picture stream."""
    return [bytes.fromhex(line) for line in (HERE / "rtp" / f"{codec}.hex").read_text().split()]
