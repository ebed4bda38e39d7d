"""The emulator as its users hold it: spawned, told what the network is, asked what it counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from .conditions import CLEAN, Conditions
from .namespaces import Namespace

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_S = 10.0


class Emulator:
    """A process between a TUN device in each of two namespaces; ended on exit.

    Args:
        seed: of losses and jitter: with the same seed the same packets are lost.
    """

    def __init__(self, viewer: Namespace, host: Namespace, *, seed: int = 1) -> None:
        self._devices = (viewer.tun(), host.tun())
        descriptors = [str(device) for device in self._devices]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.networks.emulator", *descriptors, str(seed)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=self._devices,
            # Ctrl-C is for those who use the network; it ends with them.
            start_new_session=True,
        )
        self.conditions = CLEAN

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for device in self._devices:
            os.close(device)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def set(self, conditions: Conditions) -> None:
        """From now on the network is like this; it holds when this returns.

        Raises:
            RuntimeError: the emulator refused, or is gone.
        """
        self._ask({"set": conditions.to_json()})
        self.conditions = conditions

    def counters(self) -> dict[str, dict[str, int]]:
        """What became of the packets: `up` (to the host) and `down`, as `path.Counters` names it.

        Raises:
            RuntimeError: the emulator is gone.
        """
        return self._ask({"counters": True})

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the emulator is gone")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"the emulator refused: {answer['error']}")
        return answer
