"""A build uses what is there and whole, makes the rest, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from tests.integration.image.stand_in import StandIn

from fanlight.errors import DiskFull, HostError, ImageDamaged
from fanlight.image import Image, build, images, open_image, prune, verify
from fanlight.image.commands import MADE_AT

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root builds images"),
    pytest.mark.timeout(120),
]
PATIENCE_S = 60.0
BUILD = sys.modules["fanlight.image.build"]
"""The module; the package calls its function so."""


@pytest.fixture(autouse=True)
def builds_may_block(no_blocking_calls: BlockBuster) -> None:
    """A build is a program of its own, with nothing else in its loop."""
    no_blocking_calls.deactivate()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setattr(BUILD, "NEEDED_BYTES", 0)
    made = StandIn(tmp_path / "debian")
    monkeypatch.setenv("PATH", f"{made.place}:{os.environ['PATH']}")
    return made


def quiet(percent: int, what: str) -> None:
    pass


def built(data: Path, debian: StandIn, *tools: str) -> Image:
    return asyncio.run(build(data, debian.wanted(*tools), quiet))


def spoil(path: Path) -> None:
    """Change a byte as a bad disk does, and leave the size alone."""
    with path.open("r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))


def half_done(data: Path) -> list[str]:
    return [each.name for each in data.rglob("*.part")]


class Builds:
    """Builds in one task group; `heard[0]` is what the first says, and so on."""

    def __init__(self, tasks: asyncio.TaskGroup, data: Path, debian: StandIn) -> None:
        self._tasks, self._data, self._debian = tasks, data, debian
        self.heard: list[list[str]] = []

    async def begin_until(self, said: str) -> asyncio.Task[Image]:
        """Begin one, and wait until it says that it is there."""
        heard: list[str] = []
        is_there = asyncio.Event()

        def told(percent: int, what: str) -> None:
            heard.append(what)
            if said in what:
                is_there.set()

        self.heard.append(heard)
        building = build(self._data, self._debian.wanted(), told)
        task = self._tasks.create_task(building)
        await asyncio.wait_for(is_there.wait(), PATIENCE_S)
        return task


def test_a_damaged_part_is_made_anew_and_the_image_that_has_it_too(
    data: Path, debian: StandIn
) -> None:
    first = built(data, debian)
    spoil(first.layers[0])
    with pytest.raises(ImageDamaged, match=r"base\.erofs"):
        verify(first)

    again = built(data, debian)

    assert again.name == first.name
    assert debian.calls == 2
    verify(again)


def test_a_damaged_part_gets_into_no_other_image(data: Path, debian: StandIn) -> None:
    first = built(data, debian)
    spoil(first.layers[0])

    other = built(data, debian, "wrangler")

    assert other.name != first.name
    assert debian.calls == 2
    verify(other)


def test_a_part_without_its_digests_is_made_anew(data: Path, debian: StandIn) -> None:
    built(data, debian)
    for path in (data / "image-parts").glob("*/sha256.json"):
        path.write_text("{")

    verify(built(data, debian, "wrangler"))

    assert debian.calls == 2


def test_an_image_that_is_there_needs_neither_room_nor_another_install(
    data: Path, debian: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built(data, debian)
    monkeypatch.setattr(BUILD, "NEEDED_BYTES", 1 << 60)

    assert built(data, debian) == first

    assert debian.calls == 1
    with pytest.raises(DiskFull):
        built(data, debian, "wrangler")


def test_an_image_that_is_there_needs_no_root(
    data: Path, debian: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built(data, debian)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert built(data, debian) == first

    with pytest.raises(HostError, match="only root"):
        built(data, debian, "wrangler")


def test_what_was_asked_for_last_is_the_newest(data: Path, debian: StandIn) -> None:
    plain = built(data, debian)
    with_tool = built(data, debian, "wrangler")
    assert open_image(data).name == with_tool.name

    built(data, debian)

    assert open_image(data).name == plain.name
    assert open_image(data).manifest.made_at == plain.manifest.made_at
    assert prune(data, keep=1) == [with_tool.name]


def test_a_further_tool_rebuilds_nothing_else_and_a_new_package_the_base(
    data: Path, debian: StandIn
) -> None:
    built(data, debian)
    built(data, debian, "wrangler")
    assert debian.calls == 1
    debian.release("2")
    built(data, debian, "wrangler")
    assert debian.calls == 2
    assert len(images(data)) == 3


async def test_a_build_waits_for_another_of_the_same_directory(
    data: Path, debian: StandIn
) -> None:
    (debian.place / "hang").touch()
    async with asyncio.TaskGroup() as tasks:
        builds = Builds(tasks, data, debian)
        first = await builds.begin_until("for ever")
        second = await builds.begin_until("another build")
        assert builds.heard[1] == ["waiting for another build of this directory"]
        (debian.place / "hang").unlink()
        first.cancel()
    verify(second.result())


async def test_nothing_is_pruned_while_an_image_is_built(data: Path, debian: StandIn) -> None:
    (debian.place / "hang").touch()
    async with asyncio.TaskGroup() as tasks:
        building = await Builds(tasks, data, debian).begin_until("for ever")
        with pytest.raises(HostError, match="being built"):
            prune(data, keep=0)
        assert half_done(data)
        building.cancel()


async def test_a_build_that_is_interrupted_leaves_nothing_half_done(
    data: Path, debian: StandIn
) -> None:
    (debian.place / "hang").touch()
    async with asyncio.TaskGroup() as tasks:
        building = await Builds(tasks, data, debian).begin_until("for ever")
        building.cancel()

    assert half_done(data) == []
    assert images(data) == []
    (debian.place / "hang").unlink()
    verify(await build(data, debian.wanted(), quiet))


def test_a_build_goes_on_with_what_was_whole_when_it_was_cut_off(
    data: Path, debian: StandIn
) -> None:
    wanted = debian.wanted("wrangler")
    (debian.place / "tools/wrangler/program").unlink()
    (debian.place / "tools/wrangler").rmdir()
    with pytest.raises(HostError):
        asyncio.run(build(data, wanted, quiet))
    assert half_done(data) == []

    verify(built(data, debian, "wrangler"))

    assert debian.calls == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_called_so_and_nothing_half_done_is_left(
    small_disk: Path, debian: StandIn
) -> None:
    (debian.place / "fill").touch()
    with pytest.raises(DiskFull, match="no room"):
        built(small_disk, debian)
    assert half_done(small_disk) == []


def test_what_a_build_runs_dies_with_it_even_when_it_is_killed() -> None:
    argv = ["sh", "-c", "sleep 100000 & readlink /proc/self/ns/pid; wait"]
    program = (
        "import asyncio\nfrom fanlight.image.commands import run\n"
        f"asyncio.run(run({argv!r}, what='it', on_line=lambda line: print(line, flush=True)))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout
        namespace = process.stdout.readline().decode().strip()
        inside = [each for each in Path("/proc").glob("[0-9]*") if _namespace(each) == namespace]
        watched = [os.pidfd_open(int(each.name)) for each in inside]
        process.kill()
    assert len(watched) == 2  # the shell and its child
    for each in watched:
        assert select.select([each], [], [], PATIENCE_S)[0], "it still runs"
        os.close(each)


def _namespace(process: Path) -> str:
    with contextlib.suppress(OSError):
        return str((process / "ns" / "pid").readlink())
    return ""


def test_programs_are_told_one_time_for_all_days(data: Path, debian: StandIn) -> None:
    image = built(data, debian)
    out = data / "out"
    subprocess.run(["fsck.erofs", f"--extract={out}", image.layers[0]], check=True)
    assert (out / "epoch").read_text().strip() == MADE_AT["SOURCE_DATE_EPOCH"]
