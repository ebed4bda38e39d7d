"""What the guest reads of RTCP: does this packet ask for a key frame? (RFC 4585, RFC 5104)"""

from __future__ import annotations

_PAYLOAD_SPECIFIC = 206
_PLI, _FIR = 1, 4


def asks_for_key_frame(data: bytes) -> bool:
    """Whether a compound packet holds a PLI or FIR. Whatever else it is, it is not."""
    while len(data) >= 4 and data[0] >> 6 == 2:
        if data[1] == _PAYLOAD_SPECIFIC and data[0] & 0x1F in (_PLI, _FIR):
            return True
        data = data[4 * (int.from_bytes(data[2:4], "big") + 1) :]
    return False
