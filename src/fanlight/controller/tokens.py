"""Machine tokens: made from a key of this host, so that nothing but their hashes is stored.

A guest takes one identity for ever, so a restarted controller must say the same token again. It
can, without ever having written it down: a token is an HMAC of the machine's ref.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

from fanlight.errors import HostError
from fanlight.wire import MachineRef

KEY_BYTES = 32


class MachineTokens:
    """Gives each machine its token (`flm_...`)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, directory: Path) -> MachineTokens:
        """Read the key in `directory` (machines.key, 0600), made when there is none.

        Raises:
            HostError: it cannot be read or made.
        """
        file = directory / "machines.key"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                _write_new(file, secrets.token_bytes(KEY_BYTES))
            key = file.read_bytes()
        except OSError as error:
            raise HostError(f"{file}: {error.strerror}") from None
        if len(key) != KEY_BYTES:
            raise HostError(f"{file} is damaged", hint="Remove it; running machines are lost.")
        return cls(key)

    def token(self, machine: MachineRef) -> str:
        """Give the machine's token. Not into a log, a URL, an argument or an environment."""
        mac = hmac.new(self._key, b"fanlight machine 1\0" + machine.encode(), hashlib.sha256)
        return "flm_" + urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()

    def sealing_key(self, machine: MachineRef) -> bytes:
        """Give the key that a machine is sealed with while it rests on disk: 32 bytes."""
        return hmac.new(
            self._key, b"fanlight resting machine 1\0" + machine.encode(), hashlib.sha256
        ).digest()


def _write_new(file: Path, content: bytes) -> None:
    """Make a file that is there whole or not at all, as two controllers may start at once."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, content)
        os.link(draft, file)
    finally:
        os.close(descriptor)
        draft.unlink()
