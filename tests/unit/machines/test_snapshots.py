"""Snapshots on disk: whole or not at all, and whatever a machine has left where one was made."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from fanlight.machines.sealed_memory import SealedMemory, digest_of
from fanlight.machines.snapshots import MEMORY, STATE, SnapshotStore, key_of
from fanlight.machines.vm_argv import VmShape

KEY = "0123456789abcdef"
UID = os.geteuid()


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path)


def written(store: SnapshotStore, key: str = KEY, content: bytes = b"a desktop") -> Path:
    """Have a machine write one; give the directory that it did it in."""
    part = store.begin(key, 4, UID)
    with (part / MEMORY).open("r+b") as memory:
        memory.seek(1 << 20)
        memory.write(content)
    (part / STATE).write_bytes(b"devices")
    return part


def test_what_a_machine_has_written_to_its_end_becomes_a_snapshot(store: SnapshotStore) -> None:
    part = written(store)

    made = store.finish(KEY, "image")

    assert store.find(KEY) == made
    assert made.memory.stat().st_size == 4 << 20
    assert made.memory.stat().st_mode & 0o777 == 0o600
    assert not part.exists()


def test_what_was_begun_and_not_finished_is_no_snapshot(store: SnapshotStore) -> None:
    part = store.begin(KEY, 4, UID)

    assert store.find(KEY) is None
    assert not store.is_written(KEY)
    with pytest.raises(FileNotFoundError):
        store.finish(KEY, "image")
    store.give_up(KEY)
    assert not part.exists()


@pytest.mark.parametrize("name", [MEMORY, STATE])
def test_a_link_that_a_machine_left_is_not_followed(
    store: SnapshotStore, tmp_path: Path, name: str
) -> None:
    """It could lead to any file of the host's, which we, as root, would open to everybody."""
    secret = tmp_path / "shadow"
    secret.write_text("secret")
    secret.chmod(0o600)
    part = written(store)
    (part / name).unlink()
    (part / name).symlink_to(secret)

    with pytest.raises(OSError, match=r"symbolic links|Too many levels"):
        store.finish(KEY, "image")

    assert secret.stat().st_mode & 0o777 == 0o600
    assert store.find(KEY) is None


def test_a_second_name_of_a_file_elsewhere_is_refused(
    store: SnapshotStore, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text("somebody else's")
    part = written(store)
    (part / STATE).unlink()
    os.link(other, part / STATE)

    with pytest.raises(OSError, match="not a file of its own"):
        store.finish(KEY, "image")


def test_a_pipe_is_refused_and_waits_for_nobody(store: SnapshotStore) -> None:
    part = written(store)
    (part / STATE).unlink()
    os.mkfifo(part / STATE)

    with pytest.raises(OSError, match="not a file of its own"):
        store.finish(KEY, "image")


def test_a_state_that_was_changed_since_is_no_snapshot(store: SnapshotStore) -> None:
    written(store)
    made = store.finish(KEY, "image")

    made.state.write_bytes(b"devicEs")

    assert store.find(KEY) is None


def test_memory_that_was_changed_since_is_seen_when_it_is_read(store: SnapshotStore) -> None:
    written(store)
    made = store.finish(KEY, "image")

    whole = SealedMemory(made.memory)
    assert whole.sha256 == made.memory_sha256
    with made.memory.open("r+b") as memory:
        memory.write(b"x")
    changed = SealedMemory(made.memory)

    assert changed.sha256 != made.memory_sha256
    for each in (whole, changed):
        each.close()


def test_snapshots_of_another_image_are_pruned(store: SnapshotStore) -> None:
    for key, image in (("a" * 16, "old"), ("b" * 16, "new"), ("c" * 16, "new")):
        written(store, key)
        store.finish(key, image)
    half = store.begin(KEY, 4, UID)

    assert store.prune("new") == ["a" * 16]

    assert store.find("a" * 16) is None
    assert store.find("b" * 16)
    assert store.find("c" * 16)
    assert half.exists(), "one that is being made is nobody's to remove"


def test_each_shape_and_each_image_has_a_snapshot_of_its_own() -> None:
    shape = VmShape("tcg", 2048, 2, restricted=True)
    others = [
        VmShape("kvm", 2048, 2, restricted=True),
        VmShape("tcg", 4096, 2, restricted=True),
        VmShape("tcg", 2048, 1, restricted=True),
        VmShape("tcg", 2048, 2, restricted=False),
        VmShape("tcg", 2048, 2, restricted=True, pids=512),
        VmShape("tcg", 2048, 2, restricted=True, home_mib=256),
    ]

    keys = {key_of("one", shape), key_of("other", shape), *(key_of("one", o) for o in others)}

    assert len(keys) == 8


def test_the_memory_that_machines_share_cannot_be_written_by_any(tmp_path: Path) -> None:
    source = tmp_path / "memory"
    source.write_bytes(b"desktop".ljust(8192, b"\0"))
    memory = SealedMemory(source)
    opened = os.open(memory.path, os.O_RDWR)  # as QEMU does

    with pytest.raises(PermissionError):
        os.pwrite(opened, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(opened, 0)
    with pytest.raises(PermissionError):
        mmap.mmap(opened, 4096, flags=mmap.MAP_SHARED, prot=mmap.PROT_WRITE)
    with mmap.mmap(opened, 4096, flags=mmap.MAP_PRIVATE) as private:
        private[:7] = b"changed"

    assert os.pread(opened, 7, 0) == b"desktop"
    os.close(opened)
    memory.close()


def test_a_digest_does_not_tell_holes_from_zeros(tmp_path: Path) -> None:
    holes, zeros = tmp_path / "holes", tmp_path / "zeros"
    content = b"x".ljust(3 << 20, b"\0") + b"y".ljust(5 << 20, b"\0") + b"z"
    zeros.write_bytes(content)
    with holes.open("wb") as file:
        for at, byte in ((0, b"x"), (3 << 20, b"y"), (8 << 20, b"z")):
            file.seek(at)
            file.write(byte)

    def digest(path: Path) -> str:
        with path.open("rb") as file:
            return digest_of(file.fileno())

    assert digest(holes) == digest(zeros)
    with zeros.open("r+b") as changed:
        changed.seek(4 << 20)
        changed.write(b"\1")
    assert digest(zeros) != digest(holes)
