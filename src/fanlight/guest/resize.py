"""Giving the display another size, by asking its own VNC server (RFB 6.4.7, SetDesktopSize)."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

_VERSION = b"RFB 003.008\n"
_NO_SECURITY = 1
_EXTENDED_DESKTOP_SIZE = -308
_TIMEOUT_S = 5.0


async def resize(rfb_path: Path, width_px: int, height_px: int) -> None:
    """Ask for a display of that size, in pixels. Programs hear of it from the X server.

    Raises:
        OSError: the VNC server does not answer as it must, or not in time.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await _ask(rfb_path, width_px, height_px)
    except (TimeoutError, asyncio.IncompleteReadError, struct.error) as error:
        raise OSError(f"the display kept its size: {type(error).__name__}") from error


async def _ask(rfb_path: Path, width_px: int, height_px: int) -> None:
    reader, writer = await asyncio.open_unix_connection(rfb_path)
    try:
        await reader.readexactly(len(_VERSION))
        writer.write(_VERSION)
        (count,) = await reader.readexactly(1)
        await reader.readexactly(count)
        writer.write(bytes([_NO_SECURITY]))
        await reader.readexactly(4)
        writer.write(b"\1")
        head = await reader.readexactly(24)
        await reader.readexactly(struct.unpack("!I", head[20:])[0])
        writer.write(struct.pack("!BxHi", 2, 1, _EXTENDED_DESKTOP_SIZE))
        writer.write(_update_request(incremental=False))
        await _read_size(reader)
        writer.write(struct.pack("!BxHHBx", 251, width_px, height_px, 1))
        writer.write(struct.pack("!IHHHHI", 0, 0, 0, width_px, height_px, 0))
        writer.write(_update_request(incremental=True))
        await _read_size(reader)
    finally:
        writer.close()


def _update_request(*, incremental: bool) -> bytes:
    # One pixel: we want the size, not the picture.
    return struct.pack("!BBHHHH", 3, int(incremental), 0, 0, 1, 1)


async def _read_size(reader: asyncio.StreamReader) -> None:
    """Read updates up to the first that tells the size."""
    while True:
        (kind,) = await reader.readexactly(1)
        if kind != 0:
            raise OSError("the VNC server said something unexpected")
        _, count = struct.unpack("!BH", await reader.readexactly(3))
        for _ in range(count):
            _, status, width, height, encoding = struct.unpack(
                "!HHHHi", await reader.readexactly(12)
            )
            if encoding == _EXTENDED_DESKTOP_SIZE:
                (screens,) = struct.unpack("!B3x", await reader.readexactly(4))
                await reader.readexactly(16 * screens)
                if status:
                    raise OSError(f"the display cannot have that size (status {status})")
                return
            await reader.readexactly(4 * width * height)
