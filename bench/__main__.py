"""`./dev bench start`, `density`, `latency`, `networks` and `chaos`."""

from __future__ import annotations

import sys

from . import chaos, density, latency, networks, start

BENCHES = {
    "start": start.main,
    "density": density.main,
    "latency": latency.main,
    "networks": networks.main,
    "chaos": chaos.main,
}


def main() -> int:
    """Run the bench that is named, or say which there are."""
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if name not in BENCHES:
        print(f"usage: ./dev bench {' | '.join(BENCHES)}", file=sys.stderr)
        return 2
    BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
