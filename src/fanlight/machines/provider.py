"""The contract between the controller and whatever makes machines.

A provider is an object that satisfies `Provider`; further powers are further small Protocols.
`fanlight.testing.conformance` says the same in tests, and every provider runs them.
Providers are entry points of the group `fanlight.providers`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from fanlight.errors import MachineRefused
from fanlight.wire import EgressPolicy, MachineRef, SessionId

_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What the controller wants of a machine."""

    ref: MachineRef
    """Unguessable, made by the controller, never used twice: as `check_ref` wants it."""
    session: SessionId
    """Empty: it is made to wait for `Pooled.assign`."""
    width_px: int = 1280
    height_px: int = 720
    """The display's size at first."""
    restricted: bool = True
    """Whether the browser is held to what a login needs: no downloads, files or tools."""
    policy: EgressPolicy = field(default_factory=EgressPolicy)
    memory_mib: int = 4096
    """Memory at most, its temporary file systems included. 0: no limit."""
    pids: int = 2048
    """Processes and threads at most. 0: no limit."""
    cpus: float = 2.0
    """Processors' worth of time at most, where the host lets us limit it. 0: no limit."""
    home_mib: int = 1024
    """Room in the machine's home directory, in memory."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that runs. In `directory` are its sockets: link.sock, vnc.sock, agent.sock."""

    ref: MachineRef
    session: SessionId
    directory: Path


@dataclass(frozen=True, slots=True)
class MachineEnd:
    """How a machine ended: its exit status and the last lines it wrote (untrusted text)."""

    status: int
    tail: str = ""
    out_of_memory_mib: int = 0
    """It died because its memory, so much, was full. 0: it did not."""


class Provider(Protocol):
    """Makes machines. Every method may be called at any time and from several tasks at once."""

    async def start(self, spec: MachineSpec) -> Machine:
        """Make a machine and return once its guest runs; link.sock may still be a moment away.

        When it raises, or is cancelled, nothing of the machine is left.

        Raises:
            MachineRefused: it could not be made, or `check_ref` refuses; the message says why.
            HostError: the host lacks something, for instance the keeper.
        """
        ...

    async def destroy(self, ref: MachineRef) -> None:
        """Destroy a machine and return when nothing of it is left. Of an unknown one: nothing."""
        ...

    async def list(self) -> tuple[Machine, ...]:
        """Give the machines there are now, also those made before the controller's restart."""
        ...

    async def wait(self, ref: MachineRef) -> MachineEnd:
        """Return when a machine is gone, by itself or destroyed, with nothing of it left.

        Raises:
            MachineNotFound: there is no such machine, and none of that name ended lately.
        """
        ...


@runtime_checkable
class Pooled(Provider, Protocol):
    """A provider whose machines can be made before there is a session for them.

    `start` with an empty session then makes a machine that waits: its desktop comes up, but nobody
    is shown it, it reaches nothing, and nobody has told it who it is. `list` gives it with the
    empty session, `destroy` and `wait` are the same. It is given to one session, once.
    """

    async def made_of(self) -> str:
        """Name what machines are made of now: image, runtime. Another name: other machines.

        Raises:
            FanlightError: none can be made.
        """
        ...

    async def assign(self, idle: MachineRef, spec: MachineSpec) -> Machine:
        """Give a machine that waits its session, ref and policy; from then on it is `spec.ref`.

        It was made for a spec that differs from this one in nothing but these and the display's
        size, which its guest is told over the link. When it is cancelled, nothing is left of the
        machine under either name.

        Raises:
            MachineRefused: it is gone, is somebody's already, or the new ref is taken.
            HostError: the host lacks something, for instance the keeper.
        """
        ...


@runtime_checkable
class Prepared(Provider, Protocol):
    """A provider that makes something once, before the first machine of a kind can be."""

    async def prepare(self, kind: MachineSpec) -> None:
        """Make it, or return at once when it is there. `start` does the same by itself.

        May take minutes. Ref, session, size and policy of `kind` do not count.

        Raises:
            FanlightError: it cannot be made.
        """
        ...


@runtime_checkable
class Suspends(Provider, Protocol):
    """A provider whose machines can be written to disk, and go on later as if nothing had been.

    The file is sealed under the key: without it, it is noise, and a changed one is refused. Both
    are the caller's, who removes the file. A provider without this is never asked.
    """

    async def suspend(self, ref: MachineRef, file: Path, key: bytes) -> None:
        """Write a machine to a new file, and end it. When it raises, there is no file.

        Raises:
            MachineRefused: it cannot be; it goes on, unless it is gone.
            HostError: the host lacks something.
        """
        ...

    async def resume(self, spec: MachineSpec, file: Path, key: bytes) -> Machine:
        """Have a suspended machine go on, with its ref, and the spec that it was made for.

        Clock and entropy are refreshed before its sockets are there; it is who it was. When it
        raises, nothing of the machine is left; the file is.

        Raises:
            MachineRefused: it does not go on; the message says why.
            HostError: the host lacks something, for instance the keeper.
        """
        ...


def check_ref(ref: str) -> None:
    """Refuse what is no ref, before a path is made of it: 32 letters, digits, `-` and `_` at most.

    Raises:
        MachineRefused: it is none.
    """
    if not _REF.fullmatch(ref):
        raise MachineRefused("the machine's ref is not one")
