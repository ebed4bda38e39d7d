"""What this host can do for a keeper, for `fanlight doctor`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from .cgroups import Cgroups, find_cgroups

LIMITED = {"memory": "memory", "pids": "processes", "cpu": "processor time"}
"""Controllers, and what they limit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was looked at, how it is, and the remedy."""

    name: str
    level: Literal["good", "note", "bad"]
    text: str
    remedy: str = ""
    code: str = ""
    """Of the table of causes (session/host_causes.py), for all that is not good."""


def host_report() -> list[Finding]:
    """Look at limits and separation on this host. Leaves nothing behind."""
    return [_cgroups(), _uids()]


def _cgroups() -> Finding:
    groups = find_cgroups(f"doctor-{os.getpid()}")
    try:
        return _describe(groups)
    finally:
        if groups:
            groups.remove()


def _describe(groups: Cgroups | None) -> Finding:
    remedy = "Run as root, or in a unit with Delegate=yes."
    if groups is None:
        return Finding(
            "limits",
            "note",
            "no control groups can be made here: a machine may use as much memory and processor "
            "time as there is",
            remedy,
            "separation-weak",
        )
    have = [word for each, word in LIMITED.items() if each in groups.groups]
    text = f"control groups version {groups.version} limit {', '.join(have)}"
    if len(have) == len(LIMITED):
        return Finding("limits", "good", text)
    lacks = ", ".join(word for word in LIMITED.values() if word not in have)
    text = f"{text}; not limited here: {lacks}"
    return Finding("limits", "note", text, remedy, "separation-weak")


def _uids() -> Finding:
    if os.geteuid() == 0:
        return Finding("uids", "good", "every machine runs under a uid of its own")
    return Finding(
        "uids",
        "note",
        "machines, gateway and keeper share your uid: what breaks out of a machine is you",
        "Run as root for a uid per machine.",
        "separation-weak",
    )
