"""What the doctor says of virtual machines on a host that has nothing for them."""

from __future__ import annotations

from pathlib import Path

from fanlight.machines import vm_report
from fanlight.machines.accel import probe


def test_a_host_without_an_image_is_told_how_to_make_one(tmp_path: Path) -> None:
    (image,) = [each for each in vm_report(tmp_path) if each.name == "image"]

    assert (image.level, image.code) == ("bad", "image-missing")
    assert "fanlight image build" in image.remedy


def test_a_host_without_kvm_emulates(tmp_path: Path) -> None:
    found = probe(tmp_path / "kvm")

    assert found.name == "tcg"
    assert str(tmp_path / "kvm") in found.why
