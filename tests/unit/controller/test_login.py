"""A login: what is released, when, to whom, and how often."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pyrage
import pytest

from fanlight.controller import StartRequest
from fanlight.errors import CallerError, Expired, IllegalEvent, InvalidRequest
from fanlight.store import OWNER
from fanlight.wire import (
    AccountVerified,
    CliStarted,
    CredentialSealed,
    LoginRejected,
    PageOpened,
    RejectLogin,
    ReleaseCredential,
    SessionId,
    StartLogin,
)

if TYPE_CHECKING:
    from .conftest import Stage

RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())
SEALED = b"age-encryption.org/v1\n-> X25519 ...\nciphertext"
BUNDLE = CredentialSealed(base64.b64encode(SEALED).decode())
REQUEST = StartRequest(tool="toy", recipient=RECIPIENT)


async def verified(stage: Stage, account: str = "ada@example.org") -> SessionId:
    id_ = (await stage.controller.start(OWNER, REQUEST)).session_id
    await stage.reaches(id_, "vm_created")
    order = await stage.machine.hears(StartLogin)
    assert isinstance(order, StartLogin)
    assert (order.recipient, order.session) == (RECIPIENT, id_)
    for said in (CliStarted(), PageOpened("idp.test"), AccountVerified(account)):
        stage.machine.say(said)
    await stage.login_reaches(id_, "verified")
    return id_


async def sealed(stage: Stage) -> SessionId:
    id_ = await verified(stage)
    await stage.controller.confirm(OWNER, id_, "ada@example.org")
    await stage.machine.hears(ReleaseCredential)
    stage.machine.say(BUNDLE)
    await stage.login_reaches(id_, "sealed")
    return id_


async def test_only_the_browser_of_a_login_is_held_to_what_a_login_needs(stage: Stage) -> None:
    async with stage.controlled() as controller:
        for request in (REQUEST, StartRequest()):
            await stage.reaches((await controller.start(OWNER, request)).session_id, "vm_created")
    assert [spec.restricted for spec in stage.provider.started] == [True, False]


async def test_a_credential_is_delivered_once(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = await sealed(stage)

        assert await controller.credential(OWNER, id_) == SEALED
        assert await controller.credential(OWNER, id_) == SEALED
        await controller.acknowledge(OWNER, id_)
        over = await stage.reaches(id_, "ended")
        assert over.reason is not None
        assert over.reason.code == "login-delivered"
        with pytest.raises(Expired):
            await controller.credential(OWNER, id_)
        await controller.acknowledge(OWNER, id_)
    actions = {each.action for each in await stage.store.history(OWNER)}
    assert actions == {
        "started", "verified", "confirmed", "sealed", "delivered", "acknowledged", "ended"
    }  # fmt: skip


async def test_the_machine_is_gone_as_soon_as_the_credential_is_sealed(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = await sealed(stage)
        await stage.until(lambda: not stage.refs())

        assert (await controller.session(OWNER, id_)).status == "vm_created"
        assert await controller.credential(OWNER, id_) == SEALED


async def test_only_the_verified_account_can_be_confirmed(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = await verified(stage)

        with pytest.raises(CallerError, match="not the one"):
            await controller.confirm(OWNER, id_, "eve@example.org")
        with pytest.raises(IllegalEvent):
            await controller.credential(OWNER, id_)
        assert not any(isinstance(m, ReleaseCredential) for m in stage.machine.heard)


async def test_the_account_that_a_guest_names_is_made_inert(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = await verified(stage, "ada\x1b[2J\u202e@" + "x" * 500)

        login = (await controller.session(OWNER, id_)).login
        assert login is not None
        assert login.account is not None
        assert login.account.startswith("ada [2J @xxx")
        assert len(login.account) <= 128


async def test_a_rejected_account_is_signed_out_and_nothing_is_released(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = await verified(stage)
        machine = stage.machine
        await controller.reject(OWNER, id_)
        await machine.hears(RejectLogin)
        machine.say(LoginRejected(revoked=True))

        over = await stage.reaches(id_, "ended")
        assert over.reason is not None
        assert over.reason.code == "login-rejected"
        assert not any(isinstance(m, ReleaseCredential) for m in machine.heard)


async def test_a_bundle_in_plain_text_is_never_stored(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = await verified(stage)
        await controller.confirm(OWNER, id_, "ada@example.org")
        stage.machine.say(CredentialSealed(base64.b64encode(b'{"token": "x"}').decode()))

        await stage.until(lambda: controller.drivers[id_].guest.link is not None)
        assert await stage.store.bundle(id_, 0.0) is None
        assert (await stage.login_reaches(id_, "confirmed")).status == "vm_created"


async def test_a_recipient_must_be_an_age_key(stage: Stage) -> None:
    async with stage.controlled() as controller:
        for recipient in (None, "age1" + "q" * 58, "ssh-ed25519 AAAA"):
            with pytest.raises(InvalidRequest):
                await controller.start(OWNER, StartRequest(tool="toy", recipient=recipient))


async def test_a_restart_between_sealing_and_fetching_loses_nothing(stage: Stage) -> None:
    async with stage.controlled():
        id_ = await sealed(stage)
        await stage.until(lambda: not stage.refs())
    async with stage.controlled() as controller:
        assert await controller.credential(OWNER, id_) == SEALED
        await controller.acknowledge(OWNER, id_)
        await stage.reaches(id_, "ended")


async def test_a_restart_before_the_confirmation_keeps_the_account(stage: Stage) -> None:
    async with stage.controlled():
        id_ = await verified(stage)
    async with stage.controlled() as controller:
        await stage.login_reaches(id_, "verified")
        await controller.confirm(OWNER, id_, "ada@example.org")
        await stage.machine.hears(ReleaseCredential)
