"""A real server, started as a person starts it: `fanlight serve` in a process of its own."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

LINK = re.compile(r"https?://\S+/signin#token=\S+")
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


class RunningServer:
    """`fanlight serve` with a data directory of its own, ended and removed on exit.

    Args:
        settings: keys of the configuration file and their values (text, numbers, booleans, lists
            of text, tables of text). No machines are kept ready if they do not say so.
        data: keep the state here instead of in a directory that goes with the server.
        port: the TCP port that it listens on when it is entered; 0 picks a free one.
        within: a command that is given the server's as its arguments, and becomes it.
    """

    def __init__(
        self,
        settings: Mapping[str, object] | None = None,
        *,
        data: Path | None = None,
        port: int = 0,
        within: Sequence[str] = (),
    ) -> None:
        # What waits takes the computer from what a test looks at; who looks at it asks for it.
        self._settings = {"warm_machines": 0, **(settings or {})}
        self._within = tuple(within)
        self._owns_data, self._port = data is None, port
        self.data = data or _reachable_directory()
        self.output: list[str] = []
        self.link = ""
        self.url = ""
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    def __enter__(self) -> RunningServer:
        self.start(port=self._port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._owns_data:
            shutil.rmtree(self.data, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The controller's process id."""
        assert self._process
        return self._process.pid

    def start(self, *, port: int = 0) -> None:
        """Spawn it and wait for its sign-in link.

        Raises:
            TimeoutError: no link within a minute; what it printed is in the message.
        """
        config = self.data / "fanlight.toml"
        config.write_text("".join(_toml_line(key, value) for key, value in self._settings.items()))
        command = [str(Path(sys.executable).parent / "fanlight"), "serve", "--no-browser"]
        command += ["--port", str(port), "--data", str(self.data), "--config", str(config)]
        self._process = subprocess.Popen(
            [*self._within, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        )
        # A queue of its own: the end of a server before this one says nothing about this one.
        self._lines = queue.Queue()
        arguments = (self._process, self._lines)
        threading.Thread(target=self._read, args=arguments, daemon=True).start()
        self.link = self.wait_for_line(LINK, START_TIMEOUT_S)
        self.url = self.link.split("/signin#")[0]

    def wait_for_line(self, pattern: re.Pattern[str], timeout_s: float) -> str:
        """Give the first match in what the server prints from now on.

        Raises:
            TimeoutError: it did not come, or the server ended.
        """
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                break
            if found := pattern.search(line):
                return found.group(0)
        raise TimeoutError("the server did not say it; it said:\n" + "".join(self.output[-40:]))

    def interrupt(self) -> int:
        """Press Ctrl-C and give the exit status, waiting for it.

        Raises:
            subprocess.TimeoutExpired: it goes on after twenty seconds.
        """
        assert self._process
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(STOP_TIMEOUT_S)

    def terminate(self) -> int:
        """Have it stop alone, as for an upgrade, and give the exit status; sessions go on.

        Raises:
            subprocess.TimeoutExpired: it goes on after twenty seconds.
        """
        assert self._process
        self._process.terminate()
        return self._process.wait(STOP_TIMEOUT_S)

    def set(self, name: str, value: object) -> None:
        """Change a setting for the next start."""
        self._settings[name] = value

    def kill(self) -> None:
        """`kill -9` the controller alone; its keeper goes on."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it like Ctrl-C does, or by force; then there is no process of it."""
        if self._process is None or self._process.poll() is not None:
            return
        try:
            self.interrupt()
        except subprocess.TimeoutExpired:
            self.kill()

    def _read(self, process: subprocess.Popen[str], to: queue.Queue[str | None]) -> None:
        assert process.stdout
        with process.stdout as lines:
            for line in lines:
                self.output.append(line)
                to.put(line)
        to.put(None)


def _reachable_directory() -> Path:
    """A short path that machines under another uid can reach."""
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    path.chmod(0o711)
    return path


def _toml_line(key: str, value: object) -> str:
    return f"{key} = {_toml(value)}\n"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case Mapping():
            return "{" + ", ".join(f'"{k}" = {_toml(v)}' for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case _:
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
