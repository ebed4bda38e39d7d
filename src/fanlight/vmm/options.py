"""What vmm.pyz is told: the only reader of its argument list."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """One virtual machine. Nothing secret: arguments can be read by everybody."""

    boot_fd: int
    kernel: Path
    initrd: Path
    layers: tuple[Path, ...]
    """Read-only disks, the base first."""
    accel: str = "tcg"
    """What QEMU runs the processors with: kvm or tcg."""
    memory_mib: int = 2048
    cpus: int = 2
    pids: int = 0
    """Processes and threads of the machine's user at most. 0: as many as its kernel has."""
    home_mib: int = 1024
    """Room in the machine's home directory, in its memory."""
    memory: str = ""
    """The file that is the machine's memory: a snapshot's to restore it, a new one to make one.
    Empty: none, the machine boots and is no snapshot."""
    state: str = ""
    """The file of the snapshot's other half."""
    is_saving: bool = False
    """Boot, wait until the desktop is quiet, write the snapshot, end."""
    is_resuming: bool = False
    """Go on from what comes through `state.sock`: a machine that was suspended."""
    display: str = "1280x720"
    restricted: bool = True
    run_dir: Path = Path("/run/fanlight")

    @property
    def is_restoring(self) -> bool:
        """Whether it goes on from a snapshot rather than boots."""
        return bool(self.state) and not self.is_saving


def parse(arguments: list[str]) -> Options:
    """Read the argument list; a mistake ends the process with a message, as argparse does."""
    parser = argparse.ArgumentParser(prog="vmm.pyz", allow_abbrev=False)
    parser.add_argument("--boot-fd", type=int, required=True)
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--initrd", type=Path, required=True)
    parser.add_argument("--layer", type=Path, action="append", required=True)
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg")
    parser.add_argument("--memory-mib", type=int, default=2048)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--pids", type=int, default=0)
    parser.add_argument("--home-mib", type=int, default=1024)
    memory = parser.add_mutually_exclusive_group()
    memory.add_argument("--memory", default="")
    memory.add_argument("--memory-fd", type=int, default=-1)
    parser.add_argument("--state", default="")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--display", default="1280x720")
    parser.add_argument("--no-login", action="store_true")
    parser.add_argument("--run-dir", type=Path, default=Path("/run/fanlight"))
    found = parser.parse_args(arguments)
    return Options(
        boot_fd=found.boot_fd,
        kernel=found.kernel,
        initrd=found.initrd,
        layers=tuple(found.layer),
        accel=found.accel,
        memory_mib=found.memory_mib,
        cpus=found.cpus,
        pids=found.pids,
        home_mib=found.home_mib,
        memory=f"/proc/self/fd/{found.memory_fd}" if found.memory_fd >= 0 else found.memory,
        state=found.state,
        is_saving=found.save,
        is_resuming=found.resume,
        display=found.display,
        restricted=not found.no_login,
        run_dir=found.run_dir,
    )
