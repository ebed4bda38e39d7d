"""Everything works for somebody who is not root, and says what is weaker then."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(120)
HERE = Path(__file__).parent
SOURCE = HERE.parents[2] / "src"
ORDINARY_UID = 1001


@pytest.fixture
def data() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    uid = ORDINARY_UID if os.geteuid() == 0 else os.geteuid()
    os.chown(path, uid, uid)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def readable() -> Iterator[Path]:
    """What the ordinary user runs, where they can read it: a checkout may stand in /root."""
    with tempfile.TemporaryDirectory(prefix="fl-", dir="/tmp") as place:
        Path(place).chmod(0o755)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCE / "fanlight", Path(place) / "src" / "fanlight", ignore=ignored)
        for script in ("ordinary.py", "guest_stand_in.py"):
            shutil.copy(HERE / script, place)
        yield Path(place)


def test_a_machine_is_made_used_and_destroyed_without_root(data: Path, readable: Path) -> None:
    become = ["setpriv", f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}", "--clear-groups"]
    done = subprocess.run(
        [
            *(become if os.geteuid() == 0 else []),
            *(
                "env",
                "-i",
                "PATH=/usr/bin:/bin",
                f"PYTHONPATH={readable / 'src'}",
                "HOME=/nonexistent",
            ),
            *("/usr/bin/python3", "-B", str(readable / "ordinary.py")),
            *(str(data), str(readable / "guest_stand_in.py")),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    found = json.loads(done.stdout)
    assert found["answer"]["out"].split() == ["403", "1000"], found["answer"]
    assert found["owner"] == found["uid"] != 0
    assert found["left"] == []
    assert found["report"]["namespaces"] == found["report"]["nested namespaces"] == "good"
    assert found["report"]["uids"] == "note", "what is weaker is said"
