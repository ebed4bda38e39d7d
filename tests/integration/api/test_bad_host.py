"""What a host that lacks something gets: a named problem with what to do, and nothing left."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.integration.api.real import SDP, Real, problem
from tests.integration.api.test_bad_input import OFFERED

from fanlight.testing.server import RunningServer

pytestmark = pytest.mark.timeout(120)

# A mount namespace of the test's own: whatever is mounted there goes with the last process in it.
OWN_MOUNTS = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--")
SMALL_DISK = """
config=$(cat "$0/fanlight.toml")
mount -t tmpfs -o size=400m,mode=711 tmpfs "$0"
echo "$config" >"$0/fanlight.toml"
exec "$@"
"""
HIDE = 'mount --bind /dev/null "$0"; exec "$@"'


@contextmanager
def data_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fl-", dir="/tmp", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def small() -> Iterator[Real]:
    """A server whose DATA is a disk of 400 MiB: enough for starts to be let in."""
    with data_directory() as data:
        within = [*OWN_MOUNTS, "sh", "-ec", SMALL_DISK, str(data)]
        with RunningServer(data=data, within=within) as server, Real(server) as real:
            yield real


def disk_of(real: Real) -> Path:
    """The server's DATA as the server sees it."""
    return Path(f"/proc/{real.server.pid}/root{real.server.data}")


def fill(place: Path) -> None:
    with open(place, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def test_a_full_disk_is_said_and_sessions_go_on(small: Real) -> None:
    session = str(small.start()["sessionId"])
    filler = disk_of(small) / "filler"
    fill(filler)

    refused = small.owner.post("/api/auth/start", json={})
    problem(refused, refused.status_code, "disk-full")
    assert refused.status_code in (503, 507)
    assert small.owner.get(f"/api/auth/session/{session}").json()["status"] == "vm_created"
    path = f"/api/webrtc/session/{session}/whep"
    opened = small.owner.post(path, content=OFFERED, headers=SDP)
    assert opened.status_code == 201, "a picture needs no disk"
    assert small.owner.delete(opened.headers["location"]).status_code == 200

    filler.unlink()
    again = str(small.start()["sessionId"])
    for each in (session, again):
        small.end(each)
    assert list((disk_of(small) / "run" / "m").iterdir()) == []


def test_a_session_ends_on_a_full_disk(small: Real) -> None:
    session = str(small.start()["sessionId"])
    fill(disk_of(small) / "filler")

    small.owner.delete(f"/api/auth/session/{session}")

    machines = disk_of(small) / "run" / "m"
    deadline = time.monotonic() + 15
    while list(machines.iterdir()):
        assert time.monotonic() < deadline, "the machine is still there"
        time.sleep(0.05)
    assert small.owner.get("/api/auth/sessions").status_code == 200


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("/usr/bin/Xvnc", "tigervnc-standalone-server"),
        ("/usr/bin/bwrap", "bubblewrap"),
        ("/usr/lib/chromium/chromium", "chromium"),
        ("/usr/bin/openbox", "openbox"),
        ("/usr/bin/age", "age"),
    ],
)
def test_a_missing_package_is_named_with_its_remedy(program: str, package: str) -> None:
    within = [*OWN_MOUNTS, "sh", "-ec", HIDE, os.path.realpath(program)]
    with RunningServer(within=within) as server, Real(server) as real:
        began = real.owner.post("/api/auth/start", json={})
        if began.status_code == 202:
            reason = ended(real, began.json()["sessionId"])["reason"]
        else:
            reason = began.json()
        assert list((server.data / "run" / "m").iterdir()) == []
    assert reason["code"] == "package-missing", reason
    assert reason["hint"] == f"apt-get install {package}"


def ended(real: Real, session: str) -> dict[str, dict[str, str]]:
    deadline = time.monotonic() + 40
    while True:
        found = real.owner.get(f"/api/auth/session/{session}").json()
        if found["status"] == "ended":
            return dict(found)
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_port_in_use_is_said_and_nothing_is_started() -> None:
    with RunningServer() as server, data_directory() as data:
        port = server.url.rpartition(":")[2]
        program = ["fanlight", "serve", "--no-browser", "--port", port, "--data", str(data)]
        done = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 4, done
        assert f"port {port}" in done.stderr
        assert "--port" in done.stderr
        assert list(data.iterdir()) == []
