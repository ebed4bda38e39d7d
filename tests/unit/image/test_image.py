"""An image is named by its content, is whole or not there, and says what is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fanlight.cli.app import app
from fanlight.errors import HostError, ImageDamaged, ImageMissing
from fanlight.image import Manifest, Part, ToolTree, images, layers, open_image, prune, verify
from fanlight.image.build import installed_packages
from fanlight.image.initrd import load_order, read_depends
from fanlight.image.layers import guest_inputs
from fanlight.image.manifest import digest_of
from fanlight.image.packages import read_uris
from fanlight.image.reading import FOLDER, read_recipe
from fanlight.image.sbom import sbom

DEPENDS = """\
kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/virtio/virtio.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz
kernel/drivers/virtio/virtio_ring.ko.xz:
kernel/drivers/char/hw_random/virtio-rng.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
"""  # noqa: E501 - as depmod writes it
STATUS = """\
Package: age
Status: install ok installed
Version: 1.1.1-1
Description: encryption
 of: files

Package: gone
Status: deinstall ok config-files
Version: 1
"""


def image_in(data: Path, name: str, made_at: float, content: bytes = b"layer") -> Path:
    inputs = f"inputs-{content.decode()}"
    (data / "image-parts" / inputs).mkdir(parents=True, exist_ok=True)
    directory = data / "images" / name
    directory.mkdir(parents=True)
    parts = []
    for role, file in (("kernel", "vmlinuz"), ("initrd", "initrd"), ("layer", "base.erofs")):
        path = directory / file
        path.write_bytes(content)
        parts.append(Part(role, file, inputs, digest_of(path), len(content)))
    manifest = Manifest(name, made_at, "6.1", tuple(parts), {"age": "1"}, {"wrangler": "4"})
    (directory / "manifest.json").write_text(manifest.to_json())
    return directory


def test_a_module_is_loaded_once_and_after_what_it_needs() -> None:
    order = load_order(("virtio_ring", "virtio_blk", "virtio_rng"), read_depends(DEPENDS))
    names = [each.rpartition("/")[2] for each in order]
    assert names == ["virtio_ring.ko.xz", "virtio.ko.xz", "virtio_blk.ko.xz", "virtio-rng.ko.xz"]


def test_what_the_kernel_has_built_in_is_not_loaded() -> None:
    assert load_order(("overlay",), read_depends(DEPENDS)) == []


def test_only_installed_packages_are_in_the_manifest() -> None:
    assert installed_packages(STATUS) == {"age": "1.1.1-1"}


def test_the_same_packages_have_the_same_digest_in_whatever_order_apt_names_them() -> None:
    lines = [
        "Reading package lists...",
        "'http://x/b.deb' b_2_amd64.deb 10 SHA256:bb",
        "'http://x/a.deb' a_1_amd64.deb 20 SHA256:aa",
    ]
    resolved = read_uris(lines)
    assert resolved.files == ("a_1_amd64.deb", "b_2_amd64.deb")
    assert resolved.bytes == 30
    assert read_uris(lines[::-1]).digest == resolved.digest
    other = [*lines[:2], "'http://x/a.deb' a_1_amd64.deb 20 SHA256:ac"]
    assert read_uris(other).digest != resolved.digest


def test_an_archive_that_offers_nothing_is_an_error() -> None:
    with pytest.raises(HostError):
        read_uris(["Reading package lists..."])


def test_the_recipe_is_named_by_every_byte_of_its_folder(tmp_path: Path) -> None:
    for path in (each for each in FOLDER.rglob("*") if each.is_file()):
        copy = tmp_path / path.relative_to(FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    assert read_recipe(tmp_path).digest == read_recipe().digest
    with (tmp_path / "initrd" / "init").open("a") as file:
        file.write("# one more line\n")
    assert read_recipe(tmp_path).digest != read_recipe().digest


def test_the_newest_image_is_opened_and_any_by_its_name(tmp_path: Path) -> None:
    image_in(tmp_path, "old", 1)
    image_in(tmp_path, "new", 2)
    assert open_image(tmp_path).name == "new"
    assert open_image(tmp_path, "old").name == "old"
    assert [each.name for each in images(tmp_path)] == ["new", "old"]
    with pytest.raises(ImageMissing):
        open_image(tmp_path, "never")


def test_without_an_image_the_remedy_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImageMissing) as raised:
        open_image(tmp_path)
    assert "image build" in raised.value.hint


def test_a_file_that_was_cut_off_is_seen_at_once_and_a_changed_one_by_verifying(
    tmp_path: Path,
) -> None:
    directory = image_in(tmp_path, "one", 1)
    verify(open_image(tmp_path))
    (directory / "base.erofs").write_bytes(b"LAYER")
    with pytest.raises(ImageDamaged, match=r"base\.erofs"):
        verify(open_image(tmp_path))
    (directory / "base.erofs").write_bytes(b"")
    with pytest.raises(ImageDamaged, match=r"base\.erofs"):
        open_image(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "parts": 3}'])
def test_a_directory_without_a_manifest_that_can_be_read_is_no_image(
    tmp_path: Path, text: str
) -> None:
    directory = image_in(tmp_path, "one", 1)
    (directory / "manifest.json").write_text(text)
    assert images(tmp_path) == []


def test_pruning_keeps_the_newest_and_the_parts_that_they_have(tmp_path: Path) -> None:
    image_in(tmp_path, "a", 1, b"one")
    image_in(tmp_path, "b", 2, b"two")
    image_in(tmp_path, "c", 3, b"two")
    assert prune(tmp_path, keep=2) == ["a"]
    assert [each.name for each in (tmp_path / "image-parts").iterdir()] == ["inputs-two"]
    assert prune(tmp_path, keep=0) == ["c", "b"]
    assert list((tmp_path / "image-parts").iterdir()) == []


def test_pruning_removes_what_is_damaged_and_what_was_cut_off(tmp_path: Path) -> None:
    image_in(tmp_path, "whole", 1, b"one")
    (image_in(tmp_path, "cut", 3, b"two") / "base.erofs").write_bytes(b"")
    (image_in(tmp_path, "unread", 2, b"three") / "manifest.json").write_text("{")
    (tmp_path / "images" / "other.part").mkdir()
    (tmp_path / "image-parts" / "other.part").mkdir()
    assert prune(tmp_path, keep=1) == ["cut", "other.part", "unread"]
    assert [each.name for each in (tmp_path / "images").iterdir()] == ["whole"]
    assert [each.name for each in (tmp_path / "image-parts").iterdir()] == ["inputs-one"]


def test_layers_are_named_by_how_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = tmp_path / "guest.pyz"
    guest.write_bytes(b"guest")
    tool = ToolTree("wrangler", "4", tmp_path)
    before = tool.inputs, guest_inputs(guest, {})
    monkeypatch.setattr(layers, "HOW", "in another way")
    after = tool.inputs, guest_inputs(guest, {})
    assert not set(before) & set(after)


def test_an_image_is_shown_with_its_layers_packages_and_tools(tmp_path: Path) -> None:
    image_in(tmp_path, "one", 1)
    shown = CliRunner().invoke(app, ["image", "show", "one", "--data", str(tmp_path)])
    assert shown.exit_code == 0
    said = " ".join(shown.output.split())
    for each in (
        "made at: 1970-01-01 00:00:01 UTC",
        "packages: 1",
        "tools: wrangler 4",
        f"{tmp_path}/images/one/sbom.json",
        "layer base.erofs 5",
    ):
        assert each in said


def test_the_bill_of_materials_names_packages_and_tools(tmp_path: Path) -> None:
    image_in(tmp_path, "one", 1)
    said = json.loads(sbom(open_image(tmp_path).manifest, "bookworm"))
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.5")
    purls = [each["purl"] for each in said["components"]]
    assert purls == ["pkg:deb/debian/age@1?distro=bookworm", "pkg:generic/wrangler@4"]
