"""Where things are in the DATA directory, and who may reach them."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from fanlight.errors import DiskFull, SettingRejected

SOCKET_PATH_BYTES = 107
"""unix(7): sun_path has 108 bytes, the last of them NUL."""
LONGEST_SOCKET = "run/m/" + "x" * 32 + "/agent.sock"
"""Machine refs are at most 32 characters."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one DATA directory."""

    data: Path

    @property
    def run(self) -> Path:
        """Sockets and what only counts while the keeper runs."""
        return self.data / "run"

    @property
    def machines(self) -> Path:
        """One directory for each machine, named by its ref."""
        return self.run / "m"

    @property
    def keeper_socket(self) -> Path:
        """Where the keeper listens, mode 0600."""
        return self.run / "keeper.sock"

    @property
    def gateway_socket(self) -> Path:
        """Where the gateway listens, mode 0600."""
        return self.run / "gateway.sock"

    @property
    def turn_secret(self) -> Path:
        """What our TURN server and the API share, mode 0600."""
        return self.data / "store" / "turn.secret"

    @property
    def lock(self) -> Path:
        """Held (flock) by the one keeper of this directory."""
        return self.run / "keeper.lock"

    @property
    def processes(self) -> Path:
        """What the keeper spawned, for the next keeper should this one be killed."""
        return self.run / "processes.json"

    @property
    def log(self) -> Path:
        """The keeper's own log, which has its children's last lines too."""
        return self.data / "log" / "keeper.log"

    @property
    def runtime(self) -> Path:
        """guest.pyz and gateway.pyz, by content."""
        return self.data / "runtime"

    @property
    def tools(self) -> Path:
        """Node and the tools' locked trees."""
        return self.data / "tools"

    def prepare(self) -> None:
        """Make the directories.

        Raises:
            SettingRejected: the path is too long for sockets, or other uids cannot get there.
            DiskFull: there is no room.
        """
        self._check_length()
        try:
            for directory, mode in (
                (self.data, 0o711),
                (self.run, 0o711),
                (self.machines, 0o711),
                (self.log.parent, 0o700),
                (self.runtime, 0o755),
                (self.tools, 0o755),
            ):
                directory.mkdir(mode=mode, parents=directory == self.data, exist_ok=True)
                directory.chmod(mode)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"{self.data}: {error.strerror}") from None
            raise SettingRejected(
                f"{self.data} cannot be the data directory: {error.strerror}",
                hint="Choose another place with --data.",
            ) from None
        self._check_reach()

    def _check_length(self) -> None:
        longest = os.fsencode(self.data / LONGEST_SOCKET)
        if len(longest) > SOCKET_PATH_BYTES:
            raise SettingRejected(
                f"the data directory's path is {len(longest) - SOCKET_PATH_BYTES} bytes too long "
                "for Unix sockets",
                hint="Choose a shorter one with --data.",
            )

    def _check_reach(self) -> None:
        """As root, machines run under uids of their own, which must get through to DATA."""
        if os.geteuid() != 0:
            return
        for directory in (self.data.resolve(), *self.data.resolve().parents):
            if not directory.stat().st_mode & stat.S_IXOTH:
                raise SettingRejected(
                    f"{directory} cannot be entered by machines, which have uids of their own",
                    hint=f"`chmod o+x {directory}`, or choose another place with --data.",
                )
