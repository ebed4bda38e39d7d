"""The form of every figure: a line that describes the host, then a line for each name."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path


def describe_host(**more: object) -> None:
    """Print what these figures were measured on."""
    models = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    processor = models[0].split(":")[1].strip() if models else platform.processor()
    memory_kib = next(int(line.split()[1]) for line in _lines("/proc/meminfo"))
    print(
        json.dumps(
            {
                "host": {
                    "processor": processor,
                    "cores": os.cpu_count(),
                    "memory_mib": memory_kib // 1024,
                    "kernel": platform.release(),
                    "load": [round(value, 2) for value in os.getloadavg()],
                    "python": platform.python_version(),
                    "revision": _revision(),
                    **more,
                }
            }
        ),
        flush=True,
    )


def figure(name: str, values: Sequence[float], *, unit: str = "ms") -> None:
    """Print the spread of `values`; `p50` is the median."""
    if not values:
        print(json.dumps({"name": name, "unit": unit, "n": 0}), flush=True)
        return
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    row = {"min": ordered[0], "p50": statistics.median(ordered), "p95": p95, "max": ordered[-1]}
    rounded = {key: round(value, 1) for key, value in row.items()}
    print(json.dumps({"name": name, "unit": unit, "n": len(ordered), **rounded}), flush=True)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _revision() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
