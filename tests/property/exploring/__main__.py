"""Explore with a budget of one's own, and print how much there was."""

from __future__ import annotations

import argparse

from . import Budget, Explorer, explore


def main() -> None:
    """Read the budget and explore."""
    parser = argparse.ArgumentParser(prog="exploring", description=__doc__)
    for field, usual in Budget._field_defaults.items():
        parser.add_argument(f"--{field}", type=int, default=usual)
    budget = Budget(**vars(parser.parse_args()))
    print(budget, explore(Explorer(budget)), sep="\n")  # noqa: T201


main()
