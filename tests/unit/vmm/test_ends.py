"""Who a machine is, and why it ended."""

from __future__ import annotations

import base64
import re
import signal

from fanlight.vmm.run import SEED_BYTES, fresh_identity, how_it_ended


def test_no_two_machines_share_an_identity() -> None:
    one, other = fresh_identity("n"), fresh_identity("n")

    for part in ("hostname", "machine_id", "mac", "seed_b64"):
        assert getattr(one, part) != getattr(other, part), part


def test_an_identity_has_the_form_that_its_parts_must_have() -> None:
    said = fresh_identity("nonce")

    assert said.nonce == "nonce"
    assert re.fullmatch(r"fanlight-[0-9a-f]{8}", said.hostname)
    assert re.fullmatch(r"[0-9a-f]{32}", said.machine_id)
    assert re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", said.mac)
    assert int(said.mac[:2], 16) & 0b11 == 0b10, "locally administered, for one receiver"
    assert len(base64.b64decode(said.seed_b64)) == SEED_BYTES


def test_a_machine_whose_qemu_was_killed_ends_like_one_that_was_killed() -> None:
    """The keeper takes that status, and a full memory, for the reason."""
    over = how_it_ended(-signal.SIGKILL)

    assert over.status == 128 + signal.SIGKILL
    assert str(over) == "QEMU was killed by SIGKILL"


def test_a_crash_and_an_end_of_its_own_are_told_apart() -> None:
    assert str(how_it_ended(-signal.SIGSEGV)) == "QEMU was killed by SIGSEGV"
    assert str(how_it_ended(1)) == "QEMU ended with status 1"
    assert str(how_it_ended(0)) == "the machine switched itself off"
    assert all(how_it_ended(status).status for status in (-11, 0, 1))
