"""Sessions by the dozen, a third of them hit by kill -9: a run of the bench, small enough."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

SESSIONS, SEED = 30, 2027
ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(300)
async def test_every_session_ends_with_the_right_reason_and_nothing_is_left() -> None:
    words = ["-m", "bench", "chaos", "--count", str(SESSIONS), "--seed", str(SEED)]
    bench = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await bench.communicate()
    said = json.loads(out.splitlines()[-1])

    assert said["wrong"] == []
    assert said["left"] == {}
    assert sum(said["reasons"].values()) == SESSIONS
    assert said["killed"].keys() == {"guest", "machine", "gateway", "controller", "keeper"}
    assert bench.returncode == 0
