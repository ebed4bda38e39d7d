"""How much memory this host has to spare for machines that nobody uses yet."""

from __future__ import annotations

from pathlib import Path

from .demand import Room

MEMINFO = Path("/proc/meminfo")
ENOUGH_MIB, ENOUGH_SHARE = 1536, 0.25
"""What must be there before one more is made: the larger of the two. A desktop takes some 300 MiB
before its first page."""
SHORT_MIB, SHORT_SHARE = 768, 0.10
"""With less, what waits is given up."""


def memory_room() -> Room:
    """Look at the host's memory."""
    fields = {
        line.split(":")[0]: int(line.split()[1]) // 1024
        for line in MEMINFO.read_text().splitlines()
        if line.startswith(("MemTotal:", "MemAvailable:"))
    }
    return room_for(fields["MemAvailable"], fields["MemTotal"])


def room_for(available_mib: int, total_mib: int) -> Room:
    """Judge how much of the host's memory is available."""
    if available_mib < max(SHORT_MIB, SHORT_SHARE * total_mib):
        return "short"
    if available_mib < max(ENOUGH_MIB, ENOUGH_SHARE * total_mib):
        return "tight"
    return "enough"
