"""A login, as its owner and requester move it."""

from __future__ import annotations

from fanlight.errors import Expired
from fanlight.session import login
from fanlight.wire import PrincipalId, SessionId

from .registry import Registry


class LoginSide(Registry):
    """Confirm or reject the account; fetch the credential, acknowledge it."""

    async def confirm(self, principal: PrincipalId, id: SessionId, account: str) -> None:
        """The owner confirms the account that was shown.

        Raises:
            CallerError: it is another one. IllegalEvent: nothing is to be confirmed.
        """
        driver = await self.live(principal, id)
        driver.sign(login.OwnerConfirmed(account))
        await driver.outbox.settled()

    async def reject(self, principal: PrincipalId, id: SessionId) -> None:
        """The owner does not want this account. Raises IllegalEvent."""
        driver = await self.live(principal, id)
        driver.sign(login.OwnerRejected())
        await driver.outbox.settled()

    async def credential(self, principal: PrincipalId, id: SessionId) -> bytes:
        """Give the sealed credential; the same again until it is acknowledged.

        Raises:
            IllegalEvent: it is not sealed yet. Expired: it is gone.
        """
        driver = self.owned(principal, id)
        if driver is None:
            await self.stored(principal, id)
            raise Expired("the credential was delivered, deleted, or never made")
        driver.sign(login.DeliveryFetched())
        await driver.outbox.settled()
        found = await self._store.bundle(id, self._clock())
        if found is None:
            raise Expired("the credential could not be kept")
        driver.outbox.audit(driver.record, "delivered", {})
        return found

    async def acknowledge(self, principal: PrincipalId, id: SessionId) -> None:
        """The requester has the credential: it is deleted, the session ends. Twice is once.

        Raises:
            IllegalEvent: it was not fetched. Expired: it is gone unacknowledged.
        """
        driver = self.owned(principal, id)
        if driver is None:
            login_memo = (await self.stored(principal, id)).memo.get("login", {})
            if login_memo.get("state") != login.State.DELIVERED.value:
                raise Expired("the credential is gone; nobody acknowledged it in time")
            return
        before = driver.login.state if driver.login else None
        driver.sign(login.Acknowledged())
        if before is not login.State.DELIVERED:
            driver.outbox.audit(driver.record, "acknowledged", {})
        await driver.outbox.settled()
